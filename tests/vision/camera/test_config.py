"""A camera file says all it means, and what is wrong with it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vision.camera.config import ZoneKind, read_camera
from vision.errors import InputError

SQUARE = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
GOOD = {
    "id": "44011500081320000001",
    "name": "Jinlong Road east gate",
    "zones": [{"name": "pavement", "kind": "no_parking", "polygon": SQUARE}],
}
SAMPLE = Path(__file__).parents[3] / "datasets" / "samples" / "camera" / "camera.yaml"


def written(folder, content):
    path = folder / "camera.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def with_zone(**fields):
    return {**GOOD, "zones": [{**GOOD["zones"][0], **fields}]}


def test_what_is_left_out_has_the_defaults_of_practice(tmp_path):
    camera = read_camera(written(tmp_path, GOOD))
    (zone,) = camera.zones
    assert (zone.kind, zone.dwell_s, zone.grace_s) == (ZoneKind.NO_PARKING, 300, 30)
    assert (camera.timezone, camera.tz.key) == ("Asia/Shanghai", "Asia/Shanghai")
    assert camera.zone("pavement") is zone
    with pytest.raises(KeyError):
        camera.zone("lane")


def test_a_class_may_have_a_dwell_of_its_own(tmp_path):
    path = written(tmp_path, with_zone(dwell_s=120, dwell_s_by_class={"bus": 600}))
    (zone,) = read_camera(path).zones
    assert (zone.dwell_of("bus"), zone.dwell_of("car")) == (600, 120)


def test_the_sample_is_read():
    assert [zone.kind.value for zone in read_camera(SAMPLE).zones] == [
        "no_parking",
        "no_vending",
        "truck_gate",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1, 2", "not YAML"),
        ("- a list", "must be a mapping"),
        ({**GOOD, "zone": []}, "zone: Extra inputs"),
        ({**GOOD, "id": "../../etc"}, "id: String should match"),
        ({**GOOD, "id": ""}, "id: String should match"),
        ({**GOOD, "zones": []}, "zones: "),
        ({**GOOD, "zones": GOOD["zones"] * 2}, "two zones are called pavement"),
        ({**GOOD, "timezone": "Asia/Nowhere"}, "no IANA time zone"),
        ({**GOOD, "location": {"lon": 200, "lat": 0}}, "location.lon"),
        ({**GOOD, "privacy_masks": [[[0, 0], [1, 1]]]}, "at least three corners"),
        ({**GOOD, "thresholds": {"car": 1.5}}, "thresholds.car"),
        (with_zone(dwell=3), "zones.0.dwell: Extra inputs"),
        (with_zone(dwell_s=0), "zones.0.dwell_s"),
        (with_zone(kind="no_fun"), "zones.0.kind"),
        (with_zone(polygon=[[0, 0], [2, 0], [0, 1]]), "from 0 to 1"),
        (with_zone(polygon=[[0, 0], [1, 1], [1, 0], [0, 1]]), "crosses itself"),
        (with_zone(polygon=[[0, 0], [0.5, 0], [1, 0]]), "no area"),
        (with_zone(active_hours=["7-8"]), "not of the form"),
        (with_zone(active_hours=["25:00-26:00"]), "not of the form"),
        (with_zone(active_hours=["08:00-08:00"]), "has no length"),
        (with_zone(inward=[0.5, 0.5]), "inward is for zones"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, words):
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=words) as caught:
        read_camera(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.yaml: cannot be read"):
        read_camera(tmp_path / "gone.yaml")


def test_an_error_repeats_no_password(tmp_path):
    path = written(tmp_path, {**GOOD, "source": 7, "name": ["rtsp://user:secret@host/"]})
    with pytest.raises(InputError) as caught:
        read_camera(path)
    assert "secret" not in str(caught.value)
