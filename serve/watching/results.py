"""Where the results of a watched camera go: storage and database in place of a folder.

A worker's folder is scratch. What has to outlive the worker lies in the storage (what the rules
remember, pictures of what may become a finding, evidence) and in the database (findings, events,
the last link of the chain of evidence), so that any other worker can go on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog

from serve.db.tables import CameraRow, FindingRow, Sighting, utc_now
from serve.errors import NotFound
from serve.findings.intake import Origin, StoredFile, take
from serve.service import Service
from serve.watching.claims import Claim, ClaimLost, held
from serve.watching.events import FINDING, add_event
from serve.workflows import delivery
from vision.camera.sources import FaultKind
from vision.camera.writers import STATE_FILE, WatchFolder
from vision.evidence.files import PART_PREFIX
from vision.evidence.manifest import CHAIN_NAME, MANIFEST_NAME, Manifest
from vision.finding import CameraSource, Evidence, Finding

log = structlog.get_logger()

OVERLAP_S = 60.0
"""Evidence sealed up to so long before the state was saved is fetched when a camera moves."""
_OF_PICTURES = frozenset({FaultKind.FROZEN, FaultKind.BLACK, FaultKind.DEFOCUSED, FaultKind.MOVED})


@dataclass
class _State:
    """What is remembered, ready to be stored."""

    text: str
    pending: tuple[str, ...]
    fresh: dict[str, bytes] = field(default_factory=dict)


class StoredResults(WatchFolder):
    """The results of one camera while one worker watches it.

    Attributes:
        faults: What is wrong with the camera at present, by kind.
        lost: Set when the camera is not this worker's any more.
    """

    def __init__(self, service: Service, claim: Claim, row: CameraRow, folder: Path) -> None:
        """Begin; the folder holds what `restore` put there."""
        super().__init__(folder)
        self.lost = threading.Event()
        self.faults: dict[str, dict[str, Any]] = {}
        if row.fault and row.fault.get("kind") in _OF_PICTURES:
            # What is wrong with the picture is remembered and not told anew.
            self.faults[row.fault["kind"]] = row.fault
        self._service = service
        self._claim = claim
        self._origin = (row.longitude, row.latitude)
        self._prefix = f"cameras/{claim.camera_id}/watch/{claim.number}"
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._events: list[dict[str, Any]] = []
        self._state: _State | None = None
        self._stored: set[str] = set()
        self._pointed = False

    def append(self, finding: Finding) -> None:
        """Take a finding in: evidence into the storage, the rest in one transaction.

        Killed at any point and done again, by another worker too, it gives the same once.

        Raises:
            ClaimLost: The camera is not this worker's any more.
        """
        if self.lost.is_set():
            raise ClaimLost("the camera is not this worker's any more")
        state = finding.attributes.get("state", "")
        with self._service.database.read() as session:
            known = session.get(Sighting, finding.id)
        if known is not None:
            if known.ended or state != "ended":
                self._let_go_of(finding, ended=known.ended)
                return
            # Evidence is what was sealed first; a second sealing after a crash is none.
            evidence = Finding.model_validate(known.document).evidence
            finding = finding.model_copy(update={"evidence": evidence})
        files = [] if known is not None else self._put_evidence(finding)
        manifest = None if known is not None else self._manifest(finding)
        zone = finding.source.zone if isinstance(finding.source, CameraSource) else None
        longitude, latitude = self._origin
        with self._fenced(), self._service.database.write() as session:
            row = held(session, self._claim)
            if manifest is not None:
                row.chain = manifest.link().model_dump(mode="json")
            at = finding.last_seen or finding.first_seen or utc_now()
            detail = {
                "finding_id": finding.id, "kind": finding.kind.value, "state": state,
                "zone": zone, "score": finding.score,
            }  # fmt: skip
            add_event(session, row.id, kind=FINDING, at=at, detail=detail)
            taken = take(
                session,
                finding,
                sighting_id=finding.id,
                origin=Origin(camera_id=row.id, zone=zone, longitude=longitude, latitude=latitude),
                files=files,
                ended=state == "ended",
                settings=self._service.settings,
            )
        delivery.begin(taken.outbox)
        self._let_go_of(finding, ended=state == "ended")

    def _put_evidence(self, finding: Finding) -> list[StoredFile]:
        files = []
        for evidence in finding.evidence:
            key = evidence_key(self._claim.camera_id, finding.id, evidence)
            self._service.storage.put(
                key, self.folder / evidence.path, media_type=evidence.media_type
            )
            files.append(StoredFile(evidence, key, sealed=_is_sealed(evidence)))
        return files

    def _manifest(self, finding: Finding) -> Manifest | None:
        path = self.folder / "evidence" / finding.id / MANIFEST_NAME
        return Manifest.model_validate_json(path.read_bytes()) if path.exists() else None

    def _let_go_of(self, finding: Finding, *, ended: bool) -> None:
        """Free the disk of what lies in the storage."""
        if ended:
            for evidence in finding.evidence:
                (self.folder / evidence.path).unlink(missing_ok=True)

    def log(self, event: Mapping[str, Any]) -> None:
        """Note an event; `write` stores it."""
        told = dict(event)
        with self._lock:
            if told.get("event") == "fault":
                self.faults[told["kind"]] = {
                    "kind": told["kind"], "since": told["at"], "message": told["message"],
                }  # fmt: skip
            elif told.get("event") == "recovered":
                self.faults.pop(told["kind"], None)
            self._events.append(told)

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Note what is remembered now; `write` stores it."""
        if self.lost.is_set():
            return
        pending = self.folder / "pending"
        names = tuple(
            path.relative_to(pending).as_posix()
            for path in sorted(pending.glob("*/*"))
            if not path.name.startswith(PART_PREFIX)
        )
        text = json.dumps(
            {"saved_at": utc_now().isoformat(), "pending": names, "state": dict(state)},
            separators=(",", ":"),
        )
        with self._lock:
            waiting = {} if self._state is None else self._state.fresh
            fresh = {name: waiting[name] for name in names if name in waiting}
            for name in names:
                if name not in self._stored and name not in fresh:
                    # What became nothing meanwhile is gone, and not missed.
                    with suppress(FileNotFoundError):
                        fresh[name] = (pending / name).read_bytes()
            self._state = _State(text, names, fresh)

    def write(self) -> None:
        """Store what was noted.

        Raises:
            ClaimLost: The camera is not this worker's any more.
            StorageError: The storage does not take it; it is kept, and tried again next time.
        """
        with self._writing, self._fenced():
            if self.lost.is_set():
                raise ClaimLost("the camera is not this worker's any more")
            self._write_events()
            self._write_state()

    def _write_events(self) -> None:
        with self._lock:
            events, self._events = self._events, []
        if not events:
            return
        try:
            with self._service.database.write() as session:
                held(session, self._claim)
                for told in events:
                    detail = {k: v for k, v in told.items() if k not in ("at", "event")}
                    at = datetime.fromisoformat(told["at"])
                    kind = str(told["event"]).replace(" ", "_")
                    add_event(session, self._claim.camera_id, kind=kind, at=at, detail=detail)
        except ClaimLost:
            raise
        except Exception:
            with self._lock:
                self._events = events + self._events
            raise

    def _write_state(self) -> None:
        with self._lock:
            state, self._state = self._state, None
        if state is None:
            return
        storage = self._service.storage
        try:
            for name, content in state.fresh.items():
                storage.put(f"{self._prefix}/pending/{name}", content)
                self._stored.add(name)
            storage.put(f"{self._prefix}/{STATE_FILE}", state.text.encode())
            if not self._pointed:
                self._point()
            for name in self._stored - set(state.pending):
                storage.delete(f"{self._prefix}/pending/{name}")
                self._stored.discard(name)
        except ClaimLost:
            raise
        except Exception:
            with self._lock:
                if self._state is None:
                    self._state = state
                else:
                    self._state.fresh = {**state.fresh, **self._state.fresh}
            raise

    def _point(self) -> None:
        """Let whoever comes next find this worker's state, and remove the earlier one's."""
        with self._service.database.write() as session:
            held(session, self._claim).state_key = f"{self._prefix}/{STATE_FILE}"
        self._pointed = True
        storage = self._service.storage
        for stored in list(storage.list(f"cameras/{self._claim.camera_id}/watch")):
            if not stored.key.startswith(f"{self._prefix}/"):
                storage.delete(stored.key)

    def _fenced(self) -> _Fence:
        return _Fence(self.lost)


