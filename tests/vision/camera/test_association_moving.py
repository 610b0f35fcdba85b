"""Who is who over time among what moves: fast, crossing, into the frame and out of it."""

from __future__ import annotations

import pytest

from tests.vision.camera.street_story import Story, Thing, at, box, passes, times, tracked
from vision.camera.association import Association


def test_a_fast_truck_is_one_track_and_its_path_is_kept():
    truck = passes("muck_truck", 0, seconds=5, load={"heaped": 0.9, "level": 0.1})
    history = tracked(Story([truck], jitter=0.05), times(5, 0.2))
    numbers = {track.number for _, tracks in history for track in tracks}
    assert numbers == {1}
    (track,) = history[-1][1]
    xs = [point[0] for _, point in track.path]
    assert xs == sorted(xs)
    assert xs[0] < 0.1
    assert xs[-1] > 0.9
    assert max(track.load_votes, key=track.load_votes.get) == "heaped"


def test_a_truck_that_shows_more_of_itself_from_look_to_look_stays_the_same():
    turns = [(1.0, 1.2), (1.5, 1.8)]
    truck = passes("muck_truck", 0, seconds=5, turns=turns, turned_similarity=0.2)
    history = tracked(Story([truck]), times(5, 0.2))
    assert {track.number for _, tracks in history for track in tracks} == {1}


@pytest.mark.parametrize("gap", [1.2, 2.0, 4.0])
def test_what_comes_in_where_another_has_driven_out_is_another(gap):
    """The look is the same on purpose: at the frame's rim little more than paint is seen."""
    out, inside = (0.82, 0.7, 1.0, 1.0), (0.6, 0.45, 0.85, 0.75)
    leaves = Thing("car", [(0, inside), (2, out)])
    comes = Thing("muck_truck", [(2 + gap, out), (4 + gap, inside), (8 + gap, inside)])
    history = tracked(Story([leaves, comes]), times(8 + gap, 0.2), look=False)
    (last_one,) = [track for track in history[-1][1] if track.seen]
    assert last_one.name == "muck_truck" and "car" not in last_one.class_votes
    assert last_one.number == 2


def test_a_truck_that_the_detector_loses_on_its_way_in_stays_the_same():
    ways = [(0, (0.82, 0.7, 1.0, 1.0)), (2, (0.6, 0.45, 0.95, 1.0)), (4, (0.3, 0.4, 0.6, 0.8))]
    story = Story([Thing("muck_truck", ways)])
    association = Association()
    for t in times(4, 0.2):
        lost = 0.7 < t < 2.1
        association.advance(at(t), [] if lost else story.observations(t))
    assert [track.number for track in association.tracks] == [1]


def test_two_that_meet_keep_their_numbers():
    there = Thing("car", [(0, box(0.1, 0.6)), (8, box(0.9, 0.6))], look=3)
    back = Thing("car", [(0, box(0.9, 0.66)), (8, box(0.1, 0.66))], look=4)
    history = tracked(Story([there, back], hides=False), times(8, 0.2))
    assert len({track.number for _, tracks in history for track in tracks}) == 2
