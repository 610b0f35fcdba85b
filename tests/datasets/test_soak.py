"""An hour of made-up observations with failing cameras: nothing lost, nothing doubled."""

import pytest

from datasets.made_up_shift import Shift, event_kinds
from datasets.soak import soak


@pytest.mark.parametrize("seed", [1, 2])
def test_an_hour_with_outages_and_restarts_loses_and_doubles_nothing(seed):
    result = soak(hours=1.0, seed=seed)
    assert result.lost == ()
    assert result.doubled == ()
    assert result.false == ()
    assert result.found_once == result.expected >= 8
    assert result.outages >= 1
    assert result.restarts >= 3
    assert max(result.state_kb_by_quarter) < 200


def test_a_shift_is_the_same_for_the_same_seed_and_moves_as_told():
    one, other = Shift(hours=0.5, seed=4), Shift(hours=0.5, seed=4)
    assert one.members == other.members
    assert one.members != Shift(hours=0.5, seed=5).members
    truck = next(each for each in one.members if each.label == "muck_truck")
    middle = (truck.start_s + truck.end_s) / 2
    x1, _, x2, _ = truck.box_at(middle)
    assert (x1 + x2) / 2 == pytest.approx(0.5)
    assert truck.box_at(truck.end_s) is None
    assert one.next_truck_s(middle) == middle
    assert one.next_truck_s(truck.start_s - 1.0) <= truck.start_s
    names = {member.name for member, _ in one.there(middle)}
    assert truck.name in names
    seen = one.observations(middle)
    assert all(0.45 <= each.score <= 0.95 for each in seen)
    assert [each.name for each in seen] == [each.name for each in other.observations(middle)]
    kinds = event_kinds(one.members)
    assert set(kinds.values()) <= {
        "illegal_parking",
        "street_vending",
        "muck_truck_overload",
        "muck_truck_uncovered",
    }


def test_things_look_like_themselves_and_unlike_the_road():
    shift = Shift(hours=0.5, seed=4)
    car = next(each for each in shift.members if each.doing == "parks" and each.end_s > 300)
    look = shift.look(car.start_s + 1.0)
    empty = (0.0, 0.0, 0.1, 0.1)
    assert look(car.first) @ look(car.first) == pytest.approx(1.0, abs=1e-5)
    assert look(car.first) @ look(empty) < 0.7
