"""Measure how many cameras this machine holds, and where the time goes.

    python scripts/bench_camera.py                     40 dwell cameras, then 8 gate cameras
    python scripts/bench_camera.py --dwell 60 --gates 12 --json
    python scripts/bench_camera.py --source rtsp       the same from RTSP servers
    python scripts/bench_camera.py --ultralytics .venv-train/bin/python --ultralytics-cameras 4 8

A film of 1080p at 25 frames a second (H.264, a key frame a second, about 4 Mbit/s) is made from the
sample clip. Each camera shows it from another moment on, again and again, at its own pace, read
from the file; with `--source rtsp` real RTSP servers on this machine send it (GStreamer, from the
system's packages), which share the processors with what is measured. Dwell cameras are sampled once
a second, gate cameras five times a second. Lag is from receipt of a frame to its verdict.

A number of cameras is held when 95 in 100 lags are under 2 s and nine in ten samples are taken.
Where there is no time for close looks, samples are looked at coarsely: `coarse_share` of them.

`--ultralytics` names a Python that has ultralytics and lap; its `track(stream=True)` then reads the
same film by RTSP, for it has no other way to watch several streams, in the same run. Its cameras
are held by the same measure: a frame of each every second.
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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
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
from vision.camera.sources import KEEP_S, Readers, open_source
from vision.camera.sources.looped import LoopedFilm
from vision.camera.sources.readers import MakeSource
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
READERS = 2
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
class Streams:
    """What cameras show.

    Attributes:
        film: The file.
        addresses: Of RTSP servers that send it; none where the file is read.
        pids: Process ids of the servers.
    """

    film: Path
    addresses: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()

    def make(self, number: int) -> MakeSource:
        """Return what opens the source of a camera."""
        if self.addresses:
            return partial(open_source, self.addresses[number % len(self.addresses)])
        # By the golden ratio: however many there are, no two show the same at the same time.
        begin_s = FILM_S * (number * 0.618034 % 1)
        return partial(LoopedFilm, self.film, begin_s=begin_s, keep_s=KEEP_S)


def make_film(path: Path, bit_rate: int) -> None:
    """Make the film: the sample's busiest part, larger and smoother, with the noise of a sensor."""
    rng = np.random.default_rng(7)
    grain = [rng.normal(0, 2.0, (SIZE_WH[1], SIZE_WH[0], 1)).astype(np.float32) for _ in range(5)]
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = bit_rate
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
def served(film: Path, count: int) -> Iterator[Streams]:
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
        yield Streams(film, tuple(addresses), tuple(process.pid for process in processes))
    finally:
        for process in processes:
            process.kill()
            process.wait()


def cpu_of(*stat_files: Path) -> float:
    """Processor seconds that processes or threads have used."""
    ticks = 0
    for path in stat_files:
        fields = path.read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def of_processes(pids: Iterable[int]) -> float:
    """Processor seconds that processes have used."""
    return cpu_of(*(Path(f"/proc/{pid}/stat") for pid in pids))


def of_python_threads() -> float:
    """Processor seconds of this process's threads that run Python; the rest is the engine's."""
    threads = (f"/proc/self/task/{thread.native_id}/stat" for thread in threading.enumerate())
    return cpu_of(*(path for path in map(Path, threads) if path.exists()))


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


def measure(case: Case, streams: Streams, seconds: float) -> dict[str, Any]:
    """Watch a number of cameras for a while."""
    cores = os.cpu_count() or 1
    cameras = [camera_of(case, number) for number in range(case.cameras)]
    options = RuntimeOptions(engine=fastest_engine(), threads=1, streams=cores)
    models = open_street_models(Registry((SHIPPED_FOLDER,)), cameras, options=options)
    with tempfile.TemporaryDirectory() as scratch, Readers(READERS) as readers:
        stations = [
            station_of(
                readers.open(streams.make(number)),
                camera,
                model=models,
                folder=Path(scratch) / camera.id,
            )
            for number, camera in enumerate(cameras)
        ]
        stop = threading.Event()
        counted: list[dict[str, Any]] = []

        def begin() -> None:
            for station in stations:
                station.figures.lags_s.clear()
            counted.append(snapshot(stations, streams, readers))

        def end() -> None:
            counted.append(snapshot(stations, streams, readers))
            stop.set()

        timers = [threading.Timer(SETTLE_S, begin), threading.Timer(SETTLE_S + seconds, end)]
        for timer in timers:
            timer.daemon = True
            timer.start()
        for _ in watch_stations(stations, workers=cores, stop=stop):
            pass
    failed = {station.id: station.figures.failed for station in stations if station.figures.failed}
    if failed or len(counted) < len(timers):
        raise SystemExit(f"the watch ended before its time: {failed}")
    return figures(case, stations, *counted)


