"""Seeded noise: named random streams and a bank of band-limited textures in metres."""

from __future__ import annotations

import zlib
from typing import Final, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Band = Literal["grain", "fine", "mid", "broad"]

WAVELENGTHS_M: Final[dict[Band, tuple[float, float]]] = {
    "grain": (0.15, 0.6),
    "fine": (0.45, 2.2),
    "mid": (1.6, 9.0),
    "broad": (7.0, 60.0),
}
"""Shortest and longest wavelength of each band."""


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream that belongs to ``name``.

    Every part of a scene draws from its own stream, so that taking one part away leaves the
    look of all others untouched: what stands in both surveys looks the same in both.
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


class NoiseBank:
    """Periodic textures, one per band, each with mean 0 and standard deviation 1."""

    def __init__(self, seed: int, *, cell_m: float, size: int) -> None:
        """Make the textures.

        Args:
            seed: Scene seed.
            cell_m: Size of one texture cell in metres.
            size: Edge of the square textures in cells.
        """
        self._size = size
        frequency = np.hypot(
            scipy.fft.fftfreq(size, cell_m)[:, None], scipy.fft.rfftfreq(size, cell_m)[None, :]
        ).astype(np.float32)
        frequency[0, 0] = np.inf
        self._textures: dict[Band, NDArray[np.float32]] = {}
        for band, (shortest_m, longest_m) in WAVELENGTHS_M.items():
            white = stream(seed, f"noise/{band}").standard_normal((size, size), dtype=np.float32)
            low = 1.0 / longest_m
            high = 1.0 / max(shortest_m, 2.0 * cell_m)
            # Amplitude falls as 1/f: the usual spectrum of natural surfaces.
            gain = 1.0 / np.maximum(frequency, low)
            gain *= np.exp(-((frequency / high) ** 4)) * (1.0 - np.exp(-((frequency / low) ** 4)))
            gain[0, 0] = 0.0
            texture = scipy.fft.irfft2(scipy.fft.rfft2(white) * gain, s=(size, size))
            spread = float(texture.std())
            self._textures[band] = (texture / (spread if spread > 0 else 1.0)).astype(np.float32)

    def window(
        self, band: Band, shape: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a ``shape`` float32 cut-out of a band at a random place."""
        row, col = (int(start) for start in rng.integers(0, self._size, 2))
        rows = (np.arange(shape[0]) + row) % self._size
        cols = (np.arange(shape[1]) + col) % self._size
        return self._textures[band][np.ix_(rows, cols)]


def wobble(
    along: NDArray[np.float32], rng: np.random.Generator, *, period_m: float, knots: int = 256
) -> NDArray[np.float32]:
    """Return smooth one-dimensional noise (about -1 to 1) along a coordinate in metres."""
    values = rng.uniform(-1.0, 1.0, knots).astype(np.float32)
    position = along / period_m + float(rng.uniform(0, knots))
    index = np.floor(position).astype(np.int64)
    part = (position - index).astype(np.float32)
    part = part * part * (3.0 - 2.0 * part)
    blend: NDArray[np.float32] = (
        values[index % knots] * (1.0 - part) + values[(index + 1) % knots] * part
    )
    return blend


def per_strip(
    across: NDArray[np.float32], rng: np.random.Generator, *, width_m: float, knots: int = 512
) -> NDArray[np.float32]:
    """Return one random value (standard normal) per strip of ``width_m``: sheets, slabs, beds."""
    values = rng.standard_normal(knots).astype(np.float32)
    index = np.floor(across / width_m + float(rng.uniform(0, 1))).astype(np.int64)
    picked: NDArray[np.float32] = values[index % knots]
    return picked
