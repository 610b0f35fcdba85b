"""Streets to learn from, drawn as those of the evaluation clips are and put together like them.

Everything is of the designs for training; streets, cameras and lights come of seeds of their own.
They are full: from one scene to the next all that stands there is another's, while traffic and
people go on. Time is only what tells one picture from the next, so a clip has one a second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.scenes.asset import Asset
from datasets.scenes.catalogue import CATALOGUE
from datasets.scenes.clip_cast import only
from datasets.scenes.clip_casting import Casting, NoRoom
from datasets.scenes.clip_places import draw_place
from datasets.scenes.clip_roles import pushed_cart, stands, walker, walking_times, walks
from datasets.scenes.clip_scene import COARSE, Clip, DaylightKind
from datasets.scenes.clip_traffic import Traffic

SCENES, SCENE_S = 3, 6
DURATION_S = float(SCENES * SCENE_S)
_SEED = 60000
"""To which a clip's number is added; evaluation clips' seeds are far below."""
_ATTEMPTS = 20
_DAYLIGHTS: tuple[DaylightKind, ...] = ("day", "overcast", "dusk")
_DAYLIGHT_SHARES = (0.45, 0.35, 0.2)
_ZEBRA_SHARE = 0.3
_PASSERS = ("car", "muck_truck", "van", "two_wheeler", "truck", "car", "muck_truck", "bus")
_KERB_KINDS, _KERB_SHARES = ("car", "van", "truck", "muck_truck"), (0.6, 0.2, 0.08, 0.12)
_BEYOND_M = 8.0
"""Behind the end of what zones would watch, things are smaller still and stand there too."""
_HIDDEN_SHARE = 0.5
_TURNED_DEG = 14.0
_ANY_WAY_SHARE = 0.12
"""Of traders and what is taken for them, so many face anywhere; the others the road, about."""


def training_clip(number: int) -> Clip:
    """Return a clip to learn from.

    Args:
        number: from 0; fixes everything in it.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _attempt(number, attempt)
        except RuntimeError:
            # No view shows enough of such a street.
            continue
    raise RuntimeError(f"no street was drawn for clip {number}")


def _attempt(number: int, attempt: int) -> Clip:
    seed = _SEED + number
    rng = np.random.default_rng((seed, 1, attempt))
    daylight = _DAYLIGHTS[int(rng.choice(len(_DAYLIGHTS), p=_DAYLIGHT_SHARES))]
    zebra = bool(rng.random() < _ZEBRA_SHARE)
    place = draw_place(rng, gate="road", zebra=zebra, daylight=daylight)
    rng = np.random.default_rng((seed, 2, attempt))
    casting = Casting(place, rng, end_s=DURATION_S, split="train")
    for scene in range(SCENES):
        _Scene(casting, scene).fill()
    Traffic(casting, red_s=None).passers(len(_PASSERS), kinds=_PASSERS)
    return Clip(
        name=f"street_{number:04d}",
        seed=seed,
        place=f"Training street {number}",
        duration_s=DURATION_S,
        frames_per_s=1,
        plan=place.plan,
        view=place.view,
        daylight=place.daylight,
        zones=(),
        actors=tuple(casting.actors),
        events=(),
        clear_x=place.clear_x,
        keying=COARSE,
        street_samples=8,
    )


class _Scene:
    """What stands in a street for a while, and who walks through it."""

    def __init__(self, casting: Casting, number: int) -> None:
        """Begin with an empty street.

        Args:
            casting: to add to.
            number: of the scene, from 0.
        """
        casting.clears_away()
        self._casting, self._number = casting, number
        self._rng, self._place = casting.rng, casting.place
        self._start_s = float(number * SCENE_S)
        self._count = 0

    def fill(self) -> None:
        """Put in everything: what is rarest is given its place first."""
        rng = self._rng
        for side in (-1, 1):
            for _ in range(int(rng.integers(2, 5))):
                self._on_pavement(side, self._trade)
        for side in (-1, 1):
            for _ in range(int(rng.integers(1, 4))):
                self._on_pavement(side, self._drawn("lookalike"))
            for _ in range(int(rng.integers(0, 3))):
                self._at_kerb(side)
            for _ in range(int(rng.integers(1, 3))):
                self._on_pavement(side, self._drawn("person"))
            if rng.random() < 0.4:
                self._on_pavement(side, self._drawn("two_wheeler"))
            self._walks(side, walker(rng, "train"))
        self._walks(int(rng.choice([-1, 1])), pushed_cart(rng, self._cart(), "train"))

    def _name(self, asset: Asset) -> str:
        self._count += 1
        return f"scene-{self._number + 1}-{asset.kind}-{self._count}"

    def _drawn(self, kind: str) -> Callable[[], Asset]:
        return lambda: CATALOGUE[kind](self._rng, "train")

    def _trade(self) -> Asset:
        """Return a vending spot that stands on a pavement: no pick-up."""
        while True:
            spot = CATALOGUE["vending"](self._rng, "train")
            if not only(spot, ("truck",)):
                return spot

    def _cart(self) -> Asset:
        while True:
            spot = self._trade()
            if len(only(spot, ("cart",))) == 1:
                return spot

    def _on_pavement(self, side: int, make: Callable[[], Asset]) -> None:
        rng, place = self._rng, self._place
        near, far = place.pavement_strip(side)
        y = place.pavement_y(side, float(rng.uniform(0.1, 0.9)))
        yaw = (0.0 if side > 0 else 180.0) + float(rng.normal(0.0, _TURNED_DEG))
        if rng.random() < _ANY_WAY_SHARE:
            yaw = float(rng.uniform(0.0, 360.0))
        self._stands(make(), side, (near + 1.0, far + _BEYOND_M), y, yaw)

    def _at_kerb(self, side: int) -> None:
        place = self._place
        kind = _KERB_KINDS[int(self._rng.choice(len(_KERB_KINDS), p=_KERB_SHARES))]
        near, far = place.kerb_strip(side)
        yaw = 180.0 if side > 0 else 0.0
        aheads = (near + 2.5, far + _BEYOND_M)
        self._stands(self._drawn(kind)(), side, aheads, place.edge_y(side), yaw)

    def _stands(
        self, asset: Asset, side: int, aheads: tuple[float, float], y: float, yaw: float
    ) -> None:
        """Put something in where there is room; leave it out where there is none."""
        try:
            ahead = self._casting.room(asset, side, aheads, y, yaw=yaw, hidden_share=_HIDDEN_SHARE)
        except NoRoom:
            return
        self._casting.actors.append(
            stands(
                self._name(asset),
                asset,
                "stands there",
                spot=(self._place.x(ahead), y, yaw),
                from_s=self._start_s,
                until_s=self._start_s + SCENE_S,
            )
        )

    def _walks(self, side: int, looks: tuple[Asset, ...]) -> None:
        rng, place = self._rng, self._place
        near, far = place.pavement_strip(side)
        ends = (float(rng.uniform(near, far)), far + _BEYOND_M)
        aheads = ends if rng.random() < 0.5 else (ends[1], ends[0])
        y = place.pavement_y(side, float(rng.uniform(0.0, 0.6)))
        when = walking_times(self._start_s, aheads)
        name = self._name(looks[0])
        self._casting.actors.append(walks(name, looks, "walks by", place=place, y=y, when=when))