class _Fence:
    """Notes a lost claim on its way up."""

    def __init__(self, lost: threading.Event) -> None:
        self._lost = lost

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, ClaimLost):
            self._lost.set()


def restore(service: Service, row: CameraRow, folder: Path) -> None:
    """Put into an empty folder what an earlier worker left of a camera.

    Raises:
        StorageError: The storage does not answer; going on without would lose dwell times.
    """
    evidence = folder / "evidence"
    evidence.mkdir(parents=True, exist_ok=True)
    if row.chain is not None:
        (evidence / CHAIN_NAME).write_text(json.dumps(row.chain) + "\n", encoding="utf-8")
    if row.state_key is None:
        return
    prefix = row.state_key.rpartition("/")[0]
    try:
        kept = json.loads(service.storage.get(row.state_key))
    except (NotFound, ValueError):
        log.warning("camera_state_missing", camera=row.code)
        return
    for name in kept["pending"]:
        path = folder / "pending" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(NotFound):
            path.write_bytes(service.storage.get(f"{prefix}/pending/{name}"))
    since = datetime.fromisoformat(kept["saved_at"]) - timedelta(seconds=OVERLAP_S)
    _fetch_sealed(service, row, folder, since)
    (folder / STATE_FILE).write_text(json.dumps(kept["state"]), encoding="utf-8")


def _fetch_sealed(service: Service, row: CameraRow, folder: Path, since: datetime) -> None:
    """Fetch what was sealed after the state was saved, so that it is not sealed a second time."""
    with service.database.read() as session:
        documents = session.scalars(
            sa.select(Sighting.document)
            .join(FindingRow, FindingRow.id == Sighting.finding_id)
            .where(FindingRow.camera_id == row.id, Sighting.at >= since)
        ).all()
    for document in documents:
        finding = Finding.model_validate(document)
        for evidence in finding.evidence:
            path = folder / evidence.path
            path.parent.mkdir(parents=True, exist_ok=True)
            # What was deleted since, because its time was over, is not missed.
            with suppress(NotFound):
                service.storage.fetch(evidence_key(row.id, finding.id, evidence), path)


def evidence_key(camera_id: str, finding_id: str, evidence: Evidence) -> str:
    """Return where a piece of evidence lies: the same for the same bytes."""
    name = Path(evidence.path).name
    return f"cameras/{camera_id}/evidence/{finding_id}/{evidence.sha256[:16]}-{name}"


def _is_sealed(evidence: Evidence) -> bool:
    return "sealed" in Path(evidence.path).parent.parts
