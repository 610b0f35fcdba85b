"""What a track knows of a thing, beside where it is: votes, and which of them are new."""

import pytest

from tests.vision.camera.street_story import at, box, look_of
from vision.camera.events import Observation
from vision.camera.tracks import absorbed, begin, sighted

PLACE = box(0.5, 0.6)


def seen_as(name, score):
    return Observation(name, score, PLACE, look_of(1))


def test_what_one_takes_over_from_another_was_said_earlier():
    """Of the votes of both, only the older one's latest look is new."""
    older = sighted(begin(1, seen_as("muck_truck", 0.6), at(0)), seen_as("muck_truck", 0.5), at(1),
                    gap_s=0.0)  # fmt: skip
    both = absorbed(older, begin(2, seen_as("truck", 0.4), at(0)))
    assert both.class_votes == pytest.approx({"muck_truck": 1.1, "truck": 0.4})
    assert both.earlier_votes == pytest.approx({"muck_truck": 0.6, "truck": 0.4})
