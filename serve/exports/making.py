"""Making a training set: choose, cut, write, describe, pack."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from datasets.classes import STREET_CLASSES
from datasets.formats.boxes import LabelledImage
from datasets.formats.card import DataSource, SplitCounts, write_dataset_card
from datasets.formats.change_pairs import ChangePair, write_change_pairs
from datasets.formats.coco import write_coco
from datasets.formats.yolo import write_yolo
from serve.db.tables import Comparison, EvidenceRow, FindingRow, Survey
from serve.exports.lessons import CAMERA_KINDS, SURVEY_KINDS, Lesson, lesson_of
from serve.exports.pictures import Used, cut_pictures, into_splits
from serve.findings.filters import FindingFilters, State
from serve.findings.query import all_ids
from serve.service import Service
from vision.errors import InputError

MOST_FINDINGS = 20_000
_CHUNK = 200
_PACKED_AT = (1980, 1, 1, 0, 0, 0)
"""Time of every entry of the zip file, so that the same pictures give the same file."""

Progress = Callable[[float], None]
Reviewed = tuple[FindingRow, Lesson]


class Form(StrEnum):
    """What a training set looks like."""

    YOLO = "yolo"
    COCO = "coco"
    CHANGE_PAIRS = "change_pairs"


@dataclass
class Made:
    """What was made.

    Attributes:
        archive: The zip file.
        sha256: Its hash.
        counts: Pictures by split, objects by class, what was left out.
        sealed: Originals that pictures were cut from.
    """

    archive: Path
    sha256: str
    counts: dict[str, Any]
    sealed: list[EvidenceRow] = field(default_factory=list)


def make_export(
    service: Service,
    form: Form,
    filters: FindingFilters,
    work: Path,
    *,
    name: str,
    progress: Progress,
) -> Made:
    """Make a training set in a folder and pack it.

    Raises:
        InputError: Too few findings pass the filters to learn from.
    """
    reviewed, left_out = _reviewed(service, form, filters)
    folder = work / name
    folder.mkdir()
    sealed: list[EvidenceRow] = []
    if form is Form.CHANGE_PAIRS:
        splits, gone = _pairs(service, reviewed, folder, work, progress)
        notes = [
            "label: the reviewed outline of the one thing that a pair was cut around; all black "
            "where a reviewer rejected it as nothing",
            "the earlier half is shifted as the comparison found; rotation and warp are not undone",
        ]
    else:
        used, gone = _pictures(service, reviewed, work, progress)
        splits = _write_pictures(form, used, folder)
        sealed = [item.evidence for item in used if item.evidence.sealed]
        notes = [
            "each picture is cut around one reviewed finding; things farther off are not labelled",
            "pictures without boxes are what the model took for something and a reviewer rejected",
        ]
    notes.append(f"left out: {left_out + gone} reviewed findings whose reason or evidence does not "
                 "tell what is there")  # fmt: skip
    counts = {name_: split.model_dump() for name_, split in splits.items()}
    write_dataset_card(
        folder,
        name=name,
        command=f"POST /api/v1/exports (form {form.value})",
        seed=0,
        splits=splits,
        sources=[DataSource(what="findings of this city, reviewed", licence="the city's own")],
        notes=notes,
    )
    archive = work / f"{name}.zip"
    _pack(folder, archive)
    with archive.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    shutil.rmtree(folder)
    return Made(archive, sha256, {"splits": counts, "left_out": left_out + gone}, sealed)


def _reviewed(service: Service, form: Form, filters: FindingFilters) -> tuple[list[Reviewed], int]:
    kinds = SURVEY_KINDS if form is Form.CHANGE_PAIRS else CAMERA_KINDS
    wanted = [kind for kind in filters.kind or sorted(kinds) if kind in kinds]
    if not wanted:
        raise InputError(f"{form} is made of {', '.join(sorted(kinds))}; filter for one of them")
    asked = filters.model_copy(
        update={"kind": wanted, "state": filters.state or [State.CONFIRMED, State.REJECTED]}
    )
    reviewed: list[Reviewed] = []
    left_out = 0
    with service.database.read() as session:
        ids = all_ids(session, asked, most=MOST_FINDINGS)
        for start in range(0, len(ids), _CHUNK):
            rows = session.scalars(
                sa.select(FindingRow)
                .where(FindingRow.id.in_(ids[start : start + _CHUNK]))
                .order_by(FindingRow.id)
            )
            for row in rows:
                lesson = lesson_of(row)
                if lesson is None:
                    left_out += 1
                else:
                    reviewed.append((row, lesson))
    if len(reviewed) < 2:
        raise InputError(
            "fewer than two reviewed findings pass the filters, too few to learn and to test with"
        )
    return reviewed, left_out


def _pictures(
    service: Service, reviewed: Sequence[Reviewed], work: Path, progress: Progress
) -> tuple[list[Used], int]:
    cut = work / "cut"
    cut.mkdir()
    used: list[Used] = []
    for start in range(0, len(reviewed), _CHUNK):
        chunk = reviewed[start : start + _CHUNK]
        with service.database.read() as session:
            evidence: dict[str, list[EvidenceRow]] = {}
            for item in session.scalars(
                sa.select(EvidenceRow).where(
                    EvidenceRow.finding_id.in_([row.id for row, _ in chunk])
                )
            ):
                evidence.setdefault(item.finding_id, []).append(item)
        found = [(row, lesson, evidence.get(row.id, [])) for row, lesson in chunk]
        used += [item for item in cut_pictures(found, service.storage, cut) if item is not None]
        progress(0.9 * (start + len(chunk)) / len(reviewed))
    if len(used) < 2:
        raise InputError("fewer than two of the findings still have a picture of the scene")
    return used, len(reviewed) - len(used)


def _write_pictures(form: Form, used: list[Used], folder: Path) -> dict[str, SplitCounts]:
    names = into_splits([item.group for item in used], [item.image.path.stem for item in used])
    splits: dict[str, list[LabelledImage]] = {"train": [], "test": []}
    for item, split in zip(used, names, strict=True):
        splits[split].append(item.image)
    if form is Form.YOLO:
        write_yolo(folder, splits, STREET_CLASSES)
    else:
        for split, images in splits.items():
            target = folder / "images" / split
            target.mkdir(parents=True)
            for image in images:
                shutil.copyfile(image.path, target / image.path.name)
            write_coco(folder / f"{split}.json", images, STREET_CLASSES)
    return {
        split: SplitCounts(
            images=len(images),
            objects=dict(Counter(box.label for image in images for box in image.boxes)),
        )
        for split, images in splits.items()
    }


def _pairs(
    service: Service, reviewed: Sequence[Reviewed], folder: Path, work: Path, progress: Progress
) -> tuple[dict[str, SplitCounts], int]:
    placed = sorted(
        (item for item in reviewed if item[0].comparison_id is not None),
        key=lambda item: (item[0].comparison_id or "", item[0].id),
    )
    splits = into_splits([row.comparison_id or "" for row, _ in placed], [r.id for r, _ in placed])
    counts = {split: Counter[str]() for split in ("train", "test")}
    done = 0

    # With all that reads rasters; few exports, and no other part of a worker, need it.
    from serve.exports.pairs import cut_pairs

    def pairs_of(split: str) -> Iterator[ChangePair]:
        nonlocal done
        chosen = [item for item, its in zip(placed, splits, strict=True) if its == split]
        for comparison_id, group in groupby(chosen, key=lambda item: item[0].comparison_id):
            found = list(group)
            files = _surveys(service, comparison_id or "", work)
            if files is not None:
                before, after, alignment = files
                cut = cut_pairs(found, before, after, alignment=alignment)
                for pair, (row, lesson) in zip(cut, found, strict=True):
                    if pair is not None:
                        counts[split]["pairs"] += 1
                        counts[split][row.kind if lesson is Lesson.THERE else "nothing"] += 1
                        yield pair
                before.unlink()
                after.unlink()
            done += len(found)
            progress(0.9 * done / len(placed))

    made = sum(write_change_pairs(folder / split, pairs_of(split)) for split in counts)
    if not made:
        raise InputError("none of the findings still has both of its surveys")
    described = {
        split: SplitCounts(images=count.pop("pairs", 0), objects=dict(count))
        for split, count in counts.items()
    }
    return described, len(reviewed) - made


def _surveys(
    service: Service, comparison_id: str, work: Path
) -> tuple[Path, Path, dict[str, Any]] | None:
    """Bring both orthophotos of a comparison here; none where one is gone."""
    with service.database.read() as session:
        comparison = session.get_one(Comparison, comparison_id)
        before = session.get_one(Survey, comparison.before_id)
        after = session.get_one(Survey, comparison.after_id)
    if before.ortho_key is None or after.ortho_key is None:
        return None
    paths: list[Path] = []
    for survey, key in ((before, before.ortho_key), (after, after.ortho_key)):
        if not service.storage.exists(key):
            return None
        paths.append(work / f"{survey.id}-{len(paths)}.tif")
        service.storage.fetch(key, paths[-1])
    alignment = (comparison.result or {}).get("alignment") or {}
    return paths[0], paths[1], alignment


def _pack(folder: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = f"{folder.name}/{path.relative_to(folder).as_posix()}"
                entry = zipfile.ZipInfo(name, _PACKED_AT)
                entry.external_attr = 0o644 << 16
                with path.open("rb") as source, packed.open(entry, "w") as target:
                    shutil.copyfileobj(source, target)
