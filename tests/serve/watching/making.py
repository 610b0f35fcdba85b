"""What tests of watching as a service share: a film, a model that sees a car, a camera's row."""

import yaml

from serve.db.tables import CameraRow, utc_now
from serve.sealing import seal
from serve.watching.opening import PURPOSE, settings_of
from tests.make_watch import CAR
from vision.camera.config import Camera

ZONE = CAR["zones"][0]


def camera_settings(**changes):
    return Camera.model_validate({**CAR, "location": {"lon": 113.53, "lat": 22.79}, **changes})


def add_camera(service, address, *, enabled=True, **changes):
    """A camera's row as the API would leave it; returns its id and epoch."""
    camera = camera_settings(**changes)
    with service.database.write() as session:
        row = CameraRow(
            code=camera.id, name=camera.name, settings=settings_of(camera),
            address="shown", sealed_address=seal(service.settings, PURPOSE, address),
            enabled=enabled, enabled_at=utc_now() if enabled else None, watch_epoch=1,
            longitude=113.53, latitude=22.79, created_by="test",
        )  # fmt: skip
        session.add(row)
        session.flush()
        return row.id, row.watch_epoch


def car_yaml():
    return yaml.safe_dump(CAR)
