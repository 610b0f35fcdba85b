"""Found events are held against true ones by kind, zone, time and place."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from datasets.event_scoring import (
    ClipTruth,
    FoundEvent,
    HarmlessActor,
    Presence,
    TrueEvent,
    found_event,
    read_truth,
    score_events,
    who_was_it,
)
from vision.finding import CameraSource, Finding, FindingKind, RuleRef

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CAR = (0.4, 0.4, 0.5, 0.5)
STALL, CANOPY = (0.1, 0.6, 0.2, 0.8), (0.05, 0.5, 0.25, 0.6)


def still(name, *parts, seconds=range(10, 91)):
    return Presence(name, dict.fromkeys(seconds, parts))


def drives(name, label, *, start_s):
    return Presence(
        name, {start_s + i: ((label, (0.1 * i, 0.3, 0.1 * i + 0.2, 0.5)),) for i in range(8)}
    )


TRUTH = ClipTruth(
    presences={
        "parked": still("parked", ("car", CAR)),
        "waits": still("waits", ("car", (0.6, 0.4, 0.7, 0.5)), seconds=range(30, 60)),
        "vendor": still("vendor", ("stall", STALL), ("canopy", CANOPY), ("person", CAR)),
        "truck": drives("truck", "muck_truck", start_s=50),
    },
    events=(
        TrueEvent("illegal_parking", "kerb", "parked", 10.0, 90.0),
        TrueEvent("street_vending", "pavement", "vendor", 10.0),
        TrueEvent("muck_truck_overload", "gate", "truck", 52.0, 55.0, "heaped", "in"),
    ),
    harmless=(HarmlessActor("illegal_parking", "waits", "queue"),),
    size_wh=(960, 540),
    duration_s=100.0,
)


def found(kind="illegal_parking", zone="kerb", box=CAR, first_s=11.0, last_s=90.0):
    return FoundEvent(kind, zone, box, first_s, last_s, {})


VENDING = {"kind": "street_vending", "zone": "pavement"}
TRUCK = {"kind": "muck_truck_overload", "zone": "gate", "first_s": 52.4, "last_s": 54.6}


@pytest.mark.parametrize(
    ("report", "paired"),
    [
        (found(), 0),
        (found(box=(0.41, 0.41, 0.52, 0.5)), 0),
        (found(zone="other kerb"), None),
        (found(kind="street_vending"), None),
        (found(box=(0.46, 0.46, 0.56, 0.56)), None),
        (found(first_s=94.0, last_s=99.0), None),
        (found(first_s=92.0, last_s=99.0), 0),
        (found(**VENDING, box=STALL), 1),
        (found(**VENDING, box=CANOPY), 1),
        (found(**VENDING, box=(0.05, 0.5, 0.25, 0.8)), 1),
        (found(**VENDING, box=CAR), None),
        (found(**TRUCK, box=(0.3, 0.3, 0.5, 0.5)), 2),
        (found(**TRUCK, box=(0.9, 0.3, 1.0, 0.5)), None),
    ],
)
def test_a_report_fits_by_kind_zone_time_and_place(report, paired):
    score = score_events(TRUTH, [report])
    assert score.pairs == (() if paired is None else ((paired, 0),))
    assert score.false == ((0,) if paired is None else ())
    assert len(score.missed) == 3 - (paired is not None)


def test_what_passes_its_own_length_in_a_second_is_there_in_between():
    boxes = {t: (("muck_truck", (0.4 * t, 0.3, 0.4 * t + 0.2, 0.5)),) for t in range(3)}
    truth = ClipTruth(
        presences={"truck": Presence("truck", boxes)},
        events=(TrueEvent("muck_truck_overload", "gate", "truck", 0.0, 2.0, "heaped", "in"),),
        harmless=(),
        size_wh=(960, 540),
        duration_s=10.0,
    )
    report = FoundEvent("muck_truck_overload", "gate", (0.2, 0.3, 0.4, 0.5), 0.2, 1.8, {})
    assert score_events(truth, [report]).pairs == ((0, 0),)


def test_the_better_of_two_reports_counts_and_the_other_is_false():
    score = score_events(TRUTH, [found(box=(0.42, 0.42, 0.5, 0.5)), found()])
    assert score.pairs == ((0, 1),)
    assert score.false == (0,)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (found(), "parked: a second report"),
        (found(box=(0.6, 0.4, 0.7, 0.5), first_s=31.0, last_s=59.0), "waits: queue"),
        (found(box=(0.8, 0.8, 0.9, 0.9)), "nothing there"),
        (found(box=(0.6, 0.4, 0.7, 0.5), first_s=70.0, last_s=80.0), "nothing there"),
    ],
)
def test_a_false_report_is_put_down_to_who_was_there(report, words):
    assert who_was_it(TRUTH, report).startswith(words)


def test_a_finding_becomes_an_event_of_the_clip():
    finding = Finding(
        id="a",
        kind=FindingKind.ILLEGAL_PARKING,
        score=0.7,
        bbox_xyxy=CAR,
        first_seen=START + timedelta(seconds=12),
        last_seen=START + timedelta(seconds=40.5),
        attributes={"state": "ended"},
        rule=RuleRef(name="illegal_parking", version="1"),
        source=CameraSource(camera_id="c", zone="kerb"),
    )
    event = found_event(finding, START)
    assert (event.first_s, event.last_s, event.zone) == (12.0, 40.5, "kerb")
    assert event.kind == "illegal_parking"
    with pytest.raises(ValueError, match="no finding of a camera"):
        found_event(replace_box(finding), START)


def replace_box(finding):
    return finding.model_copy(update={"bbox_xyxy": None})


def test_truth_is_read_as_shares_of_the_frame(tmp_path):
    boxes = {"12": [{"class": "car", "xyxy": [96.0, 54.0, 192.0, 108.0]}]}
    entry = {"id": "p", "boxes": boxes, "leaves_s": 12.4}
    truth = {"size_wh": [960, 540], "duration_s": 100.0, "objects": [entry]}
    event = {"kind": "illegal_parking", "zone": "kerb", "actor": "p", "began_s": 12.0}
    told = {
        "events": [{**event, "ended_s": None, "load_state": None, "direction": None}],
        "harmless": [{"kind": "street_vending", "actor": "p", "why": "cones"}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "events.json").write_text(json.dumps(told))
    read = read_truth(tmp_path)
    assert read.presences["p"].boxes[12] == (("car", (0.1, 0.1, 0.2, 0.2)),)
    assert read.presences["p"].leaves_s == 12.4
    assert read.events == (TrueEvent(**event),)
    assert read.harmless[0].why == "cones"
