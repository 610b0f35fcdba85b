"""The manifest of a finding's evidence, the chain of a camera's manifests, and their proof."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from vision.camera.config import Location
from vision.camera.events import Box
from vision.errors import InputError
from vision.evidence.overlay import forgery_code
from vision.finding import RuleRef

MANIFEST_NAME = "manifest.json"
CHAIN_NAME = "chain.jsonl"
NO_MANIFEST = "0" * 64
"""What the first manifest of a camera names as the one before it."""
_DIGEST = r"^[0-9a-f]{64}$"
# One or two plain names: nothing in a manifest may point out of its folder.
_INSIDE = r"^(sealed/)?[A-Za-z0-9][A-Za-z0-9_-]*\.[a-z0-9]+$"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EvidenceFile(_Frozen):
    """One file of a finding's evidence.

    A file that was made from a sealed one names it (`made_from`); a picture with an overlay also
    carries the `code` that was printed on it.
    """

    path: str = Field(pattern=_INSIDE, description="relative to the manifest")
    role: str
    media_type: str
    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=_DIGEST)
    taken_at: AwareDatetime | None = None
    received_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    box_xyxy: Box | None = None
    made_from: str | None = Field(None, pattern=_INSIDE)
    code: str | None = None


class PlateNote(_Frozen):
    """A plate that was read, and in which file."""

    text: str
    confidence: float = Field(ge=0, le=1)
    box_xyxy: Box
    read_from: str = Field(pattern=_INSIDE)


class Manifest(_Frozen):
    """What belongs to a finding, file by file.

    Attributes:
        sha256: Of this manifest without this field, as `digest` computes it.
        previous: `sha256` of the manifest that this camera sealed before.
    """

    version: Literal[1] = 1
    sequence: int = Field(ge=1)
    previous: str = Field(pattern=_DIGEST)
    finding_id: str
    camera_id: str
    camera_name: str
    direction: str | None
    location: Location | None
    timezone: str
    zone: str
    rule: RuleRef
    sealed_at: AwareDatetime
    clock_offset_s: float | None = Field(
        description="the stream's clock less this machine's, where both are known"
    )
    plate: PlateNote | None
    files: tuple[EvidenceFile, ...]
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")

    def digest(self) -> str:
        """Return the SHA-256 of everything in the manifest but `sha256` itself."""
        content = self.model_dump(mode="json", exclude={"sha256"})
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def closed(self) -> Manifest:
        """Return the manifest with its own SHA-256 in it."""
        return self.model_copy(update={"sha256": self.digest()})

    def link(self) -> ChainLink:
        """Return what the chain says of this manifest."""
        return ChainLink(
            sequence=self.sequence,
            finding_id=self.finding_id,
            previous=self.previous,
            sha256=self.sha256,
        )


class ChainLink(_Frozen):
    """A line of the chain: one sealed finding."""

    sequence: int
    finding_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
    previous: str
    sha256: str


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest in a finding's folder.

    Raises:
        InputError: There is none, or it has not the form of one.
    """
    path = folder / MANIFEST_NAME
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValidationError as error:
        raise InputError(
            f"{path}: is no manifest that this version understands, or was changed "
            f"({error.error_count()} entries are wrong)"
        ) from None


def read_chain(folder: Path) -> tuple[tuple[ChainLink, ...], bytes]:
    """Read the chain of an evidence folder.

    Returns:
        Its links, and what follows the last whole line: bytes of a line that a crash cut off.

    Raises:
        InputError: It cannot be read, or a line is no link.
    """
    path = folder / CHAIN_NAME
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    *lines, rest = content.split(b"\n")
    links = []
    for number, line in enumerate(lines, 1):
        try:
            links.append(ChainLink.model_validate_json(line))
        except ValidationError:
            raise InputError(
                f"{path}: line {number} is damaged; leave all as it is for whoever checks it, and "
                "let new results go to another folder"
            ) from None
    return tuple(links), rest


def verify_evidence(folder: Path) -> list[str]:
    """Check the evidence of a camera: every file, every manifest, and their chain.

    What this cannot see is that the newest findings were removed together with the end of the
    chain; the SHA-256 of the manifest that each finding carries shows that.

    Args:
        folder: The folder of results, which holds ``evidence``.

    Returns:
        What is wrong, in words; nothing where all is as it was sealed.

    Raises:
        InputError: There is no evidence in the folder.
    """
    evidence = folder / "evidence"
    if not evidence.is_dir():
        raise InputError(f"{folder}: holds no evidence; name the folder that results were put in")
    try:
        links, rest = read_chain(evidence)
    except InputError as error:
        return [str(error)]
    problems = [f"{evidence / CHAIN_NAME}: the last line is cut off"] if rest else []
    previous = NO_MANIFEST
    for expected, link in enumerate(links, 1):
        where = evidence / link.finding_id
        if link.sequence != expected or link.previous != previous:
            problems.append(
                f"{evidence / CHAIN_NAME}: link {link.sequence} ({link.finding_id}) does not "
                "follow on the one before it"
            )
        previous = link.sha256
        problems += _finding_problems(where, link)
    known = {link.finding_id for link in links}
    problems += [
        f"{path}: is not in the chain"
        for path in sorted(evidence.iterdir())
        if path.is_dir() and path.name not in known and not path.name.startswith(".")
    ]
    return problems


def _finding_problems(where: Path, link: ChainLink) -> Iterator[str]:
    try:
        manifest = read_manifest(where)
    except InputError as error:
        yield str(error)
        return
    if manifest.digest() != manifest.sha256:
        yield f"{where / MANIFEST_NAME}: was changed after it was sealed"
    if manifest.link() != link:
        yield f"{where / MANIFEST_NAME}: is not the one that the chain names"
    by_path = {entry.path: entry for entry in manifest.files}
    for entry in manifest.files:
        path = where / entry.path
        try:
            content = path.read_bytes()
        except OSError as error:
            yield f"{path}: cannot be read ({error.strerror or error})"
            continue
        if len(content) != entry.size_bytes or hashlib.sha256(content).hexdigest() != entry.sha256:
            yield f"{path}: was changed after it was sealed"
        if entry.code is not None:
            original = by_path.get(entry.made_from or "")
            if (
                original is None
                or original.taken_at is None
                or entry.code != forgery_code(link.finding_id, original.sha256, original.taken_at)
            ):
                yield f"{path}: its code does not belong to its sealed original"
    there = {str(path.relative_to(where)) for path in where.rglob("*") if not path.is_dir()}
    for name in sorted(there - set(by_path) - {MANIFEST_NAME}):
        yield f"{where / name}: was added after the evidence was sealed"
