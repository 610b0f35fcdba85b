"""From candidates to findings: permits, doubles, ids, places on the globe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date

import pytest
from shapely.geometry import Polygon

from tests.make_scenes import (
    BLUE_ROOF,
    EARTH,
    RED_ROOF,
    to_ground,
    village,
    write_pair,
)
from vision.finding import Assessment, FindingKind
from vision.survey.comparison import CompareOptions
from vision.survey.findings import judge
from vision.survey.pair import make_pair, working_grid
from vision.survey.raster import open_ortho, open_surface
from vision.survey.scan import scan
from vision.survey.vectors import Permit

SHED = (10.0, 10.0, 16.0, 15.0)
YARD = (38.0, 40.0, 60.0, 58.0)
GONE = (20.0, 44.0, 28.0, 50.0)
SIDE_PX = 256


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    before, after = village(side_px=SIDE_PX), village(side_px=SIDE_PX)
    after.block(SHED, 3.0, BLUE_ROOF)
    before.block(GONE, 3.0, RED_ROOF)
    after.field(YARD, EARTH)
    files = write_pair(tmp_path_factory.mktemp("findings"), before, after)
    options = CompareOptions(permit_date=date(2026, 10, 24))
    with ExitStack() as stack:
        first, second = (stack.enter_context(open_ortho(p)) for p in (files.before, files.after))
        dsms = [stack.enter_context(open_surface(p)) for p in files.dsms.values()]
        pair = make_pair(
            working_grid(first, second, options=options),
            first,
            second,
            before_dsm=dsms[0],
            after_dsm=dsms[1],
            displacement=None,
            area=None,
        )
        pool = stack.enter_context(ThreadPoolExecutor(2))
        seen = scan(
            pair,
            options=options,
            learned=None,
            change_path=None,
            pool=pool,
            workers=2,
            progress=lambda _: None,
        )

        def run(*, permits=(), told=None, **changes):
            return judge(
                pair,
                seen,
                options=options.model_copy(update=changes),
                learned=None,
                permits=permits,
                roads=None,
                pool=pool,
                source=("may.tif", "june.tif"),
                hashes=("ab" * 32, "cd" * 32),
                progress=(lambda _: None) if told is None else told.append,
            )

        yield run


def outline(shape_box):
    return village(side_px=SIDE_PX).outline(shape_box)


def permit(geometry, name="P-1", **fields):
    base = {"valid_from": None, "valid_to": None, "max_height_m": None, "properties": {}}
    return Permit(permit_id=name, geometry=geometry, **base | fields)


def shed_of(judged):
    (item,) = [j for j in judged if j.finding.kind is FindingKind.NEW_STRUCTURE]
    return item.finding


def test_every_kind_is_found_and_in_order(scanned):
    told = []
    findings = [item.finding for item in scanned(told=told)]
    kinds = [finding.kind for finding in findings]
    assert kinds == [
        FindingKind.NEW_STRUCTURE,
        FindingKind.REMOVED_STRUCTURE,
        FindingKind.DUST_HOTSPOT,
    ]
    assert all(finding.assessment is Assessment.SUSPECTED for finding in findings)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_finding_lies_where_its_outline_lies(scanned):
    for item in scanned():
        on_ground = to_ground(item.finding.geometry.to_shape())
        shared = on_ground.intersection(item.outline).area / item.outline.area
        assert shared > 0.999
        west, south, east, north = item.finding.geometry.to_shape().bounds
        assert 116 < west < east < 118
        assert 22 < south < north < 23


def test_rings_turn_as_geojson_wants(scanned):
    for item in scanned():
        shape = item.finding.geometry.to_shape()
        for part in getattr(shape, "geoms", [shape]):
            assert isinstance(part, Polygon)
            assert part.exterior.is_ccw
            assert not any(ring.is_ccw for ring in part.interiors)


def test_every_threshold_that_applied_is_named(scanned):
    thresholds = {item.finding.kind: item.finding.rule.thresholds for item in scanned()}
    assert thresholds[FindingKind.NEW_STRUCTURE] == {
        "min_score": 0.5,
        "min_area_m2": 10.0,
        "min_height_m": 2.0,
    }
    assert thresholds[FindingKind.DUST_HOTSPOT] == {"min_score": 0.5, "min_area_m2": 100.0}
    assert {item.finding.rule.name for item in scanned()} == {kind.value for kind in thresholds}


@pytest.mark.parametrize(
    ("permits", "permitted", "note"),
    [
        ([permit(outline((9, 9, 17, 16)))], True, "covered"),
        ([permit(outline((9, 9, 17, 16)), valid_to=date(2026, 10, 24))], True, "covered"),
        ([permit(outline((9, 9, 17, 16)), valid_to=date(2026, 10, 23))], False, "expired"),
        ([permit(outline((9, 9, 17, 16)), valid_from=date(2026, 10, 25))], False, "not_yet_valid"),
        ([permit(outline((9, 9, 13, 16)))], False, "beyond_permitted_area"),
        ([permit(outline((9, 9, 17, 16)), max_height_m=2.0)], False, "higher_than_permitted"),
        ([permit(outline((9, 9, 17, 16)), max_height_m=3.0)], True, "covered"),
        ([permit(outline((30, 40, 36, 50)))], False, None),
        ([], False, None),
        (
            [
                permit(outline((5, 5, 20, 20)), "old", valid_to=date(2020, 1, 1)),
                permit(outline((9, 9, 17, 16)), "new"),
            ],
            True,
            "covered",
        ),
    ],
    ids=["covered", "last day", "expired", "not yet", "beyond", "too high", "high enough",
         "elsewhere", "none", "two"],
)  # fmt: skip
def test_structures_are_held_against_permits(scanned, permits, permitted, note):
    finding = shed_of(scanned(permits=tuple(permits)))
    expected = Assessment.PERMITTED if permitted else Assessment.SUSPECTED
    assert finding.assessment is expected
    assert (finding.permit and finding.permit.note) == note
    if note is not None:
        assert finding.permit.valid is permitted
    if len(permits) == 2:
        assert finding.permit.permit_id == "new"


def test_the_share_a_permit_covers_is_told(scanned):
    finding = shed_of(scanned(permits=(permit(outline((9, 9, 13, 16))),)))
    assert finding.permit.covered_share == pytest.approx(0.5, abs=0.06)


def test_only_what_is_new_needs_a_permit(scanned):
    everywhere = permit(outline((-10, -10, 90, 90)))
    permitted = [
        item.finding.kind
        for item in scanned(permits=(everywhere,))
        if item.finding.assessment is Assessment.PERMITTED
    ]
    assert permitted == [FindingKind.NEW_STRUCTURE]


def test_the_least_score_is_where_findings_begin(scanned):
    everything = {item.finding.id for item in scanned(min_score=0.0)}
    usual = {item.finding.id for item in scanned()}
    assert usual <= everything
    assert all(item.finding.score >= 0.8 for item in scanned(min_score=0.8))
    assert (
        scanned(min_score=1.0) == []
        or min(item.finding.score for item in scanned(min_score=1.0)) == 1.0
    )


def test_one_thing_is_reported_once(scanned):
    findings = [item for item in scanned(min_score=0.0)]
    for kind in FindingKind:
        outlines = [item.outline for item in findings if item.finding.kind is kind]
        for number, one in enumerate(outlines):
            for other in outlines[number + 1 :]:
                assert one.intersection(other).area <= 0.3 * min(one.area, other.area) + 1e-6


def test_ids_are_stable_and_differ(scanned):
    first = [item.finding.id for item in scanned()]
    assert first == [item.finding.id for item in scanned()]
    assert len(set(first)) == len(first)
