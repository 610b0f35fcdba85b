"""Assets: things made of labelled parts, and the same things put somewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from datasets.scenes.shape import Shape, rotation


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an asset.

    Attributes:
        label: class of the street detector that a box around this piece has; None for pieces that
            get no box of their own.
        shape: its faces.
    """

    label: str | None
    shape: Shape


@dataclass(frozen=True, slots=True)
class Asset:
    """A thing with a name, seen from above 0, 0, heading along x.

    Attributes:
        kind: what it is, in plain words: ``muck_truck``, ``car``, ``vending``, ``lookalike`` …
        design: which of the designs of its kind.
        parts: its pieces; a piece may hold several things of one label only if they make one box.
        load_state: of a muck truck, else None.
    """

    kind: str
    design: str
    parts: tuple[Part, ...]
    load_state: str | None = None

    def placed(self, x: float, y: float, *, yaw_deg: float = 0.0, z: float = 0.0) -> Asset:
        """Return the asset turned about its origin, then moved."""
        turn = rotation(yaw_deg=yaw_deg)
        parts = tuple(Part(part.label, part.shape.moved(x, y, z, turn=turn)) for part in self.parts)
        return replace(self, parts=parts)
