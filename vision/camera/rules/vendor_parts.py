"""What is one vendor's, and who is at it: how stalls, carts, canopies and people lie together.

What lies beside a vendor's main part, or under its canopy, is the same vendor's. Beside is counted
from the main part only and up to a width, so that a row of stalls does not become one vendor: the
neighbour of a neighbour is another. What a trader with a cart sets out stands abreast of the cart:
what stands nearer or further is another trader's, though a camera that looks along the kerb shows
one before the other. A sunshade is a vendor's if it hangs over the goods, not if it stands before
them. Two vendors who stand wall to wall are told as one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from vision.camera import boxes
from vision.camera.events import Box
from vision.camera.matching import SAME_BOX_IOU
from vision.camera.tracks import Track

CLOSE_WIDTHS = 1.0
"""Own widths beside a cart within which somebody is close by."""
CLOSE_HEIGHTS = 0.75
"""Own heights by which their feet may be further or nearer than its wheels."""
SAME_VENDOR_SHARE = 0.4
"""Two that cover so much of the smaller are one vendor's."""
CANOPY_SHARE = 0.15
"""The same for a canopy and what is under it: its poles stand beside the goods."""
BESIDE_WIDTHS = 0.5
"""Widths of the narrower of two parts that may lie between them: crates stand beside the cart."""
BESIDE_HEIGHTS = 1.25
"""Heights of the higher by which they may stand nearer or further: a kerb runs aslant the view, and
cloths that lie one behind the other are low."""
ABREAST_HEIGHTS = 0.3
"""The same where one of the two is a cart: of a cart 1.5 m high, about a metre of ground as cameras
look down on it. Goods that belong to a cart stood within 0.17, other traders' from 0.32 on (drawn
streets, 43 and 80 pairs)."""
WIDEST_VENDOR = 2.5
"""Widths of its main part that a vendor takes up at most: two cloths with a step between them."""
UNDER_WIDTHS = 0.25
"""Own widths beside a sunshade within which somebody still stands at it."""
UNDER_HEIGHTS = 0.5
"""Own heights by which the head of somebody under it may be lower than its edge."""
UNDER_FEET_HEIGHTS = 0.2
"""The same by which their feet are at least below its edge: it hangs higher than a head. Traders'
were by 0.21 and more under their own (drawn streets, 80 traders), and by 0.18 and less where a
sunshade only seemed to be above somebody."""
SHADE_HEIGHTS = 2.0
"""Own heights, but no more than its width, by which a sunshade hangs above the ground."""
LINGERS = timedelta(seconds=3)
"""Time at one place after which somebody at a cart or sunshade does not just walk past. Who comes
straight towards a camera stays for most of that within a third of their own height."""
CORES = ("stall", "cart")
"""What others lie beside."""


def main_part(members: Sequence[Track]) -> Track:
    """Return the part that says most: goods before a cart before a canopy, then the surest."""
    order = {"stall": 2, "cart": 1}
    return max(members, key=lambda track: (order.get(track.name, 0), track.score))


def union(all_boxes: Sequence[Box]) -> Box:
    """Return the box around all of them."""
    return (
        min(box[0] for box in all_boxes),
        min(box[1] for box in all_boxes),
        max(box[2] for box in all_boxes),
        max(box[3] for box in all_boxes),
    )


def _overlap(a: Box, b: Box) -> float:
    """Share of the smaller box that both cover."""
    return boxes.common(a, b) / min(boxes.area(a), boxes.area(b))


def belongs(track: Track, place: Box) -> bool:
    """Return whether something lies where a vendor is, so that it is the vendor's."""
    least = SAME_VENDOR_SHARE if track.name in CORES else CANOPY_SHARE
    return _overlap(_reach(track), place) >= least


def _reach(track: Track) -> Box:
    """Its box; a sunshade's goes down to the ground, for what it covers stands below it."""
    x1, y1, x2, y2 = track.anchor_xyxy
    if track.name in CORES:
        return track.anchor_xyxy
    return x1, y1, x2, y2 + min(SHADE_HEIGHTS * (y2 - y1), x2 - x1)


def _covers(canopy: Box, goods: Box) -> bool:
    """Whether a sunshade is over goods and not before or beside them.

    Its edge ends above their foot, and the middle of one lies between the sides of the other. So it
    was of 133 vendors with sunshades on drawn streets. Of 18 sunshades that only seemed to be over
    another's goods, 16 were not so, most of them standing nearer to the camera. A food cart that is
    seen as both, in one box, is one.
    """
    if boxes.iou(canopy, goods) >= SAME_BOX_IOU:
        return True
    middle, of_goods = (canopy[0] + canopy[2]) / 2, (goods[0] + goods[2]) / 2
    across = goods[0] <= middle <= goods[2] or canopy[0] <= of_goods <= canopy[2]
    return across and canopy[3] < goods[3]


def core_of(members: Sequence[Track]) -> Track:
    """Return the part that others lie beside: the largest of the goods and carts."""
    return max(members, key=lambda track: (track.name in CORES, boxes.area(track.anchor_xyxy)))


