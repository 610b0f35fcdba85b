"""The cameras that this process watches: one detector, one fleet, who comes and who goes.

A camera's workflow stays in the room as long as it is watched. What goes to the database for all
cameras goes in one transaction every few seconds; a worker with forty cameras would otherwise keep
the disk busy with saying that all is well.
"""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import cv2
import sqlalchemy as sa
import structlog

from serve.db.tables import CameraRow, utc_now
from serve.errors import ServiceError
from serve.metrics import CAMERA_MOVES
from serve.network import CheckedAddress
from serve.service import Service
from serve.watching.claims import Claim, ClaimLost, held
from serve.watching.events import COUNT, add_event
from serve.watching.faring import Faring
from serve.watching.opening import ModelShelf, address_of, camera_of, source_maker
from serve.watching.results import StoredResults, restore
from serve.workflows import stopping
from vision.camera.fleet import Fleet
from vision.camera.plates import PlateReader
from vision.camera.sources import Readers, Source
from vision.camera.watch import station_of

log = structlog.get_logger()

TICK_S = 0.5
BOARD_EVERY_S = 2.0
"""How often it is looked whether cameras are still this worker's, and how they fare is written."""
ROWS_EVERY_S = 6.0
READ_HERE = 4
"""Up to so many cameras are read in the process that looks at them."""
READ_EACH = 16
"""Cameras that a process reads, unless there are no cores for more processes."""
LEAVE_S = 20.0


class Stopping(ServiceError):
    """This process ends; the camera stays to be watched by another."""


class WatchBroke(ServiceError):
    """Watching a camera ended for a reason that is not the camera's; it is begun anew."""


@dataclass(eq=False)
class _Guest:
    """A camera in the room."""

    claim: Claim
    faring: Faring


