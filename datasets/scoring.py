"""Holding what was found against what is known to be there, object by object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union
from shapely.strtree import STRtree

# Outlines of a 10 m² hut that lie half a metre aside share about a third of their union.
MATCH_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Score:
    """Matches between truth and findings.

    Attributes:
        pairs: ``(truth index, found index)`` of what was found.
        missed: truth indices that nothing matched.
        false: found indices that match nothing.
    """

    pairs: tuple[tuple[int, int], ...]
    missed: tuple[int, ...]
    false: tuple[int, ...]

    @property
    def recall(self) -> float:
        """Share of the truth that was found; 1 where there is none."""
        total = len(self.pairs) + len(self.missed)
        return len(self.pairs) / total if total else 1.0

    @property
    def precision(self) -> float:
        """Share of the findings that are true; 1 where there are none."""
        total = len(self.pairs) + len(self.false)
        return len(self.pairs) / total if total else 1.0


def iou(a: BaseGeometry, b: BaseGeometry) -> float:
    """Return intersection over union of two areas; 0 where both are empty."""
    shared = a.intersection(b).area
    joined = a.area + b.area - shared
    return float(shared / joined) if joined > 0 else 0.0


def match(
    truth: Sequence[BaseGeometry], found: Sequence[BaseGeometry], *, min_iou: float = MATCH_IOU
) -> Score:
    """Pair truth with findings one to one, best overlap first.

    Args:
        truth: outlines, in one projected CRS with ``found``.
        found: outlines.
        min_iou: least intersection over union of a pair.
    """
    tree = STRtree(list(found))
    ranked = sorted(
        (
            (iou(outline, found[int(other)]), index, int(other))
            for index, outline in enumerate(truth)
            for other in tree.query(outline)
        ),
        reverse=True,
    )
    taken_truth: set[int] = set()
    taken_found: set[int] = set()
    pairs = []
    for overlap, index, other in ranked:
        if overlap < min_iou:
            break
        if index not in taken_truth and other not in taken_found:
            taken_truth.add(index)
            taken_found.add(other)
            pairs.append((index, other))
    return Score(
        tuple(sorted(pairs)),
        tuple(i for i in range(len(truth)) if i not in taken_truth),
        tuple(i for i in range(len(found)) if i not in taken_found),
    )


def area_agreement(
    truth: Sequence[BaseGeometry], found: Sequence[BaseGeometry], *, within: BaseGeometry
) -> tuple[float, float]:
    """Return the areas of intersection and union of two sets of areas, inside ``within``."""
    a = unary_union(list(truth)).intersection(within)
    b = unary_union(list(found)).intersection(within)
    shared = a.intersection(b).area
    return float(shared), float(a.area + b.area - shared)
