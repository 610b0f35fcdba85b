"""From uploads to findings, with the samples that ship."""

import hashlib

import sqlalchemy as sa
from pyproj import Transformer

from serve.db.tables import EvidenceRow, FindingRow, LedgerEntry, Sighting, Upload
from tests.serve.surveys.flying import SAMPLES, fly, make_site, wait_for
from vision.finding import PictureGround


def test_two_surveys_become_findings(working):
    service, client = working
    site = make_site(client)
    first = fly(client, site, SAMPLES / "before.tif", "2026-05-01", SAMPLES / "before_dsm.tif")
    row = wait_for(client, f"surveys/{first}")
    assert (row["state"], row["problem"]) == ("ready", None)
    assert row["has_dsm"]
    assert row["progress"] == 1
    assert row["facts"]["ortho"]["gsd_m"] > 0
    sent = hashlib.sha256((SAMPLES / "before.tif").read_bytes()).hexdigest()
    assert row["facts"]["ortho"]["upload_sha256"] == sent
    second = fly(client, site, SAMPLES / "after.tif", "2026-06-01", SAMPLES / "after_dsm.tif")
    assert wait_for(client, f"surveys/{second}")["state"] == "ready"
    (made,) = client.get(f"sites/{site}/comparisons").json()["items"]
    assert (made["before_id"], made["after_id"]) == (first, second)
    done = wait_for(client, f"comparisons/{made['id']}")
    assert done["state"] == "done", done["problem"]
    assert done["result"]["findings"]["new_structure"] > 0
    with service.database.read() as session:
        findings = session.scalars(sa.select(FindingRow)).all()
        evidence = session.scalars(sa.select(EvidenceRow)).all()
        uploads = session.scalar(sa.select(sa.func.count()).select_from(Upload))
        actions = session.scalars(sa.select(LedgerEntry.action)).all()
        sightings = session.scalar(sa.select(sa.func.count()).select_from(Sighting))
    assert len(findings) == sum(done["result"]["findings"].values()) == sightings
    assert uploads == 0
    assert list(service.storage.list("uploads")) == []
    assert {"survey.ready", "comparison.done", "finding.new"} <= set(actions)
    assert {row.role for row in evidence} == {"before", "after", "height"}
    for piece in evidence[:4]:
        assert hashlib.sha256(service.storage.get(piece.key)).hexdigest() == piece.sha256
    for found in findings:
        _pictures_lie_where_the_finding_is(found)
    _files_come_by_range(client, first, made["id"])
    _comparing_again_finds_nothing_new(service, client, site, first, second, len(findings))
    assert list(service.scratch.iterdir()) == []


def _pictures_lie_where_the_finding_is(found):
    grounds = [
        PictureGround.model_validate(piece["ground"]) for piece in found.document["evidence"]
    ]
    assert grounds
    for ground in grounds:
        to_map = Transformer.from_crs(4326, ground.crs, always_xy=True)
        x, y = to_map.transform(found.longitude, found.latitude)
        left, bottom, right, top = ground.bounds
        assert left < x < right
        assert bottom < y < top
        assert all(abs(metres) < 30 for metres in ground.shift_m)


def _files_come_by_range(client, survey, comparison):
    head = client.get(f"surveys/{survey}/ortho", headers={"Range": "bytes=0-15"})
    assert head.status_code == 206
    assert head.content[:2] == b"II"
    assert client.head(f"surveys/{survey}/dsm").headers["Accept-Ranges"] == "bytes"
    assert client.get(f"surveys/{survey}/preview").content[:4] == b"\x89PNG"
    assert client.get(f"comparisons/{comparison}/change").content[:2] == b"II"
    for language in ("zh", "en"):
        page = client.get(f"comparisons/{comparison}/report", params={"lang": language})
        assert f'<html lang="{language}" data-language="{language}">' in page.text
        assert page.text.index(f'id="lang-{language}"') < page.text.index(" checked>")
        assert "sandbox" in page.headers["Content-Security-Policy"]
    document = client.get(f"comparisons/{comparison}/document").json()
    assert document["findings"]


def _comparing_again_finds_nothing_new(service, client, site, before, after, count):
    body = {"before_id": before, "after_id": after, "options": {"min_area_m2": 8}}
    made = client.post(f"sites/{site}/comparisons", json=body, headers={"Idempotency-Key": "k"})
    again = client.post(f"sites/{site}/comparisons", json=body, headers={"Idempotency-Key": "k"})
    assert made.json()["id"] == again.json()["id"]
    done = wait_for(client, f"comparisons/{made.json()['id']}")
    assert done["state"] == "done"
    assert done["options"] == {"min_area_m2": 8.0}
    with service.database.read() as session:
        now = session.scalar(sa.select(sa.func.count()).select_from(FindingRow))
        most = session.scalar(sa.select(sa.func.max(FindingRow.sightings)))
    assert most == 2
    # Smaller things may come with the smaller limit; what was found before is not new.
    assert count <= now <= sum(done["result"]["findings"].values())
