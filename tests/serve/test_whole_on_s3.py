"""The whole way with all files on S3: surveys, a camera, evidence, cases."""

import hashlib

import sqlalchemy as sa

from scripts import demo_service
from serve.db.engine import Database
from serve.db.tables import Case, EvidenceRow, FindingRow, Survey
from serve.storage import Storage
from tests.serve.s3 import new_bucket, s3_server


def test_nothing_lies_on_the_disk_and_everything_in_the_bucket(tmp_path, monkeypatch):
    folder = tmp_path / "service"
    with s3_server() as endpoint:
        bucket, environment = new_bucket(endpoint)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CITYEYE_STORAGE_URL", f"s3://{bucket}/city")
        demo_service.run(folder)
        storage = Storage(f"s3://{bucket}/city", folder=tmp_path / "unused")
        database = Database(f"sqlite:///{folder / 'data' / 'cityeye.sqlite'}")
        with database.read() as session:
            evidence = session.scalars(sa.select(EvidenceRow)).all()
            surveys = session.scalars(sa.select(Survey)).all()
            from_cameras = session.scalar(
                sa.select(sa.func.count()).where(FindingRow.camera_id.is_not(None))
            )
            cases = session.scalars(sa.select(Case.state)).all()
        database.close()
        for piece in evidence:
            assert hashlib.sha256(storage.get(piece.key)).hexdigest() == piece.sha256, piece.role
        stored = {found.key for found in storage.list("surveys")}
        left = [found.key for found in storage.list("uploads")]
    assert from_cameras > 0
    assert len({piece.finding_id for piece in evidence}) > from_cameras
    assert len(surveys) == 2
    assert {survey.ortho_key for survey in surveys} <= stored
    assert left == []
    assert cases
    assert "drafted" not in cases
    assert not list((folder / "data").rglob("files/**/*.*"))
