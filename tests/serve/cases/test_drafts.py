"""What a draft carries, for both doors, and that its published schema is the true one."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import sqlalchemy as sa
import yaml

from serve.cases.draft import CaseDraft
from serve.cases.draft_words import role_name
from serve.cases.event_table import SHIPPED, event_table_of
from serve.cases.filing import file_case, wants_auto_post, withdraw_case
from serve.cases.positions import asked_position
from serve.cases.targets import CoordinateForm
from serve.db.tables import Case, CaseEvent, LedgerEntry, OutboxEntry
from serve.service import Service
from tests.serve.cases.lead import (
    CAMERA,
    DECIDED,
    add_camera,
    add_evidence,
    add_finding,
    add_survey_pair,
    write_targets,
)  # fmt: skip
from tests.serve.conftest import settings_for
from vision.errors import InputError
from vision.finding import FindingKind

SCHEMA = Path(__file__).parents[3] / "serve/cases/draft.schema.json"
HOOK = {"name": "city", "adapter": "webhook", "url": "https://cases.example/drafts"}
GEO = {"name": "geo", "adapter": "open311", "url": "https://cases.example/v2"}


@pytest.fixture
def filing(tmp_path):
    """A service with two case systems that nobody posts to."""

    def make(*targets, **changes):
        file = write_targets(tmp_path, *(targets or (HOOK,)))
        return Service(settings_for(tmp_path, targets_file=file, **changes))

    return make


def file_one(service, *, evidence=True, **finding):
    with service.database.write() as session:
        row = add_finding(session, "one", **finding)
        if evidence:
            add_evidence(service, session, row)
            add_evidence(
                service, session, row, role="sealed_scene_start", content=b"x", sealed=True
            )
        entries = file_case(
            session, row, reviewer="li", decided_at=DECIDED, settings=service.settings
        )
        return row.id, entries


def drafts(service):
    with service.database.read() as session:
        return [case.draft for case in session.scalars(sa.select(Case).order_by(Case.target))]


def test_the_schema_on_file_is_the_drafts():
    assert json.loads(SCHEMA.read_text()) == CaseDraft.model_json_schema(mode="serialization")


def test_a_draft_of_a_camera_carries_all_that_makes_it_credible(filing):
    service = filing()
    with service.database.write() as session:
        camera = add_camera(session)
    finding_id, _ = file_one(
        service, camera_id=camera, cell_code="440115001", unit="Nansha street office",
        corrected={"bbox_xyxy": [1.0, 2.0, 3.0, 4.0]}, reasons=["no permit for parking here"],
    )  # fmt: skip
    (draft,) = drafts(service)
    jsonschema.validate(draft, json.loads(SCHEMA.read_text()))
    assert draft["status"] == "suspected"
    assert draft["source_channel"]["code"] == "video"
    assert draft["event"]["code"] == "05-05"
    assert draft["event"]["table_version"] == "gbt30428-default-1"
    assert draft["dedupe_key"] == f"cityeye-{finding_id}-city"
    for text in (draft["title"], draft["text"], *draft["titles"].values()):
        assert "疑似" in text or "uspected" in text
    # Rule, zone, threshold and measurement, in words.
    for words, text in [("违停", "zh"), ("Illegal parking", "en")]:
        said = draft["texts"][text]
        assert words in said
        assert "kerb" in said
        assert said.count("300 s") == 2
    assert draft["first_seen"] == {
        "at": "2026-11-23T10:00:00+08:00", "time_zone": "Asia/Shanghai",
        "clock": {"zh": "摄像机视频流时钟", "en": "clock of the camera's stream"},
    }  # fmt: skip
    assert draft["position"]["of"] == "camera"
    assert (draft["cell_code"], draft["unit"]) == ("440115001", "Nansha street office")
    assert "Jinlong Road east gate" in draft["address"]["en"]
    assert draft["source"]["camera_id"] == CAMERA
    assert draft["score"] == 0.8
    assert draft["bbox_xyxy"] == [1.0, 2.0, 3.0, 4.0]
    assert draft["review"] == {
        "reviewer": "li", "decision": "confirmed", "decided_at": "2026-11-23T11:00:00+08:00",
        "edits": {"bbox_xyxy": [1.0, 2.0, 3.0, 4.0]},
    }  # fmt: skip
    # Two working hours from 11:00: one before noon, one after two o'clock.
    assert draft["limit"]["due_at"] == "2026-11-23T15:00:00+08:00"
    assert draft["limit"]["holidays_known"] is True
    shown, sealed = sorted(draft["evidence"], key=lambda item: item["sealed"])
    assert shown["url"].startswith(f"{service.settings.public_url}/api/v1/case-evidence/")
    assert shown["sha256"] and shown["size_bytes"] == 9
    assert sealed["url"] is None
    service.close()


def test_a_draft_of_a_survey_carries_both_surveys_and_the_outline(filing):
    service = filing({**HOOK, "coordinates": "gcj02", "language": "en"})
    with service.database.write() as session:
        pair = add_survey_pair(session)
    file_one(service, kind="new_structure", pair=pair, evidence=False)
    (draft,) = drafts(service)
    jsonschema.validate(draft, json.loads(SCHEMA.read_text()))
    assert draft["source_channel"]["code"] == "drone_survey"
    assert draft["source"]["gsd_m"] == 0.05
    assert draft["source"]["before_sha256"] == "0" * 64
    assert draft["outline"]["type"] == "Polygon"
    assert draft["position"]["of"] == "outline"
    asked = draft["position"]["asked"]
    assert asked["crs"] == "GCJ-02"
    assert abs(asked["longitude"] - draft["position"]["longitude"]) > 0.003
    assert draft["title"] == draft["titles"]["en"]
    assert [limit["working_days"] for limit in draft["further_limits"]] == [7, 20]
    service.close()


@pytest.mark.parametrize("kind", list(FindingKind))
def test_every_kind_has_its_event_and_words(filing, kind):
    service = filing()
    with service.database.write() as session:
        camera = add_camera(session)
        is_camera = kind in ("illegal_parking", "street_vending") or kind.startswith("muck")
        pair = None if is_camera else add_survey_pair(session)
    file_one(service, kind=kind, camera_id=camera if is_camera else None, pair=pair)
    (draft,) = drafts(service)
    assert draft["title"].startswith("疑似")
    assert draft["titles"]["en"].startswith("Suspected ")
    assert "疑似疑似" not in draft["title"]
    service.close()


def test_carriageway_parking_is_the_traffic_police_s(tmp_path):
    table = event_table_of(settings_for(tmp_path))
    event = table.kinds[FindingKind.ILLEGAL_PARKING]
    assert event.responsible_in("carriageway").en == "Traffic police"
    assert event.responsible_in("sidewalk").en == "City management enforcement"
    assert event.responsible_in(None).en == "City management enforcement"


def test_a_table_that_leaves_a_kind_out_is_refused(tmp_path):
    table = yaml.safe_load(SHIPPED.read_text())
    del table["kinds"]["dust_hotspot"]
    file = tmp_path / "table.yaml"
    file.write_text(yaml.safe_dump(table))
    with pytest.raises(InputError, match="dust_hotspot missing"):
        event_table_of(settings_for(tmp_path, event_table_file=file))


def test_a_city_s_own_table_counts_from_the_next_draft_on(filing, tmp_path):
    table = yaml.safe_load(SHIPPED.read_text())
    table["version"] = "city-7"
    table["kinds"]["illegal_parking"]["code"] = "P-9"
    file = tmp_path / "table.yaml"
    file.write_text(yaml.safe_dump(table))
    service = filing(HOOK, event_table_file=file)
    with service.database.write() as session:
        camera = add_camera(session)
    file_one(service, camera_id=camera)
    assert drafts(service)[0]["event"]["code"] == "P-9"
    with service.database.read() as session:
        assert session.scalars(sa.select(Case.table_version)).one() == "city-7"
    service.close()


@pytest.mark.parametrize(
    ("form", "crs", "longitude"),
    [
        (CoordinateForm.WGS84, "EPSG:4326", 113.53), (CoordinateForm.CGCS2000, "EPSG:4490", 113.53),
        (CoordinateForm.GCJ02, "GCJ-02", 113.535),
    ],
)  # fmt: skip
def test_positions_in_degrees(form, crs, longitude):
    asked = asked_position(113.53, 22.79, form)
    assert asked.crs == crs
    assert asked.longitude == pytest.approx(longitude, abs=0.001)


def test_a_position_in_gauss_krueger_metres():
    asked = asked_position(113.53, 22.79, CoordinateForm.CGCS2000_GAUSS_KRUEGER)
    assert asked.crs == "EPSG:4547"  # central meridian 114° E
    # Half a degree west of it, at 22.8° north.
    assert asked.easting_m == pytest.approx(500_000 - 0.47 * 102_700, abs=150)
    assert asked.northing_m == pytest.approx(2_521_000, abs=2_000)


def test_filing_twice_is_filing_once_and_each_target_gets_its_kinds(filing):
    service = filing(HOOK, {**GEO, "kinds": ["illegal_parking"]}, {
        **HOOK, "name": "dust", "kinds": ["dust_hotspot"],
    })  # fmt: skip
    with service.database.write() as session:
        row = add_finding(session, "one", camera_id=add_camera(session))
        args = {"reviewer": "li", "decided_at": DECIDED, "settings": service.settings}
        first = file_case(session, row, **args)
        assert file_case(session, row, **args) == first
        assert sorted(session.scalars(sa.select(Case.target))) == ["city", "geo"]
        assert len(first) == session.scalar(sa.select(sa.func.count()).select_from(OutboxEntry))
        actions = session.scalars(sa.select(LedgerEntry.action)).all()
    assert actions.count("case.file") == 2
    service.close()


def test_what_was_never_sent_is_cancelled_and_filed_anew_under_a_key_of_its_own(filing):
    service = filing()
    with service.database.write() as session:
        row = add_finding(session, "one", camera_id=add_camera(session))
        args = {"reviewer": "li", "decided_at": DECIDED, "settings": service.settings}
        file_case(session, row, **args)
        assert (
            withdraw_case(session, row, reviewer="li", why="mistake", settings=service.settings)
            == ()
        )
        assert [e.state for e in session.scalars(sa.select(OutboxEntry))] == ["cancelled"]
        assert file_case(session, row, **args)
        keys = session.scalars(sa.select(Case.dedupe_key).order_by(Case.created_at)).all()
    assert keys[1] == f"{keys[0]}-2"
    service.close()


@pytest.mark.parametrize(("target", "action"), [(HOOK, "withdraw"), (GEO, None)])
def test_what_may_have_been_sent_is_withdrawn_by_a_message_where_there_is_one(
    filing, target, action
):
    service = filing(target)
    with service.database.write() as session:
        row = add_finding(session, "one", camera_id=add_camera(session))
        file_case(session, row, reviewer="li", decided_at=DECIDED, settings=service.settings)
        session.scalars(sa.select(OutboxEntry)).one().first_sent_at = DECIDED
        told = withdraw_case(session, row, reviewer="li", why="no", settings=service.settings)
        assert bool(told) == bool(action)
        entries = session.scalars(sa.select(OutboxEntry).order_by(OutboxEntry.sequence)).all()
        assert [e.action for e in entries] == ["post", *([action] if action else [])]
        assert session.scalars(sa.select(Case.state)).one() == "withdrawn"
        event = session.scalars(sa.select(CaseEvent).where(CaseEvent.state == "withdrawn")).one()
    if action is None:
        assert "by hand" in event.detail["told"]
    service.close()


def test_auto_posting_wants_its_kind_and_score(filing, tmp_path):
    service = filing({**HOOK, "auto_post": {"illegal_parking": 0.9}})
    settings = service.settings
    assert wants_auto_post("illegal_parking", 0.9, settings)
    assert not wants_auto_post("illegal_parking", 0.89, settings)
    assert not wants_auto_post("street_vending", 1.0, settings)
    assert not wants_auto_post("illegal_parking", 1.0, settings_for(tmp_path))
    service.close()


def test_links_end_after_their_days(filing):
    service = filing({**HOOK, "evidence_link_days": 2})
    with service.database.write() as session:
        camera = add_camera(session)
    file_one(service, camera_id=camera)
    shown = next(item for item in drafts(service)[0]["evidence"] if item["url"])
    assert datetime.fromisoformat(shown["url_ends_at"]) == DECIDED + timedelta(days=2)
    service.close()


@pytest.mark.parametrize(
    "role",
    ["before", "after", "height", "scene_start", "scene_end", "close_up", "clip", "manifest",
     "load_1", "load_2", "load_3", "sealed_close_up", "sealed_load_1"],
)  # fmt: skip
def test_every_piece_of_evidence_has_its_words(role):
    name = role_name(role)
    assert name.zh != role
    assert name.en != role
