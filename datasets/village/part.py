"""What a scene is made of: named parts that draw themselves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

from datasets.village.canvas import Canvas, Date

BOTH: Final[tuple[Date, ...]] = ("before", "after")


@dataclass(frozen=True, kw_only=True)
class Part(ABC):
    """A thing in the scene.

    Attributes:
        name: Unique; seeds the part's look.
        dates: In which of the two surveys it stands.
    """

    name: str
    dates: tuple[Date, ...] = BOTH

    @abstractmethod
    def draw(self, canvas: Canvas) -> None:
        """Paint the part."""
