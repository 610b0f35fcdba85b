"""Measure how many cameras this machine holds, and where the time goes.

    python scripts/bench_camera.py                     40 dwell cameras, then 8 gate cameras
    python scripts/bench_camera.py --dwell 60 --gates 12 --json
    python scripts/bench_camera.py --ultralytics .venv-train/bin/python --ultralytics-cameras 4 8

A film of 1080p at 25 frames a second (H.264, a key frame a second, about 4 Mbit/s) is made from the
sample clip and served by a real RTSP server on this machine (GStreamer, from the system's
packages), which shares the processors with what is measured. Dwell cameras are looked at once a
second, gate cameras five times a second; every look that the motion gate does not save is a run of
the detector. Lag is from receipt of a frame to its verdict.

A number of cameras is held when 95 in 100 lags are under 2 s and nine in ten looks are made.

`--ultralytics` names a Python that has ultralytics; its `track(stream=True)` then reads the same
streams in the same run. Its cameras are held by the same measure: a frame of each every second.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice, pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.registry import SHIPPED_FOLDER, Registry
from models.runtime import RuntimeOptions, fastest_engine
from vision.camera.config import Camera, Zone, ZoneKind
from vision.camera.fleet import Station
from vision.camera.looking import open_street_models
from vision.camera.sources import open_source
from vision.camera.watch import station_of, watch_stations
from vision.errors import CityEyeError

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "datasets" / "samples" / "camera" / "street.mp4"
SERVER = ROOT / "tests" / "gst_rtsp.py"
STREET_ONNX = SHIPPED_FOLDER / "street"
FILM_FROM_S, FILM_S = 80, 60
FPS = 25
SIZE_WH = (1920, 1080)
BIT_RATE = 4_000_000
SERVERS = 8
SETTLE_S = 20.0
MOST_LAG_S = 2.0
LEAST_SHARE = 0.9
DWELL_STEP_S, GATE_STEP_S = 1.0, 0.2
STAGES = ("gate", "detect", "associate", "rules", "evidence")

_ULTRALYTICS = """
import json, sys, time
from ultralytics import YOLO
weights, streams, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
model = YOLO(weights, task="detect")
frames, began = 0, None
for result in model.track(source=streams, stream=True, persist=True, verbose=False, imgsz=640):
    if began is None:
        began = time.monotonic() + 5
    elif time.monotonic() > began:
        frames += 1
        if time.monotonic() > began + seconds:
            break
