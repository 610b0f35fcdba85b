"""The evidence of one camera on disk: pictures of candidates, and sealed sets of findings."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vision.camera.config import Camera, Zone, ZoneKind
from vision.camera.events import Box
from vision.camera.frame import Frame
from vision.camera.plates import PlateLooking, PlateText
from vision.errors import InputError
from vision.evidence.files import checked_name, sync_folder, told, write_new
from vision.evidence.manifest import (
    CHAIN_NAME,
    MANIFEST_NAME,
    NO_MANIFEST,
    ChainLink,
    Manifest,
    read_chain,
    read_manifest,
)
from vision.evidence.sets import SetMaker
from vision.evidence.spool import Spool
from vision.finding import Evidence, RuleRef

_BUILDING_PREFIX = ".building-"
_WITH_PLATES = (ZoneKind.NO_PARKING, ZoneKind.TRUCK_GATE)


@dataclass(frozen=True, slots=True)
class SealedEvidence:
    """A finding's evidence, sealed.

    Attributes:
        evidence: What belongs into the finding: pictures to be shown first, then the clip, the
            sealed originals and the manifest. Paths are relative to the folder of results.
        plate: None where no plate was legible, or pictures gave different ones.
        manifest: None where there was nothing to seal.
    """

    evidence: tuple[Evidence, ...] = ()
    plate: PlateText | None = None
    manifest: Path | None = None


class EvidenceFolder:
    """Keeps pictures of what may become a finding, and seals them when it has.

    In the folder of results: ``pending/`` holds pictures of candidates; ``evidence/FINDING/`` the
    previews and the manifest, ``evidence/FINDING/sealed/`` what came from the camera, and
    ``evidence/chain.jsonl`` the order in which findings were sealed. One process writes to it.
    """

    def __init__(self, folder: Path, camera: Camera, *, plates: PlateLooking | None = None) -> None:
        """Open or make the folder, and tidy up what a killed process left half.

        Args:
            folder: Of this camera's results.
            camera: Its name, direction and time zone go into overlays, its masks into pictures.
            plates: Reads plates; none leaves them unread.

        Raises:
            InputError: The chain of earlier evidence is damaged.
            OutputError: The folder cannot be made or written to.
        """
        self._folder = folder
        self._camera = camera
        self._plates = plates
        self._evidence = folder / "evidence"
        self._spool = Spool(folder / "pending", camera.privacy_masks)
        with told(self._evidence):
            self._evidence.mkdir(parents=True, exist_ok=True)
            for half in self._evidence.glob(f"{_BUILDING_PREFIX}*"):
                shutil.rmtree(half)
        self._head = self._recovered_chain()
        self._head_known = True

    def pending(self) -> tuple[str, ...]:
        """Candidates that have pictures, also those of an earlier process."""
        return self._spool.keys()

    def keep(
        self,
        key: str,
        frame: Frame,
        *,
        role: str,
        box_xyxy: Box,
        seen: Sequence[tuple[str, Box]],
        quality: float = 0.0,
        most: int | None = None,
    ) -> None:
        """Write down a picture of a candidate, at once, with privacy masks burnt in.

        Args:
            key: Of the candidate, see `RuleEvent.key`.
            frame: The picture.
            role: What it shows: ``scene_start``, ``scene_end``, ``close_up``, ``load``.
            box_xyxy: Where the candidate is.
            seen: Class names and boxes of everything in the frame, the candidate too: who has to
                be made unreadable in what people see first.
            quality: The larger, the better.
            most: Only so many of this role stay, the best; none keeps all.

        Raises:
            InputError: The key or the role is not safe as a file name.
            OutputError: It could not be written; what was there before still is.
        """
        self._spool.keep(
            key, frame, role=role, box_xyxy=box_xyxy, seen=seen, quality=quality, most=most
        )

    def drop(self, key: str) -> None:
        """Remove the pictures of a candidate that became no finding."""
        self._spool.drop(key)

    def seal(
        self,
        key: str,
        finding_id: str,
        *,
        zone: Zone,
        rule: RuleRef,
        clip: Path | None = None,
        clip_span: tuple[datetime, datetime] | None = None,
        clock_offset_s: float | None = None,
    ) -> SealedEvidence:
        """Seal all that was kept of a candidate as the evidence of a finding.

        Once sealed, sealing the same finding again gives the same and changes nothing. The set
        appears whole or not at all, and the pictures of the candidate go only after that.

        Args:
            key: Of the candidate.
            finding_id: Of the finding it became.
            zone: Drawn and named in the pictures; plates are read for zones about vehicles.
            rule: With the thresholds that applied.
            clip: A temporary MP4, which is moved into the set.
            clip_span: First and last moment in the clip.
            clock_offset_s: The stream's clock less this machine's, where known.

        Raises:
            InputError: A name is not safe, or the clip is missing.
            OutputError: It could not be written; pictures and clip are where they were.
        """
        target = self._evidence / checked_name(finding_id, "the id of a finding")
        if clip is not None and not clip.is_file():
            raise InputError(f"{clip}: there is no clip")
        if not self._head_known:
            self._head = self._recovered_chain()
            self._head_known = True
        if not target.exists():
            kept = self._spool.pictures(key)
            if not kept and clip is None:
                return SealedEvidence()
            with self._building(target) as work:
                maker = SetMaker(work, self._camera, zone, finding_id)
                plate = maker.add_pictures(
                    kept, self._plates if zone.kind in _WITH_PLATES else None
                )
                if clip is not None:
                    maker.add_clip(clip, clip_span)
                manifest = Manifest(
                    sequence=1 if self._head is None else self._head.sequence + 1,
                    previous=NO_MANIFEST if self._head is None else self._head.sha256,
                    finding_id=finding_id,
                    camera_id=self._camera.id,
                    camera_name=self._camera.name,
                    direction=self._camera.direction,
                    location=self._camera.location,
                    timezone=self._camera.timezone,
                    zone=zone.name,
                    rule=rule,
                    sealed_at=datetime.now(UTC),
                    clock_offset_s=clock_offset_s,
                    plate=plate,
                    files=tuple(maker.files),
                ).closed()
                write_new(work / MANIFEST_NAME, manifest.model_dump_json(indent=1).encode())
            self._append(manifest.link())
        sealed = self._sealed(target)
        self._spool.drop(key)
        if clip is not None:
            with told(clip):
                clip.unlink(missing_ok=True)
        return sealed

    @contextmanager
    def _building(self, target: Path) -> Iterator[Path]:
        """Give a folder to build a set in, which becomes ``target`` when all went well."""
        work = self._evidence / f"{_BUILDING_PREFIX}{secrets.token_hex(6)}"
        with told(target):
            try:
                (work / "sealed").mkdir(parents=True)
                yield work
                sync_folder(work / "sealed")
                sync_folder(work)
                work.rename(target)
                sync_folder(self._evidence)
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def _sealed(self, target: Path) -> SealedEvidence:
        manifest = read_manifest(target)
        path = target / MANIFEST_NAME
        content = path.read_bytes()
        evidence = [
            Evidence(
                role=entry.role,
                media_type=entry.media_type,
                path=self._relative(target / entry.path),
                sha256=entry.sha256,
                size_bytes=entry.size_bytes,
                taken_at=entry.taken_at,
            )
            for entry in manifest.files
        ]
        evidence.append(
            Evidence(
                role="manifest",
                media_type="application/json",
                path=self._relative(path),
                sha256=hashlib.sha256(content).hexdigest(),
                size_bytes=len(content),
                taken_at=manifest.sealed_at,
            )
        )
        return SealedEvidence(tuple(evidence), _plate_text(manifest), path)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _append(self, link: ChainLink) -> None:
        # Should this fail, the set is there and the chain does not say so yet: looked up next time.
        self._head_known = False
        path = self._evidence / CHAIN_NAME
        with told(path), path.open("ab") as stream:
            stream.write(link.model_dump_json().encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self._head, self._head_known = link, True

    def _recovered_chain(self) -> ChainLink | None:
        """Return the last link, after adding a set that was sealed but not yet in the chain."""
        links, cut_off = read_chain(self._evidence)
        path = self._evidence / CHAIN_NAME
        known = {link.finding_id for link in links}
        head = links[-1] if links else None
        with told(path):
            if cut_off:
                with path.open("r+b") as stream:
                    stream.truncate(path.stat().st_size - len(cut_off))
            for folder in self._evidence.iterdir():
                if folder.name in known or not folder.is_dir():
                    continue
                try:
                    link = read_manifest(folder).link()
                except InputError:  # not sealed by us: `verify_evidence` tells
                    continue
                if link.previous == (NO_MANIFEST if head is None else head.sha256):
                    self._append(link)
                    return link
        return head


def _plate_text(manifest: Manifest) -> PlateText | None:
    note = manifest.plate
    if note is None:
        return None
    return PlateText(note.text, note.confidence, note.box_xyxy)