def snapshot(stations: list[Station], streams: Streams, readers: Readers) -> dict[str, Any]:
    """All counters at this moment."""
    counted: dict[str, Any] = {
        "at": time.monotonic(),
        "cpu": of_processes([os.getpid()]),
        "python": of_python_threads(),
        "readers": of_processes(readers.pids),
        "server": of_processes(streams.pids),
        "served": sum(station.figures.served for station in stations),
        "coarse": sum(station.figures.coarse for station in stations),
        "looked": sum(station.session.counts["looked"] for station in stations),
        "load": os.getloadavg()[0],
        "decode": sum(station.source.decode_s for station in stations),
    }
    for stage in STAGES:
        counted[stage] = sum(station.session.stage_cpu_s[stage] for station in stations)
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
    cores = {
        "read": spent["readers"] - spent["decode"],
        "decode": spent["decode"],
        **{stage: spent[stage] for stage in STAGES},
    }
    cores["detect"] += spent["cpu"] - spent["python"]
    cores["the rest"] = spent["python"] - sum(spent[stage] for stage in STAGES)
    return {
        "case": case.name,
        "cameras": case.cameras,
        "samples_a_second": round(spent["served"] / wall / case.cameras, 3),
        "share_of_wanted": round(share, 3),
        "coarse_share": round(spent["coarse"] / max(spent["served"], 1), 3),
        "looked_share": round(spent["looked"] / max(spent["served"], 1), 3),
        "lag_p50_s": round(float(np.percentile(lags, 50)), 3),
        "lag_p95_s": round(p95, 3),
        "held": p95 < MOST_LAG_S and share >= LEAST_SHARE,
        "cores_used": round((spent["cpu"] + spent["readers"]) / wall, 2),
        "cores_of_the_server": round(spent["server"] / wall, 2),
        "load_before_and_after": [before["load"], after["load"]],
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "decoding": sorted({station.source.decoding for station in stations}),
        "faults": sum(station.figures.summary()["faults"] for station in stations),
        "cores_by_stage": {name: round(used / wall, 3) for name, used in cores.items()},
        "ms_a_sample_by_stage": {
            name: round(1000 * used / max(spent["served"], 1), 2) for name, used in cores.items()
        },
        "ms_detect_a_look": round(1000 * cores["detect"] / max(spent["looked"], 1), 2),
    }


def measure_ultralytics(
    python: str, weights: Path, servers: Streams, cameras: int, seconds: float
) -> dict[str, Any]:
    """Let ultralytics track some of the same streams."""
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "cameras.streams"
        listed.write_text("\n".join(islice(cycle(servers.addresses), cameras)) + "\n")
        done = subprocess.run(  # noqa: S603 - a Python the caller names
            # An environment's Python is a link, which must not be followed.
            [os.path.abspath(python), "-c", _ULTRALYTICS, str(weights), str(listed), str(seconds)],
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
    parser.add_argument(
        "--source", choices=("film", "rtsp"), default="film", help="where streams come from"
    )
    parser.add_argument("--bit-rate", type=int, default=BIT_RATE, help="of the film, bit/s")
    parser.add_argument("--film", type=Path, help="keep the film here, and use it if it is there")
    parser.add_argument("--seconds", type=float, default=60.0, help="measured time of each case")
    parser.add_argument("--ultralytics", help="a Python that has ultralytics")
    parser.add_argument("--ultralytics-cameras", type=int, nargs="*", default=[1, 4, 8])
    parser.add_argument("--ultralytics-weights", type=Path, help="default: the shipped detector")
    parser.add_argument("--json", action="store_true", help="one JSON object, for machines")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    results = []
    with tempfile.TemporaryDirectory() as scratch:
        film = arguments.film or Path(scratch) / "film.mp4"
        if not film.exists():
            make_film(film, arguments.bit_rate)
        cases = [Case("dwell", number, DWELL_STEP_S) for number in arguments.dwell]
        cases += [Case("gates", number, GATE_STEP_S) for number in arguments.gates]
        by_rtsp = (
            served(film, SERVERS) if arguments.source == "rtsp" else nullcontext(Streams(film))
        )
        with by_rtsp as streams:
            for case in cases:
                results.append(measure(case, streams, arguments.seconds))
                tell(results[-1], as_json=arguments.json)
        if arguments.ultralytics:
            weights = arguments.ultralytics_weights or next(
                path
                for path in sorted(STREET_ONNX.glob("street-*.onnx"))
                if "int8" not in path.name
            )
            with served(film, SERVERS) as streams:
                for number in arguments.ultralytics_cameras:
                    results.append(
                        measure_ultralytics(
                            arguments.ultralytics, weights, streams, number, arguments.seconds
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
