"""True sight sees what is there, but for what is hidden, and loads only at a gate."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from datasets.event_scoring import ClipTruth, HarmlessActor, Presence, TrueEvent
from datasets.true_sight import TrueSight
from vision.camera.config import Camera, Zone, ZoneKind
from vision.camera.frame import Frame

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
GATE = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
CAMERA = Camera(
    id="c", name="c", zones=(Zone(name="gate", kind=ZoneKind.TRUCK_GATE, polygon=GATE),)
)


def still(name, label, box, **more):
    return Presence(name, dict.fromkeys(range(20), ((label, box),)), **more)


def look(presences, *, time_s=3.0, events=(), harmless=()):
    truth = ClipTruth(presences, events, harmless, (96, 54), 20.0)
    at = START + timedelta(seconds=time_s)
    frame = Frame(taken_at=at, received_at=at, rgb=np.full((54, 96, 3), 90, np.uint8))
    return TrueSight(CAMERA, truth, start=START).look(frame)


def test_a_box_moves_evenly_between_seconds_and_is_gone_when_it_leaves():
    boxes = {4: (("car", (0.0, 0.0, 0.2, 0.2)),), 5: (("car", (0.4, 0.2, 0.6, 0.4)),)}
    presence = Presence("car", boxes, leaves_s=5.3)
    ((label, box),) = presence.parts_at(4.5)
    assert label == "car"
    assert box == pytest.approx((0.2, 0.1, 0.4, 0.3))
    assert presence.parts_at(5.2) == [("car", (0.4, 0.2, 0.6, 0.4))]
    assert presence.parts_at(5.4) == []
    assert presence.parts_at(3.9) == []


@pytest.mark.parametrize(
    ("bus", "seen"),
    [
        ((0.2, 0.1, 0.6, 0.9), ["bus"]),
        ((0.45, 0.1, 0.8, 0.9), ["bus", "car"]),
        ((0.2, 0.1, 0.6, 0.45), ["bus", "car"]),
    ],
)
def test_what_something_nearer_covers_is_not_seen(bus, seen):
    presences = {
        "car": still("car", "car", (0.3, 0.3, 0.5, 0.5)),
        "bus": still("bus", "bus", bus),
    }
    assert sorted(each.name for each in look(presences)) == seen


def test_a_load_is_seen_at_the_gate_alone():
    presences = {
        "in": still("in", "muck_truck", (0.6, 0.3, 0.8, 0.5)),
        "off": still("off", "muck_truck", (0.1, 0.3, 0.3, 0.5)),
        "covered": still("covered", "muck_truck", (0.6, 0.6, 0.9, 0.9)),
    }
    events = [
        TrueEvent("muck_truck_overload", "gate", name, 1.0, 2.0, "heaped", "in")
        for name in ("in", "off")
    ]
    spared = (HarmlessActor("muck_truck_overload", "covered", "covered"),)
    seen = look(presences, events=tuple(events), harmless=spared)
    states = {each.box_xyxy: max(each.load, key=each.load.get) if each.load else None
              for each in seen}  # fmt: skip
    assert states == {
        (0.6, 0.3, 0.8, 0.5): "heaped",
        (0.1, 0.3, 0.3, 0.5): None,
        (0.6, 0.6, 0.9, 0.9): "covered",
    }
