"""The card of a generated data set: what is in it, how it was made, and proof that it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from datasets.formats.boxes import BadDataset

CARD_FILE = "card.yaml"
HASH_FILE = "files.sha256"


class DataSource(BaseModel):
    """Something that a data set was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str = Field(title="What", description="Name of the source, and where to get it.")
    licence: str = Field(title="Licence", description="Licence as the source states it.")


class SplitCounts(BaseModel):
    """How much a split holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: int = Field(title="Images", description="Pictures or pairs in the split.", ge=0)
    objects: dict[str, int] = Field(
        default_factory=dict, title="Objects", description="Objects of each class."
    )


class DatasetCard(BaseModel):
    """What a data set is and how it came to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(title="Name", description="Name of the data set.")
    command: str = Field(title="Command", description="Command that made it.")
    seed: int = Field(title="Seed", description="Seed of all randomness in it.")
    created: AwareDatetime = Field(title="Created", description="When it was written, in UTC.")
    splits: dict[str, SplitCounts] = Field(title="Splits", description="Counts of each split.")
    sources: list[DataSource] = Field(title="Sources", description="What it was made from.")
    notes: list[str] = Field(
        default_factory=list, title="Notes", description="What its user must know."
    )
    files_sha256: str = Field(
        default="", title="Digest", description=f"SHA-256 of {HASH_FILE}, which lists every file."
    )


def write_dataset_card(
    folder: Path,
    *,
    name: str,
    command: str,
    seed: int,
    splits: dict[str, SplitCounts],
    sources: Sequence[DataSource],
    notes: Sequence[str] = (),
) -> DatasetCard:
    """Hash every file of a finished data set and write its card beside them.

    Args:
        folder: data set; ``files.sha256`` (as of ``sha256sum``) and ``card.yaml`` are written.
        name: name of the data set.
        command: command that made it.
        seed: seed of all randomness in it.
        splits: counts of each split.
        sources: what it was made from, with licences.
        notes: what its user must know.
    """
    text = "".join(f"{digest}  {path}\n" for path, digest in _digests(folder).items())
    (folder / HASH_FILE).write_text(text, encoding="utf-8")
    card = DatasetCard(
        name=name,
        command=command,
        seed=seed,
        created=datetime.now(UTC).replace(microsecond=0),
        splits=splits,
        sources=list(sources),
        notes=list(notes),
        files_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    content = yaml.safe_dump(card.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    (folder / CARD_FILE).write_text(content, encoding="utf-8")
    return card


def read_dataset_card(folder: Path) -> DatasetCard:
    """Read the card of a data set.

    Raises:
        BadDataset: no card, or one that does not say what it must.
    """
    path = folder / CARD_FILE
    try:
        return DatasetCard.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise BadDataset(f"{path}: not a data set card: {error}") from error


def verify_dataset(folder: Path) -> None:
    """Check that every file is as it was when the card was written.

    Raises:
        BadDataset: the first file that is missing, changed or new.
    """
    card = read_dataset_card(folder)
    path = folder / HASH_FILE
    if not path.exists():
        raise BadDataset(f"{path}: missing; make the data set again: {card.command}")
    text = path.read_text(encoding="utf-8")
    if hashlib.sha256(text.encode()).hexdigest() != card.files_sha256:
        raise BadDataset(f"{path}: is not the list that {CARD_FILE} was written for")
    listed = {line[66:]: line[:64] for line in text.splitlines()}
    found = _digests(folder)
    for name in sorted(listed.keys() | found.keys()):
        if name not in found:
            raise BadDataset(f"{folder / name}: missing")
        if name not in listed:
            raise BadDataset(f"{folder / name}: not part of the data set")
        if found[name] != listed[name]:
            raise BadDataset(f"{folder / name}: changed since the card was written")


def _digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    names = sorted(path.relative_to(folder).as_posix() for path in files)
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in names
        if name not in (CARD_FILE, HASH_FILE)
    }
