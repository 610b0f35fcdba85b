"""Change-pair folders: ``A/`` before, ``B/`` after, ``label/`` masks, as public change sets have.

The three files of a pair share their name. ``georeference.json``, where there is one, maps names to
a CRS and the six numbers of the transform from pixel corners to map coordinates.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from datasets.formats.boxes import BadDataset

_GEOREFERENCE = "georeference.json"


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where a pair lies on the ground.

    Attributes:
        crs: as an authority code ("EPSG:32645") or WKT.
        transform: a, b, c, d, e, f of x = a·col + b·row + c, y = d·col + e·row + f.
    """

    crs: str
    transform: tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class ChangePair:
    """Two pictures of one ground and what changed between them.

    Attributes:
        name: of its files, without suffix.
        before: uint8, shape ``(rows, cols, 3)``, red first.
        after: uint8, shape ``(rows, cols, 3)``, red first.
        changed: bool, shape ``(rows, cols)``.
        georeference: where it lies; None where not known.
    """

    name: str
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    changed: NDArray[np.bool_]
    georeference: Georeference | None = None


def write_change_pairs(folder: Path, pairs: Iterable[ChangePair]) -> int:
    """Write pairs as PNG files and return how many.

    Raises:
        BadDataset: the three arrays of a pair differ in size.
    """
    for part in ("A", "B", "label"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    places: dict[str, dict[str, object]] = {}
    count = 0
    for pair in pairs:
        if not pair.before.shape[:2] == pair.after.shape[:2] == pair.changed.shape:
            raise BadDataset(f"{folder}: pair {pair.name!r}: its arrays differ in size")
        mask = pair.changed.astype(np.uint8) * 255
        for part, pixels in (("A", pair.before), ("B", pair.after), ("label", mask)):
            stored = pixels[:, :, ::-1] if pixels.ndim == 3 else pixels
            cv2.imwrite(str(folder / part / f"{pair.name}.png"), stored)
        if pair.georeference is not None:
            place = pair.georeference
            places[pair.name] = {"crs": place.crs, "transform": list(place.transform)}
        count += 1
    if places:
        text = json.dumps(places, indent=1, sort_keys=True)
        (folder / _GEOREFERENCE).write_text(text + "\n", encoding="utf-8")
    return count


def list_change_pairs(folder: Path) -> list[str]:
    """Return the names of the pairs of a folder.

    Raises:
        BadDataset: a picture lacks its partner or its label.
    """
    names = {
        part: {path.stem for path in (folder / part).glob("*.png")} for part in ("A", "B", "label")
    }
    if not names["A"]:
        raise BadDataset(f"{folder / 'A'}: no PNG files; is this a change-pair folder?")
    for part, found in names.items():
        lacking = sorted(set.union(*names.values()) - found)
        if lacking:
            raise BadDataset(f"{folder / part / (lacking[0] + '.png')}: missing for its pair")
    return sorted(names["A"])


def read_change_pair(folder: Path, name: str) -> ChangePair:
    """Read one pair; label values over 0 mean changed.

    Raises:
        BadDataset: a file is missing, no picture, or of another size than its partners.
    """
    before, after = (_read(folder / part / f"{name}.png", cv2.IMREAD_COLOR) for part in "AB")
    label = _read(folder / "label" / f"{name}.png", cv2.IMREAD_GRAYSCALE)
    if not before.shape[:2] == after.shape[:2] == label.shape:
        raise BadDataset(f"{folder}: pair {name!r}: its files differ in size")
    return ChangePair(
        name=name,
        before=np.ascontiguousarray(before[:, :, ::-1]),
        after=np.ascontiguousarray(after[:, :, ::-1]),
        changed=label > 0,
        georeference=_read_place(folder / _GEOREFERENCE, name),
    )


def _read(path: Path, mode: int) -> NDArray[np.uint8]:
    pixels = cv2.imread(str(path), mode)
    if pixels is None:
        raise BadDataset(f"{path}: not a picture that can be read")
    return np.asarray(pixels, np.uint8)


def _read_place(path: Path, name: str) -> Georeference | None:
    if not path.exists():
        return None
    try:
        place = json.loads(path.read_text(encoding="utf-8")).get(name)
        if place is None:
            return None
        a, b, c, d, e, f = (float(value) for value in place["transform"])
        return Georeference(str(place["crs"]), (a, b, c, d, e, f))
    except json.JSONDecodeError as error:
        raise BadDataset(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadDataset(f"{path}: {name!r} needs 'crs' and six numbers 'transform'") from error