print(json.dumps({"fps": frames / seconds}))
"""


@dataclass(frozen=True)
class Case:
    """One number of cameras of one kind."""

    name: str
    cameras: int
    step_s: float


@dataclass(frozen=True)
class Servers:
    """Running RTSP servers: their addresses and process ids."""

    addresses: tuple[str, ...]
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """Processor seconds they have used."""
        return sum(cpu_of(pid) for pid in self.pids)


def make_film(path: Path) -> None:
    """Make the film: the sample's busiest part, larger and smoother, with the noise of a sensor."""
    rng = np.random.default_rng(7)
    grain = [rng.normal(0, 2.0, (SIZE_WH[1], SIZE_WH[0], 1)).astype(np.float32) for _ in range(5)]
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = BIT_RATE
        stream.options = {"preset": "veryfast", "g": str(FPS), "bf": "0", "sc_threshold": "0"}
        pictures = (
            cv2.resize(frame.to_ndarray(format="bgr24"), SIZE_WH)
            for frame in source.decode(video=0)
            if frame.time >= FILM_FROM_S
        )
        steps = round(FPS / float(source.streams.video[0].average_rate or 5))
        for number, (first, second) in zip(
            range(FILM_S * FPS // steps), pairwise(pictures), strict=False
        ):
            for step in range(steps):
                share = step / steps
                mixed = cv2.addWeighted(first, 1 - share, second, share, 0)
                noisy = np.clip(mixed + grain[step % len(grain)], 0, 255).astype(np.uint8)
                picture = av.VideoFrame.from_ndarray(noisy, format="bgr24")
                picture.pts = number * steps + step
                film.mux(stream.encode(picture))
        film.mux(stream.encode())


@contextmanager
def served(film: Path, count: int) -> Iterator[Servers]:
    """Serve a film by RTSP from some servers: one alone breaks down when many clients hang back."""
    processes = [
        subprocess.Popen(  # noqa: S603 - a script of ours
            ["/usr/bin/python3", str(SERVER), "--file", str(film), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        addresses = []
        for process in processes:
            assert process.stdout is not None  # noqa: S101
            words = process.stdout.readline().split()
            if len(words) != 2:
                raise SystemExit(
                    "the RTSP server did not start: install gir1.2-gst-rtsp-server-1.0, python3-gi "
                    "and the gstreamer1.0-plugins-* packages"
                )
            addresses.append(f"rtsp://127.0.0.1:{words[1]}/stream")
        yield Servers(tuple(addresses), tuple(process.pid for process in processes))
    finally:
        for process in processes:
            process.kill()
            process.wait()


def cpu_of(pid: int) -> float:
    """Processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_cpu() -> float:
    """Processor seconds this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def camera_of(case: Case, number: int) -> Camera:
    """A camera of the bench: the sample's street with the zones of its kind."""
    kerb = ((0.59, 0.82), (0.77, 0.44), (0.62, 0.40), (0.36, 0.71))
    gate = ((0.43, 0.58), (0.62, 0.37), (0.41, 0.33), (0.14, 0.48))
    if case.name == "gates":
        zone = Zone(name="gate", kind=ZoneKind.TRUCK_GATE, polygon=gate)
    else:
        zone = Zone(name="kerb", kind=ZoneKind.NO_PARKING, polygon=kerb)
    return Camera(
        id=f"{case.name}-{number}", name="bench", zones=(zone,), sample_step_s=case.step_s
    )


def measure(case: Case, servers: Servers, seconds: float) -> dict[str, Any]:
    """Watch a number of cameras for a while."""
    cores = os.cpu_count() or 1
    cameras = [camera_of(case, number) for number in range(case.cameras)]
    options = RuntimeOptions(engine=fastest_engine(), threads=1, streams=cores)
    models = open_street_models(Registry((SHIPPED_FOLDER,)), cameras, options=options)
    with tempfile.TemporaryDirectory() as scratch:
        stations = [
            station_of(open_source(address), camera, model=models, folder=Path(scratch) / camera.id)
            for camera, address in zip(cameras, cycle(servers.addresses), strict=False)
        ]
        stop = threading.Event()
        before: dict[str, Any] = {}

        def begin() -> None:
            for station in stations:
                station.figures.lags_s.clear()
            before.update(snapshot(stations, servers))

        timers = [threading.Timer(SETTLE_S, begin), threading.Timer(SETTLE_S + seconds, stop.set)]
        for timer in timers:
            timer.daemon = True
            timer.start()
        for _ in watch_stations(stations, workers=cores, stop=stop):
            pass
        after = snapshot(stations, servers)
    failed = {station.id: station.figures.failed for station in stations if station.figures.failed}
    if failed or not before:
        raise SystemExit(f"the watch ended before its time: {failed}")
    return figures(case, stations, before, after)


def snapshot(stations: list[Station], servers: Servers) -> dict[str, Any]:
    """All counters at this moment."""
    counted: dict[str, Any] = {
        "at": time.monotonic(),
        "cpu": own_cpu(),
        "server_cpu": servers.cpu_s(),
        "served": sum(station.figures.served for station in stations),
        "looked": sum(station.session.counts["looked"] for station in stations),
        "decode": sum(station.figures.decode_s for station in stations),
    }
    for stage in STAGES:
        counted[stage] = sum(station.session.stage_s[stage] for station in stations)
    return counted


def figures(
    case: Case, stations: list[Station], before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    """What the counters say."""
    spent = {key: after[key] - before[key] for key in after}
    wall = spent["at"]
    wanted = wall / case.step_s * case.cameras
    lags = np.concatenate([np.array(s.figures.lags_s) for s in stations if s.figures.lags_s])
    p95 = float(np.percentile(lags, 95))
    share = spent["served"] / wanted
    looks = max(spent["looked"], 1)
    return {
        "case": case.name,
        "cameras": case.cameras,
        "samples_a_second": round(spent["served"] / wall / case.cameras, 3),
        "share_of_wanted": round(share, 3),
        "looked_share": round(spent["looked"] / max(spent["served"], 1), 3),
        "lag_p50_s": round(float(np.percentile(lags, 50)), 3),
        "lag_p95_s": round(p95, 3),
        "held": p95 < MOST_LAG_S and share >= LEAST_SHARE,
        "cores_used": round(spent["cpu"] / wall, 2),
        "cores_of_the_server": round(spent["server_cpu"] / wall, 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "decoding": sorted({station.source.decoding for station in stations}),
        "faults": sum(station.figures.summary()["faults"] for station in stations),
        "ms_a_sample": {
            # Known when the threads have ended, so of the whole time.
            "decode": round(1000 * after["decode"] / max(after["served"], 1), 2),
            **{stage: round(1000 * spent[stage] / max(spent["served"], 1), 2) for stage in STAGES},
            "detect_a_look": round(1000 * spent["detect"] / looks, 2),
        },
    }


def measure_ultralytics(
    python: str, weights: Path, servers: Servers, cameras: int, seconds: float
) -> dict[str, Any]:
    """Let ultralytics track some of the same streams."""
    with tempfile.TemporaryDirectory() as scratch:
        streams = Path(scratch) / "cameras.streams"
        streams.write_text("\n".join(islice(cycle(servers.addresses), cameras)) + "\n")
        done = subprocess.run(  # noqa: S603 - a Python the caller names
            [python, "-c", _ULTRALYTICS, str(weights), str(streams), str(seconds)],
            capture_output=True,
            text=True,
            cwd=scratch,
            timeout=seconds + 240,
        )
    if done.returncode:
        raise SystemExit(f"ultralytics failed: {done.stderr.strip().splitlines()[-1]}")
    fps = json.loads(done.stdout.strip().splitlines()[-1])["fps"]
    return {
        "case": "ultralytics track(stream=True)",
        "cameras": cameras,
        "samples_a_second": round(fps / cameras, 3),
        "held": fps / cameras >= LEAST_SHARE / DWELL_STEP_S,
        "cameras_at_25_fps": round(fps / FPS, 2),
    }


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dwell", type=int, nargs="*", default=[40], help="dwell cameras")
    parser.add_argument("--gates", type=int, nargs="*", default=[8], help="gate cameras")
    parser.add_argument("--seconds", type=float, default=60.0, help="measured time of each case")
    parser.add_argument("--ultralytics", help="a Python that has ultralytics")
    parser.add_argument("--ultralytics-cameras", type=int, nargs="*", default=[1, 4, 8])
    parser.add_argument("--ultralytics-weights", type=Path, help="default: the shipped detector")
    parser.add_argument("--json", action="store_true", help="one JSON object, for machines")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        film = Path(scratch) / "film.mp4"
        make_film(film)
        with served(film, SERVERS) as servers:
            cases = [Case("dwell", number, DWELL_STEP_S) for number in arguments.dwell]
            cases += [Case("gates", number, GATE_STEP_S) for number in arguments.gates]
            for case in cases:
                results.append(measure(case, servers, arguments.seconds))
                tell(results[-1], as_json=arguments.json)
            if arguments.ultralytics:
                weights = arguments.ultralytics_weights or next(
                    path
                    for path in sorted(STREET_ONNX.glob("street-*.onnx"))
                    if "int8" not in path.name
                )
                for number in arguments.ultralytics_cameras:
                    results.append(
                        measure_ultralytics(
                            arguments.ultralytics, weights, servers, number, arguments.seconds
                        )
                    )
                    tell(results[-1], as_json=arguments.json)
    if arguments.json:
        machine = f"{os.cpu_count()} CPU cores ({platform.machine()})"
        print(json.dumps({"machine": machine, "load": os.getloadavg(), "results": results}))


def tell(result: dict[str, Any], *, as_json: bool) -> None:
    """Print one result for people."""
    if not as_json:
        print("  ".join(f"{key}={value}" for key, value in result.items()), flush=True)


if __name__ == "__main__":
    try:
        main()
    except CityEyeError as error:
        raise SystemExit(str(error)) from error
