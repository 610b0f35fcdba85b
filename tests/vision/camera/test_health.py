"""Faults of the picture are told, and what streets do all day is none."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from vision.camera.frame import Frame
from vision.camera.health import HealthLimits, PictureHealth
from vision.camera.sources import Fault, FaultKind, Recovered, open_source

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
SIZE = (240, 135)
LEARNING_S = 90


def street(seed=0, size_wh=SIZE):
    """A made-up view: houses with windows, a road with lines, trees; float32 (H, W), 0 to 255."""
    rng = np.random.default_rng(seed)
    width, height = size_wh
    view = np.full((height, width), 150, np.float32)
    for _ in range(12):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height // 2))
        w, h = int(rng.integers(15, 60)), int(rng.integers(20, 60))
        view[y : y + h, x : x + w] = rng.integers(40, 200)
        view[y + 3 : y + h : 8, x + 3 : x + w : 7] = rng.integers(20, 220)
    view[height * 2 // 3 :] = 90
    for x in range(int(rng.integers(0, 20)), width, 24):
        view[height * 5 // 6 : height * 5 // 6 + 3, x : x + 12] = 220
    foliage = rng.normal(0, 30, (height // 3, width // 4)).astype(np.float32)
    left = int(rng.integers(0, width * 3 // 4))
    view[height // 3 : height // 3 * 2, left : left + width // 4] += foliage[: height // 3]
    return np.clip(view, 0, 255)


BASE = street()


def with_traffic(view, second, rng):
    """Cars that pass, and the noise that is left after the picture was made small."""
    seen = view.copy()
    for lane, speed in ((95, 17), (112, -23)):
        left = int(second * speed + lane * 31) % (SIZE[0] + 80) - 40
        seen[lane : lane + 14, max(0, left) : max(0, left + 32)] = 30 + lane
    return seen + rng.normal(0, 0.6, seen.shape)


class Watch:
    """Feeds looks to a health, one a second."""

    def __init__(self, health=None, step_s=1.0):
        self.health = health or PictureHealth()
        self.second = 0.0
        self.step_s = step_s
        self.events = []
        self._rng = np.random.default_rng(1)

    def see(self, seconds, change=lambda seen, _: seen, view=BASE):
        """Look for a while at a view that `change` alters; what was told meanwhile."""
        told = []
        end = self.second + seconds
        while self.second < end:
            seen = change(with_traffic(view, self.second, self._rng), self.second)
            self.second += self.step_s
            grey = np.clip(seen, 0, 255).astype(np.uint8)
            at = START + timedelta(seconds=self.second)
            frame = Frame(taken_at=at, received_at=at, rgb=np.repeat(grey[..., None], 3, axis=2))
            told += self.health.changes(frame)
        return told


@pytest.fixture(scope="module")
def learnt():
    """State of a health that knows the street, and when that was."""
    watch = Watch()
    assert watch.see(LEARNING_S) == []
    return json.dumps(watch.health.state()), watch.second


def knowing(learnt, step_s=1.0):
    text, second = learnt
    watch = Watch(PictureHealth.restored(json.loads(text)), step_s)
    watch.second = second
    return watch


def moved_by(share, view=BASE):
    """The view turned by a share of its width; what comes in is another street's edge."""
    pixels = round(share * SIZE[0])
    return np.hstack([street(5)[:, :pixels], view[:, : SIZE[0] - pixels]])


def clock_over(still):
    def change(_, second):
        seen = still.copy()
        rng = np.random.default_rng(int(second))
        seen[4:12, 150:220] = rng.choice([16, 235], (8, 70))
        return seen

    return change


def blurred(sigma):
    return lambda seen, _: cv2.GaussianBlur(seen, (0, 0), sigma)


STILL = with_traffic(BASE, 3, np.random.default_rng(9))


