"""What the service costs over the bare ``cityeye watch --fleet``, on the same cameras.

A part of ``scripts/bench_service.py``; the streams are those of ``scripts/bench_camera.py``: a film
that RTSP servers on this machine send. Both watch them for the same time, one after the other.
Compared is the processor time that one picture takes, from the stream to the verdict; it hardly
depends on what else the machine does, as wall time would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml

from scripts import bench_camera
from scripts.serving import ROOT, ServiceFailed
from scripts.serving import served as run_service
from serve.db.tables import CameraRow
from vision.camera.config import Camera

SETTLE_S = 20.0
"""Models are opened and streams begin to come; nothing is counted yet."""
STARTS_WITHIN_S = 600.0
LOOK_S = 0.1
ENDS_WITHIN_S = 60.0

Figures = list[dict[str, Any]]
"""Of each camera, as ``Station.figures`` sums them up."""


@dataclass(frozen=True)
class Watched:
    """What a watch did and took while it was looked at.

    Attributes:
        served: Pictures that were sampled and judged.
        wall_s: Seconds.
        cpu_s: Processor seconds of the process and its readers.
        lag_p95_s: The worst camera's.
    """

    served: int
    wall_s: float
    cpu_s: float
    lag_p95_s: float

    @property
    def ms_a_picture(self) -> float:
        """Processor time of a picture, milliseconds."""
        return 1000 * self.cpu_s / max(self.served, 1)

    def line(self, name: str, cameras: int) -> str:
        """Return it for people."""
        return (
            f"  {name:<28} {self.served / self.wall_s / cameras:>6.2f} pictures/s a camera   lag "
            f"p95 {self.lag_p95_s:>5.2f} s   {self.ms_a_picture:>6.1f} ms of processor a picture   "
            f"{self.cpu_s / self.wall_s:>5.2f} cores"
        )


def watching(cameras: int, seconds: float, film: Path | None, *, database_url: str = "") -> None:
    """Compare and print."""
    case = bench_camera.Case("dwell", cameras, bench_camera.DWELL_STEP_S)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        film = film or folder / "film.mp4"
        if not film.exists():
            # Under its own name only when it is whole: half a film is served by nobody.
            draft = film.with_name(f"draft-{film.name}")
            bench_camera.make_film(draft, bench_camera.BIT_RATE)
            draft.replace(film)
        with bench_camera.served(film, bench_camera.SERVERS) as streams:
            watched = [
                (bench_camera.camera_of(case, n), streams.addresses[n % len(streams.addresses)])
                for n in range(cameras)
            ]
            bare = _bare(folder / "bare", watched, seconds)
            print(bare.line(f"{cameras} cameras, watch --fleet", cameras), flush=True)
            ours = _service(folder / "service", watched, seconds, database_url)
            print(ours.line(f"{cameras} cameras, service", cameras))
    print(f"  service overhead: {100 * (ours.ms_a_picture / bare.ms_a_picture - 1):+.1f} %")


def _bare(folder: Path, watched: list[tuple[Camera, str]], seconds: float) -> Watched:
    fleet, out = folder / "fleet", folder / "out"
    fleet.mkdir(parents=True)
    for camera, address in watched:
        text = yaml.safe_dump({**_settings(camera), "source": address})
        (fleet / f"{camera.id}.yaml").write_text(text, encoding="utf-8")
    log = folder / "watch.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "serve.cli", "watch", "--fleet", str(fleet), "--out", str(out)],
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=output,
        )  # fmt: skip

    def figures() -> Figures:
        if process.poll() is not None:
            last = log.read_text(errors="replace")[-1000:]
            raise ServiceFailed(f"cityeye watch --fleet ended; it said last: {last}")
        file = out / "metrics.json"
        return list(json.loads(file.read_text()).values()) if file.exists() else []

    try:
        return _measured(process.pid, figures, len(watched), seconds)
    finally:
        process.terminate()
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _service(
    folder: Path, watched: list[tuple[Camera, str]], seconds: float, database_url: str
) -> Watched:
    settings = {
        "CITYEYE_CAMERA_ALLOW_LOOPBACK": "true",
        "CITYEYE_CAMERA_CAPACITY": str(len(watched)),
    }
    with run_service(folder, database_url=database_url, settings=settings) as service:
        for camera, address in watched:
            known = _settings(camera)
            code, name = known.pop("id"), known.pop("name")
            service.post(
                "cameras",
                {"code": code, "name": name, "address": address, "enabled": True, **known},
            )
        database = service.database()

        # Past the API, so that looking costs the service nothing.
        def figures() -> Figures:
            with database.read() as session:
                return [row for row in session.scalars(sa.select(CameraRow.figures)) if row]

        try:
            return _measured(service.pid, figures, len(watched), seconds)
        finally:
            database.close()


def _settings(camera: Camera) -> dict[str, Any]:
    return camera.model_dump(mode="json", exclude_unset=True)


def _measured(pid: int, figures: Callable[[], Figures], cameras: int, seconds: float) -> Watched:
    """Count from one writing of the figures to another, so that they are of that moment."""
    end = time.monotonic() + STARTS_WITHIN_S
    while sum(bool(of["served"]) for of in figures()) < cameras:
        if time.monotonic() > end:
            raise ServiceFailed(f"not all {cameras} cameras are watched within {STARTS_WITHIN_S} s")
        time.sleep(1.0)
    time.sleep(SETTLE_S)
    served, at, cpu_s, _ = _at_next_writing(pid, figures)
    time.sleep(seconds)
    served_then, at_then, cpu_then_s, told = _at_next_writing(pid, figures)
    return Watched(
        served=served_then - served,
        wall_s=at_then - at,
        cpu_s=cpu_then_s - cpu_s,
        lag_p95_s=max(of["lag_p95_s"] for of in told),
    )


def _at_next_writing(pid: int, figures: Callable[[], Figures]) -> tuple[int, float, float, Figures]:
    before = _served(figures())
    end = time.monotonic() + STARTS_WITHIN_S
    while (served := _served(told := figures())) == before:
        if time.monotonic() > end:
            raise ServiceFailed("the cameras' figures are not written any more")
        time.sleep(LOOK_S)
    return served, time.monotonic(), bench_camera.of_processes(_tree(pid)), told


def _served(told: Figures) -> int:
    return sum(of["served"] for of in told)


def _tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    tree, newest = [root], [root]
    while newest:
        newest = [pid for pid, parent in parents.items() if parent in newest]
        tree += newest
    return tree
