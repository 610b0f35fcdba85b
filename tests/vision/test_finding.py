"""The vocabulary of findings: frozen, strict, stable ids, there and back through JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from shapely.geometry import MultiPolygon, box

from vision.finding import (
    Assessment,
    CameraSource,
    CueVote,
    Evidence,
    Finding,
    FindingKind,
    GeoPolygon,
    Measure,
    ModelRef,
    PermitMatch,
    RuleRef,
    Source,
    SurveySource,
    stable_id,
)

SHA = "0123456789abcdef" * 4
SOURCE = SurveySource(before="may.tif", after="june.tif", before_sha256=SHA, after_sha256=SHA[::-1])
TWO_BOXES = MultiPolygon([box(113.5, 22.7, 113.6, 22.8), box(113.7, 22.7, 113.8, 22.8)])


def finding(**other):
    fields = {
        "id": "a1",
        "kind": FindingKind.NEW_STRUCTURE,
        "score": 0.8,
        "geometry": GeoPolygon.from_shape(TWO_BOXES),
        "first_seen": datetime(2026, 10, 24, 14, 40, tzinfo=UTC),
        "measures": {"area_m2": Measure(value=27.0, unit="m2")},
        "cues": (CueVote(cue="height", probability=0.9),),
        "permit": PermitMatch(permit_id="7", covered_share=0.9, valid=False, note="expired"),
        "rule": RuleRef(name="new_structure", version="1", thresholds={"min_area_m2": 10.0}),
        "model": ModelRef(name="siamese", version="3", sha256=SHA),
        "evidence": (Evidence(role="after", media_type="image/jpeg", path="a.jpg", sha256=SHA,
                              size_bytes=9),),
        "source": SOURCE,
    }  # fmt: skip
    return Finding(**fields | other)


@pytest.mark.parametrize(
    "source", [SOURCE, CameraSource(camera_id="44011500081320000001", zone="pavement")]
)
def test_a_finding_survives_json(source):
    made = finding(source=source)
    again = Finding.model_validate_json(made.model_dump_json())
    assert again == made
    assert type(again.source) is type(source)
    assert again.geometry.to_shape().equals(TWO_BOXES)


def test_software_only_suspects():
    assert finding().assessment is Assessment.SUSPECTED


def test_a_finding_does_not_change():
    with pytest.raises(ValidationError):
        finding().score = 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": 1.01},
        {"score": -0.01},
        {"score": float("nan")},
        {"kind": "noise"},
        {"severity": "high"},
        {"first_seen": datetime(2026, 10, 24, 14, 40)},
        {"assessment": "guilty"},
        {"bbox_xyxy": (0.1, 0.2, 0.3)},
    ],
    ids=lambda wrong: str(next(iter(wrong.items()))),
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        finding(**wrong)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CueVote, {"cue": "height", "probability": 1.2}),
        (CueVote, {"cue": "smell", "probability": 0.2}),
        (ModelRef, {"name": "a", "version": "1", "sha256": "12"}),
        (ModelRef, {"name": "a", "version": "1", "sha256": SHA.upper()}),
        (Evidence, {"role": "a", "media_type": "b", "path": "c", "sha256": SHA, "size_bytes": -1}),
        (PermitMatch, {"permit_id": "1", "covered_share": 1.1, "valid": True, "note": ""}),
        (GeoPolygon, {"type": "Point", "coordinates": [1, 2]}),
    ],
)
def test_parts_are_checked(model, fields):
    with pytest.raises(ValidationError):
        model(**fields)


def test_a_source_is_told_by_its_type():
    adapter = TypeAdapter(Source)
    read = adapter.validate_python({"type": "camera", "camera_id": "1", "zone": "gate"})
    assert isinstance(read, CameraSource)
    with pytest.raises(ValidationError):
        adapter.validate_python({"camera_id": "1", "zone": "gate"})


@given(st.lists(st.one_of(st.none(), st.text(), st.floats(allow_nan=False)), max_size=4))
def test_an_id_depends_on_its_parts_alone(parts):
    assert stable_id(*parts) == stable_id(*parts)
    assert re.fullmatch(r"[0-9a-f]{20}", stable_id(*parts))


@pytest.mark.parametrize(
    ("one", "other"), [(("ab", "c"), ("a", "bc")), (("a",), ("a", None)), (("a", "b"), ("b", "a"))]
)
def test_parts_do_not_run_together(one, other):
    assert stable_id(*one) != stable_id(*other)


def test_an_id_is_the_same_on_every_machine_and_day():
    assert stable_id("new_structure", 1.5, None) == "facfb1e9e4d9442c5c09"