def parts_of(
    core: Box,
    core_name: str,
    place: Box,
    tracks: Sequence[Track],
    others: Sequence[Box] = (),
) -> list[Track]:
    """Return what is one vendor's: at its place, under its canopy, or beside its main part.

    Args:
        core: Its main part.
        core_name: Class of that.
        place: All of it, as known so far.
        tracks: What may be its.
        others: Places of other vendors; what stands there is theirs, unless it is here, too.
    """
    cores = [track for track in tracks if track.name in CORES]
    members = [
        track
        for track in cores
        if belongs(track, place) and (core_name in CORES or _covers(core, track.anchor_xyxy))
    ]
    rest = [track for track in cores if track not in members]
    goods = [track.anchor_xyxy for track in members] + ([core] if core_name in CORES else [])
    canopies = [
        track
        for track in tracks
        if track.name not in CORES
        and belongs(track, place)
        and (not goods or any(_covers(track.anchor_xyxy, box) for box in goods))
        # Each canopy is over what it covers best.
        and not any(
            _overlap(_reach(track), other.anchor_xyxy) > _overlap(_reach(track), place)
            for other in rest
        )
    ]
    rest = [track for track in rest if not any(belongs(track, other) for other in others)]
    under = [
        track
        for track in rest
        if any(
            belongs(track, _reach(canopy)) and _covers(canopy.anchor_xyxy, track.anchor_xyxy)
            for canopy in canopies
        )
    ]
    members += under
    whole = union([core, *(track.anchor_xyxy for track in members)])
    beside = [
        track
        for track in rest
        if core_name in CORES
        and track not in under
        and _beside(
            track.anchor_xyxy,
            core,
            ABREAST_HEIGHTS if "cart" in (track.name, core_name) else BESIDE_HEIGHTS,
        )
    ]
    for track in sorted(beside, key=lambda track: _aside(track.anchor_xyxy, core)):
        wider = union([whole, track.anchor_xyxy])
        widest = max(boxes.width(core), boxes.width(track.anchor_xyxy))
        if boxes.width(wider) <= WIDEST_VENDOR * widest:
            whole = wider
            members.append(track)
    return members + canopies


def _beside(part: Box, core: Box, heights: float) -> bool:
    narrower = min(boxes.width(part), boxes.width(core))
    higher = max(boxes.height(part), boxes.height(core))
    return (
        _aside(part, core) <= BESIDE_WIDTHS * narrower
        and abs(part[3] - core[3]) <= heights * higher
    )


def _aside(a: Box, b: Box) -> float:
    """Width of what lies between two boxes, 0 where they meet."""
    return max(a[0] - b[2], b[0] - a[2], 0.0)


def grouped(tracks: Sequence[Track]) -> list[list[Track]]:
    """Put together what is one vendor's, beginning with the largest goods and carts."""
    groups: list[list[Track]] = []
    left = list(tracks)
    while left:
        core = core_of(left)
        parts = parts_of(core.anchor_xyxy, core.name, core.anchor_xyxy, left)
        groups.append(parts)
        left = [track for track in left if track not in parts]
    return groups


def trades(members: Sequence[Track], people: Sequence[Track]) -> bool:
    """Return whether there are goods, or somebody stays close by.

    Past a tricycle parked on a pavement people walk all day.
    """
    if any(track.name == "stall" for track in members):
        return True
    return any(
        shades(track, person)
        if track.name == "canopy"
        else _stays(person) and _is_close(person.box_xyxy, track.anchor_xyxy)
        for track in members
        for person in people
    )


def _stays(person: Track) -> bool:
    return person.last_seen - person.anchor_since >= LINGERS


def shades(canopy: Track, person: Track) -> bool:
    """Return whether somebody stays under a canopy, or at a stand whose roof it is.

    A café's parasol has people walking under it all day.
    """
    at_it = is_under(person.box_xyxy, canopy.anchor_xyxy)
    return _stays(person) and (at_it or _is_close(person.box_xyxy, canopy.anchor_xyxy))


def at_this(
    people: Sequence[Track], place: Box, others: Sequence[Box], *, shared: bool = True
) -> list[Track]:
    """Return who is nearer to a vendor than to any other: nobody serves at two.

    Args:
        people: Who is seen.
        place: Of the vendor.
        others: Of the others.
        shared: Whether who is as near to another counts.
    """

    def nearer(person: Box, other: Box) -> bool:
        here, there = _apart(person, place), _apart(person, other)
        return here < there or (shared and here == there)

    return [person for person in people if all(nearer(person.box_xyxy, other) for other in others)]


def under_this(
    people: Sequence[Track],
    canopy: Box,
    place: Box,
    others: Sequence[Box],
    goods: Sequence[Box],
) -> list[Track]:
    """Return who is at a lone canopy and at nobody's goods, unless they stand under it.

    Args:
        people: Who is seen.
        canopy: Where it is.
        place: The same, down to the ground.
        others: Of the other vendors.
        goods: Of those, where their goods or carts stand.
    """
    return [
        person
        for person in at_this(people, place, others, shared=False)
        if is_under(person.box_xyxy, canopy)
        or not any(_is_close(person.box_xyxy, other) for other in goods)
    ]


def _apart(person: Box, place: Box) -> float:
    """How far somebody's feet are from a vendor, in their own widths and heights."""
    below = max(place[1] - person[3], person[3] - place[3], 0.0)
    return math.hypot(_aside(person, place) / boxes.width(person), below / boxes.height(person))


def is_under(person: Box, canopy: Box) -> bool:
    """Return whether somebody stands under a sunshade, or at its edge: feet below, head near."""
    height = boxes.height(person)
    return (
        _aside(person, canopy) <= UNDER_WIDTHS * boxes.width(canopy)
        and person[3] >= canopy[3] + UNDER_FEET_HEIGHTS * height
        and person[1] <= canopy[3] + UNDER_HEIGHTS * height
    )


def _is_close(person: Box, cart: Box) -> bool:
    """Whether somebody stands beside a cart, or behind it, where it hides their legs."""
    aside, below = _aside(person, cart), person[3] - cart[3]
    beside = aside <= CLOSE_WIDTHS * boxes.width(cart)
    behind = aside <= 0 and cart[1] <= person[3] <= cart[3]
    return behind or (beside and abs(below) <= CLOSE_HEIGHTS * boxes.height(cart))