@pytest.mark.parametrize(
    ("kind", "change", "view", "within_s"),
    [
        (FaultKind.FROZEN, lambda *_: STILL, BASE, 40),
        (FaultKind.FROZEN, clock_over(STILL), BASE, 40),
        (FaultKind.BLACK, lambda seen, _: seen * 0 + 16, BASE, 15),
        (FaultKind.BLACK, lambda seen, _: seen * 0.02 + 16, BASE, 15),
        (FaultKind.DEFOCUSED, blurred(2.0), BASE, 70),
        (FaultKind.DEFOCUSED, blurred(4.0), BASE, 70),
        (FaultKind.MOVED, lambda seen, _: seen, moved_by(0.04), 30),
        (FaultKind.MOVED, lambda seen, _: seen, moved_by(0.15), 30),
        (FaultKind.MOVED, lambda seen, _: seen, moved_by(0.3), 40),
        (FaultKind.MOVED, lambda seen, _: seen, street(3), 100),
        (FaultKind.MOVED, lambda seen, _: seen, BASE[::-1, ::-1], 100),
    ],
)
def test_a_fault_is_told_once_and_ends(learnt, kind, change, view, within_s):
    watch = knowing(learnt)
    began = START + timedelta(seconds=watch.second)
    told = watch.see(150, change, view)
    assert [type(event) for event in told] == [Fault]
    assert told[0].kind is kind
    assert told[0].message
    assert abs((told[0].since - began).total_seconds()) < 5
    assert watch.health.fault is kind
    watch = knowing(learnt)
    assert watch.see(within_s - 60 if within_s > 60 else 5, change, view) == []
    assert watch.see(within_s, change, view)
    over = watch.see(40)
    assert [(type(event), event.kind) for event in over] == [(Recovered, kind)]
    assert over[0].lasted_s > 5
    assert watch.health.fault is None


def truck(seconds, share):
    """A lorry, grey and smooth, that stands over a share of the picture for some seconds."""

    def change(seen, second):
        if second % 200 < seconds:
            seen[20:, : round(share * SIZE[0])] = 120 + seen[20:, : round(share * SIZE[0])] * 0.05
        return seen

    return change


def parked(seen, _):
    seen[70:130, 30:110] = 60
    seen[75:90, 90:106] = 180
    return seen


def nightfall(seen, second):
    """From day to a tenth of its light within 10 minutes."""
    return seen * (0.1 + 0.9 * max(0.0, 1 - (second - LEARNING_S) / 600)) + 14


def lamps(seen, second):
    """Dark, and at once street lamps with their pools of light."""
    seen = seen * 0.35
    if second > LEARNING_S + 60:
        y, x = np.mgrid[: SIZE[1], : SIZE[0]]
        for left in (40, 120, 200):
            seen = seen + 120 * np.exp(-((x - left) ** 2 + (y - 70) ** 2) / 500)
    return seen


def rain(seen, second):
    rng = np.random.default_rng(int(second * 10))
    drops = seen.astype(np.float32)
    for x, y in zip(rng.integers(0, SIZE[0], 200), rng.integers(0, SIZE[1], 200), strict=True):
        cv2.line(drops, (int(x), int(y)), (int(x) + 1, int(y) + 8), 190, 1)
    return drops * 0.75 + 45


@pytest.mark.parametrize(
    ("name", "change", "step_s"),
    [
        ("traffic", lambda seen, _: seen, 1.0),
        ("few looks", lambda seen, _: seen, 10.0),
        ("many looks", lambda seen, _: seen, 0.2),
        ("a lorry waits", truck(40, 0.6), 1.0),
        ("a bus fills the picture", truck(60, 1.0), 1.0),
        ("a lorry parks", parked, 1.0),
        ("night falls", nightfall, 1.0),
        ("lamps go on", lamps, 1.0),
        ("rain", rain, 1.0),
        ("haze", lambda seen, _: seen * 0.35 + 130, 1.0),
        ("the exposure hunts", lambda seen, s: seen * (1 + 0.3 * np.sin(s / 3)), 1.0),
        ("the mast sways", lambda seen, s: np.roll(seen, round(2 * np.sin(s)), axis=1), 1.0),
        ("softer by night", blurred(0.6), 1.0),
    ],
)
def test_what_streets_do_all_day_is_no_fault(learnt, name, change, step_s):
    watch = knowing(learnt, step_s)
    seconds = {"night falls": 660, "many looks": 60}.get(name, 240)
    assert watch.see(seconds, change) == [], name