class Room:
    """What watches cameras in this process."""

    def __init__(self, service: Service, *, clock: Callable[[], datetime] | None = None) -> None:
        """Prepare; nothing runs until the first camera comes."""
        cv2.setNumThreads(1)
        self._service = service
        self._clock = clock or (lambda: datetime.now(UTC))
        self._cores = os.cpu_count() or 1
        capacity = service.settings.camera_capacity
        self._workers = max(1, min(self._cores, capacity))
        self._shelf = ModelShelf(service.settings, streams=self._workers)
        self._plates = PlateReader()
        self._readers = Readers(min(self._cores, math.ceil(capacity / READ_EACH)))
        self._lock = threading.Lock()
        self._entering = threading.Lock()
        self._guests: dict[str, _Guest] = {}
        self._present = 0
        self._stop = threading.Event()
        self._fleet: Fleet | None = None
        self._fleet_thread: threading.Thread | None = None
        self._board: threading.Thread | None = None

    def watch(self, claim: Claim, row: CameraRow) -> None:
        """Watch a camera until its recording is over.

        Args:
            claim: The right to.
            row: The camera as it was taken.

        Raises:
            ClaimLost: The camera is not this worker's any more.
            Stopping: The process ends.
            CityEyeError: It cannot be watched.
        """
        with self._lock:
            if self._stop.is_set():
                raise Stopping
            self._present += 1
        folder = self._service.scratch / "cameras" / claim.camera_id / str(claim.number)
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            restore(self._service, row, folder)
            results = StoredResults(self._service, claim, row, folder)
            guest, fleet = self._enter(claim, row, results)
            try:
                self._stay(guest, fleet)
            finally:
                self._leave(guest, fleet)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with self._lock:
                self._present -= 1

    def stopping(self, within_s: float) -> bool:
        """Wait; returns whether the process stops."""
        return self._stop.wait(within_s)

    def _enter(self, claim: Claim, row: CameraRow, results: StoredResults) -> tuple[_Guest, Fleet]:
        camera = camera_of(row)
        address = address_of(row, self._service.settings)
        with self._entering:
            models = self._shelf.models_for(camera)
            station = station_of(
                self._source(address, row), camera, model=models, folder=results.folder,
                plates=self._plates,
            )  # fmt: skip
            if station.session.begun_anew:
                results.log({"at": self._clock().isoformat(), "event": "begun anew"})
            station.folder = results
            guest = _Guest(claim, Faring(station, results))
            fleet = self._running_fleet()
            with self._lock:
                self._guests[claim.camera_id] = guest
            fleet.add(station)
        CAMERA_MOVES.inc()
        log.info("camera_watched", camera=row.code, claim=claim.number)
        return guest, fleet

    def _source(self, address: CheckedAddress, row: CameraRow) -> Source:
        make = source_maker(address, row)
        with self._lock:
            many = len(self._guests) >= READ_HERE
        return self._readers.open(make) if many else make()

    def _running_fleet(self) -> Fleet:
        """Return the fleet; a new one where the last one broke, and with it what it watched."""
        if self._fleet is None or self._fleet_thread is None or not self._fleet_thread.is_alive():
            fleet = Fleet(workers=self._workers, clock=self._clock, stay=True)
            stop = self._stop

            def run() -> None:
                try:
                    fleet.run(stop, lambda _station, _event: None)
                except Exception as error:
                    # Its cameras notice that they are over, and begin anew.
                    log.error("fleet_broke", error=type(error).__name__, detail=str(error))

            self._fleet = fleet
            self._fleet_thread = threading.Thread(target=run, name="fleet", daemon=True)
            self._fleet_thread.start()
        if self._board is None:
            self._board = threading.Thread(target=self._keep_board, name="cameras", daemon=True)
            self._board.start()
        return self._fleet

    def _stay(self, guest: _Guest, fleet: Fleet) -> None:
        station, results = guest.faring.station, guest.faring.results
        trouble_at = -math.inf
        while station in fleet.stations:
            if self._stop.wait(TICK_S):
                raise Stopping
            if results.lost.is_set():
                raise ClaimLost("the camera is not this worker's any more")
            if time.monotonic() - trouble_at < BOARD_EVERY_S:
                continue
            try:
                results.write()
                self._write_picture(guest)
            except ClaimLost:
                raise
            except Exception as error:
                # Database or storage are away; the watch goes on and what was noted is kept.
                trouble_at = time.monotonic()
                log.warning("camera_not_stored", camera=station.id, error=type(error).__name__)
        if results.lost.is_set():
            raise ClaimLost("the camera is not this worker's any more")
        if self._stop.is_set():
            raise Stopping
        if station.figures.failed or station.source.live:
            raise WatchBroke(station.figures.failed or "the fleet it was in broke")

    def _leave(self, guest: _Guest, fleet: Fleet) -> None:
        """Let a camera go, with what is known of it stored."""
        station, results = guest.faring.station, guest.faring.results
        if not fleet.remove(station, within_s=LEAVE_S):
            log.warning("camera_hangs", camera=station.id)
        with self._lock:
            self._guests.pop(guest.claim.camera_id, None)
        if results.lost.is_set():
            return
        try:
            results.write()
            self._write_rows([guest])
        except Exception as error:
            log.warning("camera_not_stored", camera=station.id, error=type(error).__name__)

    def _write_picture(self, guest: _Guest) -> None:
        taken = guest.faring.picture()
        if taken is None:
            return
        jpeg, at = taken
        storage = self._service.storage
        claim = guest.claim
        key = f"cameras/{claim.camera_id}/snapshots/{claim.number}-{at.timestamp():.0f}.jpg"
        storage.put(key, jpeg, media_type="image/jpeg")
        with self._service.database.write() as session:
            row = held(session, claim)
            earlier, row.snapshot_key, row.snapshot_at = row.snapshot_key, key, at
        if earlier is not None and earlier != key:
            storage.delete(earlier)

    def _keep_board(self) -> None:
        rows_at = time.monotonic()
        while not self._stop.wait(BOARD_EVERY_S):
            with self._lock:
                guests = list(self._guests.values())
            if not guests:
                continue
            try:
                self._look_whose(guests)
                if time.monotonic() - rows_at >= ROWS_EVERY_S:
                    rows_at = time.monotonic()
                    self._write_rows(guests)
            except Exception as error:
                log.warning("cameras_not_told", error=type(error).__name__)

    def _look_whose(self, guests: list[_Guest]) -> None:
        """Let go of cameras that were changed, disabled, or taken by another worker."""
        with self._service.database.read() as session:
            found = session.execute(
                sa.select(CameraRow.id, CameraRow.watch_epoch, CameraRow.claim).where(
                    CameraRow.id.in_([guest.claim.camera_id for guest in guests])
                )
            ).all()
        current = {row.id: (row.watch_epoch, row.claim) for row in found}
        for guest in guests:
            claim = guest.claim
            if current.get(claim.camera_id) != (claim.epoch, claim.number):
                guest.faring.results.lost.set()

    def _write_rows(self, guests: list[_Guest]) -> None:
        told = [(guest, guest.faring.columns()) for guest in guests]
        told = [(guest, columns) for guest, columns in told if columns is not None]
        if not told:
            return
        counts = [(guest, guest.faring.new_counts(utc_now())) for guest, _ in told]
        # Always in one order, or two workers could wait for each other.
        told.sort(key=lambda pair: pair[0].claim.camera_id)
        with self._service.database.write() as session:
            for guest, columns in told:
                claim = guest.claim
                changed = session.scalar(
                    sa.update(CameraRow)
                    .where(
                        CameraRow.id == claim.camera_id,
                        CameraRow.watch_epoch == claim.epoch,
                        CameraRow.claim == claim.number,
                    )
                    .values(columns or {})
                    .returning(CameraRow.id)
                    .execution_options(synchronize_session=False)
                )
                if changed is None:
                    guest.faring.results.lost.set()
            for guest, hours in counts:
                if guest.faring.results.lost.is_set():
                    continue
                for at, detail in hours:
                    add_event(session, guest.claim.camera_id, kind=COUNT, at=at, detail=detail)
        for guest, hours in counts:
            guest.faring.counted(hours)

    def close(self) -> None:
        """Let all cameras go; they are watched on by others, or at the next start."""
        self._stop.set()
        end = time.monotonic() + LEAVE_S
        while time.monotonic() < end:
            with self._lock:
                if not self._present:
                    break
            time.sleep(0.05)
        if self._fleet_thread is not None:
            self._fleet_thread.join(LEAVE_S)
        self._readers.close()
        if self._board is not None:
            self._board.join(LEAVE_S)


_rooms: dict[int, Room] = {}
_rooms_lock = threading.Lock()


def room_of(service: Service) -> Room:
    """Return this process's room, made when first asked for.

    Raises:
        Stopped: The process is to end.
    """
    stopping.check()
    with _rooms_lock:
        room = _rooms.get(id(service))
        if room is None:
            room = _rooms[id(service)] = Room(service)
            stopping.when_stopping(lambda: close_room(service))
        return room


def close_room(service: Service) -> None:
    """Let go of all cameras that this process watches for a service."""
    with _rooms_lock:
        room = _rooms.pop(id(service), None)
    if room is not None:
        room.close()
