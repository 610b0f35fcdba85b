"""From a camera's row to what is watched: its settings, its checked address, the models."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from models.registry import SHIPPED_FOLDER, Registry
from models.runtime import RuntimeOptions, fastest_engine
from serve.db.tables import CameraRow
from serve.network import CheckedAddress, checked
from serve.sealing import unseal
from serve.settings import Settings
from serve.watching.relay import Relay
from vision.camera.config import Camera, ZoneKind
from vision.camera.looking import StreetModels, open_street_models, watch_thresholds
from vision.camera.sources import (
    DEFAULT_PATIENCE,
    KEEP_S,
    AddressKind,
    Patience,
    Source,
    open_source,
)
from vision.camera.sources.rtsp import RtspStream
from vision.camera.sources.snapshot import Snapshots

PURPOSE = "camera address"
"""What addresses are sealed for."""


def camera_of(row: CameraRow) -> Camera:
    """Return a camera's settings as the rules take them."""
    return Camera.model_validate({**row.settings, "id": row.code, "name": row.name})


def settings_of(camera: Camera) -> dict[str, Any]:
    """Return what of a camera's settings lies in the row's JSON."""
    return camera.model_dump(mode="json", exclude={"id", "name", "source"})


def address_of(row: CameraRow, settings: Settings) -> CheckedAddress:
    """Open, look up and check a camera's address.

    Raises:
        SecretChanged: It was sealed with another secret.
        AddressRefused: It leads where no camera may be.
        AddressUnknown: Its host has no address.
    """
    return checked(unseal(settings, PURPOSE, row.sealed_address), settings)


def source_maker(
    address: CheckedAddress, row: CameraRow, *, patience: Patience = DEFAULT_PATIENCE
) -> Callable[[], Source]:
    """Return what opens a source at a checked address; it can be sent to another process."""
    if address.kind is AddressKind.SNAPSHOT:
        return partial(
            Snapshots, address.url, interval_s=None, patience=patience, keep_s=KEEP_S,
            connect_to=address.connect_to,
        )  # fmt: skip
    if address.kind is AddressKind.RTSP:
        relay = Relay(address, timeout_s=patience.connect_s)
        return partial(RtspStream, address.url, patience=patience, keep_s=KEEP_S, through=relay)
    # The same clip watched again after a crash must give the same times, and so the same findings.
    start = row.enabled_at or row.created_at
    return partial(open_source, address.url, start=start, patience=patience)


def registry_of(settings: Settings) -> Registry:
    """Return the models that there are: the city's own, and those that ship."""
    own = settings.models_dir
    return Registry((SHIPPED_FOLDER,) if own is None else (Path(own), SHIPPED_FOLDER))


@dataclass
class _Opened:
    """Models that were opened, and for what."""

    lowest: dict[str, float]
    models: StreetModels

    def serves(self, camera: Camera) -> bool:
        gates = any(zone.kind is ZoneKind.TRUCK_GATE for zone in camera.zones)
        return not (gates and self.models.loads is None) and all(
            self.lowest.get(name, 1.0) <= score for name, score in camera.thresholds.items()
        )


class ModelShelf:
    """The models of a process: opened once, and anew only for a camera that needs more."""

    def __init__(self, settings: Settings, *, streams: int) -> None:
        """Open nothing yet.

        Args:
            settings: Say where the city's own models lie.
            streams: How many pictures are looked at at once.
        """
        self._settings = settings
        self._streams = streams
        self._lock = threading.Lock()
        self._known: list[Camera] = []
        self._opened: _Opened | None = None

    def models_for(self, camera: Camera) -> StreetModels:
        """Return models that serve a camera.

        Raises:
            ModelError: A model is missing or is not what its card says.
            InputError: The camera has a threshold for a class that the model does not know.
        """
        with self._lock:
            if self._opened is None or not self._opened.serves(camera):
                cameras = [*self._known, camera]
                cores = os.cpu_count() or 1
                options = RuntimeOptions(
                    engine=fastest_engine(),
                    threads=max(1, cores // self._streams),
                    streams=self._streams,
                )
                models = open_street_models(registry_of(self._settings), cameras, options=options)
                lowest = watch_thresholds(models.detector.card_thresholds)
                for each in cameras:
                    for name, score in each.thresholds.items():
                        lowest[name] = min(lowest.get(name, 1.0), score)
                self._opened, self._known = _Opened(lowest, models), cameras
            return self._opened.models