def test_nothing_is_told_before_the_camera_is_known():
    watch = Watch()
    assert watch.see(30) == []
    assert watch.see(100, view=street(3)) == []


def test_a_camera_that_was_turned_while_nobody_watched(learnt):
    watch = knowing(learnt)
    watch.second += 3600
    told = watch.see(60, view=moved_by(0.2))
    assert [event.kind for event in told] == [FaultKind.MOVED]


def test_a_fault_outlives_a_restart(learnt):
    watch = knowing(learnt)
    assert watch.see(60, view=moved_by(0.2))
    since = watch.health.since
    again = knowing((json.dumps(watch.health.state()), watch.second))
    assert (again.health.fault, again.health.since) == (FaultKind.MOVED, since)
    assert again.see(60, view=moved_by(0.2)) == [], "it was told before"
    assert [event.kind for event in again.see(30)] == [FaultKind.MOVED]


def test_looks_far_apart_are_no_lasting_fault(learnt):
    watch = knowing(learnt, step_s=400)
    assert watch.see(4000, lambda seen, _: seen * 0 + 16) == []


def test_time_that_jumps_back_is_survived(learnt):
    watch = knowing(learnt)
    watch.see(10)
    watch.second -= 3600
    assert watch.see(30) == []


def test_another_resolution_is_the_same_view(learnt):
    watch = knowing(learnt)
    large = cv2.resize(BASE, (960, 540), interpolation=cv2.INTER_CUBIC)
    told = []
    for second in range(120):
        at = START + timedelta(seconds=watch.second + second)
        noise = np.random.default_rng(second).normal(0, 3, large.shape)
        grey = np.clip(large + noise, 0, 255).astype(np.uint8)
        frame = Frame(taken_at=at, received_at=at, rgb=np.repeat(grey[..., None], 3, axis=2))
        told += watch.health.changes(frame)
    assert told == []


def test_limits_can_be_set():
    watch = Watch(PictureHealth(HealthLimits(black_s=3, least_looks=2)))
    told = watch.see(6, lambda seen, _: seen * 0 + 16)
    assert [event.kind for event in told] == [FaultKind.BLACK]


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"version": 99, "fault": None, "since": None, "lights": {}},
        {"version": 1, "fault": "sleepy", "since": None, "lights": {}},
        {"version": 1, "fault": None, "since": "noon", "lights": {}},
        {"version": 1, "fault": None, "since": None, "lights": {"1": {}}},
        {"version": 1, "fault": None, "since": None, "lights": []},
        {"version": 1, "fault": None, "since": None, "lights": {"1": {
            "view": {"edges": "AAAA", "scale": 1, "looks": 1, "usual": 1},
            "sharpness": 1, "sharp_looks": 1, "seen_s": 1}}},
    ],
)  # fmt: skip
def test_a_state_that_is_none(state):
    with pytest.raises(ValueError, match="not a state"):
        PictureHealth.restored(state)


SHARED = os.environ.get("CITYEYE_SHARED")
CCTV = Path(SHARED or "/nonexistent") / "cctv"
REAL = [*(CCTV / "clips").glob("*.mp4"), CCTV / "fixedcam_street_seq" / "images"]


@pytest.mark.real
@pytest.mark.skipif(not CCTV.is_dir(), reason="CITYEYE_SHARED names no folder with cctv/")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_no_false_alarm_on_real_cameras(path):
    """Each is watched again and again, as if it were one long recording, for ten minutes."""
    source = open_source(str(path), start=START, interval_s=1.0)
    looks = [
        event.rgb for event in source.events(0.4, threading.Event()) if isinstance(event, Frame)
    ]
    health, told = PictureHealth(), []
    for second in range(600):
        at = START + timedelta(seconds=second)
        frame = Frame(taken_at=at, received_at=at, rgb=looks[second % len(looks)])
        told += health.changes(frame)
    assert told == []
