"""A made-up city for tests: sites, cameras, and findings as both doors give them."""

import hashlib
import math
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import shapely

from serve.db.tables import CameraRow, Comparison, Site, Survey
from serve.findings.intake import Origin, StoredFile, take
from vision.finding import (
    CameraSource,
    Evidence,
    Finding,
    GeoPolygon,
    Measure,
    RuleRef,
    SurveySource,
)

EAST, NORTH = 113.53, 22.79
METRE = 1 / 111_320
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


def square(east_m, north_m, side_m):
    """A square whose south-west corner lies so many metres from the city's middle."""
    wide = METRE / math.cos(math.radians(NORTH))
    return shapely.box(
        EAST + east_m * wide, NORTH + north_m * METRE,
        EAST + (east_m + side_m) * wide, NORTH + (north_m + side_m) * METRE,
    )  # fmt: skip


def surveyed(outline, *, name="a", kind="new_structure", score=0.8, at=MONDAY, **measures):
    """A finding as a comparison gives it."""
    return Finding(
        id=hashlib.sha256(f"{name}{kind}".encode()).hexdigest()[:20],
        kind=kind, score=score, geometry=GeoPolygon.from_shape(outline),
        first_seen=at, last_seen=at,
        measures={n: Measure(value=v, unit="m2") for n, v in measures.items()},
        rule=RuleRef(name=kind, version="1"),
        source=SurveySource(
            before="b.tif", after="a.tif", before_sha256="0" * 64, after_sha256="1" * 64
        ),
    )  # fmt: skip


def watched(box, *, name="a", kind="illegal_parking", score=0.8, at=MONDAY, plate=None):
    """A finding as a camera gives it."""
    return Finding(
        id=hashlib.sha256(f"{name}{kind}".encode()).hexdigest()[:20],
        kind=kind, score=score, bbox_xyxy=box, first_seen=at,
        last_seen=at + timedelta(seconds=300),
        measures={"dwell_s": Measure(value=300.0, unit="s")},
        attributes={"class": "car", **({"plate_text": plate} if plate else {})},
        rule=RuleRef(name="illegal_parking", version="1", thresholds={"dwell_s": 300.0}),
        source=CameraSource(camera_id="44011500081320000001", zone="kerb"),
    )  # fmt: skip


def file_of(content=b"picture", role="before", *, sealed=False, media_type="image/jpeg"):
    sha256 = hashlib.sha256(content).hexdigest()
    evidence = Evidence(role=role, media_type=media_type, path=f"{role}.jpg", sha256=sha256,
                        size_bytes=len(content))  # fmt: skip
    return StoredFile(evidence, f"evidence/{sha256}.jpg", sealed)


class City:
    """A service with a site, three surveys and a camera."""

    def __init__(self, service):
        self.service = service
        with service.database.write() as session:
            session.add(Site(id="site-1", name="Jinlong Village 金龙村"))
            session.add(Site(id="site-2", name="Harbour 港口"))
            session.add(
                CameraRow(
                    id="camera-1", code="44011500081320000001", name="Jinlong Road east gate 东门",
                    settings={}, address="rtsp://10.0.0.1/1", sealed_address=b"", longitude=EAST,
                    latitude=NORTH, created_by="tests",
                )
            )  # fmt: skip
            session.flush()
            for number in (1, 2, 3, 4):
                session.add(
                    Survey(id=f"survey-{number}", site_id="site-1", flown_at=MONDAY,
                           created_by="tests")
                )  # fmt: skip
            session.flush()
            for number in (1, 2, 3):
                session.add(
                    Comparison(
                        id=f"comparison-{number}", site_id="site-1", before_id=f"survey-{number}",
                        after_id=f"survey-{number + 1}", created_by="tests",
                    )
                )  # fmt: skip

    @contextmanager
    def writing(self):
        with self.service.database.write() as session:
            yield session

    def take(self, finding, *, sighting=None, comparison=1, files=(), ended=True, zone="kerb",
             site="site-1"):  # fmt: skip
        """Take a finding in through its door."""
        if finding.bbox_xyxy is not None:
            sighting = sighting or finding.id
            origin = Origin(camera_id="camera-1", zone=zone, longitude=EAST, latitude=NORTH)
        else:
            sighting = sighting or f"comparison-{comparison}-{finding.id}"
            origin = Origin(site_id=site, comparison_id=f"comparison-{comparison}", gsd_m=0.05)
        with self.service.database.write() as session:
            return take(
                session, finding, sighting_id=sighting, origin=origin, files=files, ended=ended,
                settings=self.service.settings,
            )  # fmt: skip
