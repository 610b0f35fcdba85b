"""Measure how long comparing two large surveys takes, against decoding them, and in what memory.

    python scripts/bench_survey.py                  20,000 × 20,000 pixels (400 MP) a survey
    python scripts/bench_survey.py --quick          4,000 × 4,000
    python scripts/bench_survey.py --dsm --json     with surface models, for machines

A pair of surveys of 0.15 m a pixel is made by mirroring a real orthophoto over the ground (the
committed sample where there is none); the later survey is shifted, re-lit and gets some new roofs.
Both are JPEG in tiles of 512 with overviews, as mapping software delivers them. They are kept in
``--work`` and used again.

Every measurement runs in a process of its own, so that its peak memory is its own. "Decode" is
reading every pixel once, on as many threads, that the comparison reads at its working pixel size:
no comparison can be faster. The same is measured on a quarter of the area: peak memory must hardly
differ.
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
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# The parent must stay small: on Linux a child's peak memory starts at its parent's.
SHARED = Path(os.environ.get("CITYEYE_SHARED", ROOT.parent / "shared")) / "data" / "ortho"
SAMPLE = ROOT / "datasets" / "samples" / "survey" / "before.tif"

GSD_M = 0.15
DSM_GSD_M = 0.5
LEFT_M, TOP_M, EPSG = 500_000.0, 3_000_000.0, 32645
BLOCK_PX = 512
STRIP_PX = 2 * BLOCK_PX
JPEG_QUALITY = 85
# The later survey's georeference is off by this, and its picture starts this far into the scene,
# so that the two files' JPEG blocks do not coincide.
SHIFT_M = (1.3, -0.9)
STEP_PX = (11, 5)
ROOFS_PER_HECTARE = 0.25
ROOF_COLOURS = ((188, 66, 52), (62, 108, 176), (214, 212, 206), (138, 142, 146))
GAMMA_RGB = (0.88, 0.92, 1.0)
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One pair to measure.

    Attributes:
        source: the orthophoto that is mirrored over the ground.
        folder: where the pair lies.
        size_px: side of each survey.
        dsm: whether it has surface models.
        workers: threads.
    """

    source: str
    folder: str
    size_px: int
    dsm: bool
    workers: int

    def path(self, name: str) -> Path:
        """Return one of the pair's files by its role."""
        return Path(self.folder) / f"{name}.tif"

    @property
    def roles(self) -> tuple[str, ...]:
        """The files that the pair has."""
        heights = ("before_dsm", "after_dsm") if self.dsm else ()
        return ("before", "after", *heights)


@dataclass(frozen=True, slots=True)
class Roof:
    """A new building, in pixels of the scene."""

    row: int
    col: int
    height: int
    width: int
    colour: tuple[int, int, int]
    rise_m: float


def roofs(size_px: int) -> list[Roof]:
    """Return the new buildings of a scene; the same ones every time."""
    import numpy as np

    random = np.random.default_rng(7)
    hectares = (size_px * GSD_M) ** 2 / 10_000
    found = []
    for _ in range(max(2, round(ROOFS_PER_HECTARE * hectares))):
        height, width = (int(v) for v in random.integers(40, 120, 2))
        row, col = (int(v) for v in random.integers(50, size_px - 200, 2))
        colour = ROOF_COLOURS[int(random.integers(len(ROOF_COLOURS)))]
        found.append(Roof(row, col, height, width, colour, float(random.uniform(3, 9))))
    return found


def make_pair(case: Case) -> dict[str, Any]:
    """Write the pair's files."""
    import cv2
    import numpy as np
    import rasterio

    with rasterio.open(case.source) as source:
        scene = np.moveaxis(source.read((1, 2, 3)), 0, 2).copy()
    Path(case.folder).mkdir(parents=True, exist_ok=True)
    new = roofs(case.size_px)
    levels = np.arange(256) / 255.0
    relit = np.stack([255 * levels**gamma for gamma in GAMMA_RGB], axis=1)
    table = np.clip(relit + 4, 0, 255).astype(np.uint8).reshape(256, 1, 3)
    for role in ("before", "after"):
        later = role == "after"
        step = STEP_PX if later else (0, 0)
        profile = _profile(case.size_px, GSD_M, later) | {
            "count": 3,
            "dtype": "uint8",
            "compress": "jpeg",
            "photometric": "ycbcr",
            "jpeg_quality": JPEG_QUALITY,
            "interleave": "pixel",
        }
        cols = _mirrored(case.size_px, scene.shape[1], step[1])
        with rasterio.open(_part(case, role), "w", **profile) as target:
            for top, rows in _strips(case.size_px):
                strip = scene[_mirrored(rows, scene.shape[0], step[0] + top)][:, cols]
                if later:
                    _paint(strip, new, (step[0] + top, step[1]))
                    strip = np.asarray(cv2.LUT(strip, table))
                window = rasterio.windows.Window(0, top, case.size_px, rows)
                target.write(np.moveaxis(strip, 2, 0), window=window)
        _add_overviews(_part(case, role), JPEG_QUALITY)
    if case.dsm:
        _make_surfaces(case, scene, new)
    for role in case.roles:
        os.replace(_part(case, role), case.path(role))
    return {"bytes": sum(case.path(role).stat().st_size for role in case.roles)}


def _profile(size_px: int, gsd_m: float, later: bool) -> dict[str, Any]:
    from affine import Affine

    shift = SHIFT_M if later else (0.0, 0.0)
    start = STEP_PX if later else (0, 0)
    left = LEFT_M + start[1] * GSD_M + shift[0]
    top = TOP_M - start[0] * GSD_M + shift[1]
    return {
        "driver": "GTiff",
        "width": size_px,
        "height": size_px,
        "crs": f"EPSG:{EPSG}",
        "transform": Affine(gsd_m, 0, left, 0, -gsd_m, top),
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "bigtiff": "if_safer",
    }


def _part(case: Case, role: str) -> Path:
    """Name the unfinished file; an interrupted run leaves no half file to be used again."""
    return Path(case.folder) / f"{role}.part.tif"


def _mirrored(count: int, period: int, start: int) -> Any:  # noqa: ANN401 - numpy is imported late
    """Return indices that run to and fro over ``period`` pixels, so that no seam shows."""
    import numpy as np

    at = (start + np.arange(count)) % (2 * period)
    return np.where(at < period, at, 2 * period - 1 - at)


def _strips(size_px: int, rows: int = STRIP_PX) -> Iterator[tuple[int, int]]:
    for top in range(0, size_px, rows):
        yield top, min(rows, size_px - top)


def _paint(strip: Any, new: list[Roof], corner: tuple[int, int]) -> None:  # noqa: ANN401
    for roof in new:
        top, left = roof.row - corner[0], roof.col - corner[1]
        bottom, right = top + roof.height, left + roof.width
        if bottom > 0 and top < strip.shape[0] and left >= 0:
            ridge = (top + bottom) // 2
            strip[max(top, 0) : max(bottom, 0), left:right] = roof.colour
            # The far side of the ridge lies half in shade.
            shaded = tuple(int(v * 0.8) for v in roof.colour)
            strip[max(top, 0) : max(ridge, 0), left:right] = shaded


def _add_overviews(path: Path, quality: int | None) -> None:
    import rasterio
    from rasterio.enums import Resampling

    options = {} if quality is None else {"JPEG_QUALITY_OVERVIEW": str(quality)}
    with rasterio.Env(GDAL_NUM_THREADS="ALL_CPUS", **options), rasterio.open(path, "r+") as target:
        factors: list[int] = []
        while max(target.shape) / 2 ** (len(factors) + 1) >= BLOCK_PX / 2:
            factors.append(2 ** (len(factors) + 1))
        if factors:
            target.build_overviews(factors, Resampling.average)


def _make_surfaces(case: Case, scene: Any, new: list[Roof]) -> None:  # noqa: ANN401
    """Write surface models: hills, a relief as rough as the picture, and the new buildings."""
    import cv2
    import numpy as np
    import rasterio

    share = GSD_M / DSM_GSD_M
    small = cv2.resize(scene, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    relief = cv2.blur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (9, 9)).astype(np.float32) * 0.03
    size = int(case.size_px * share)
    noise = np.random.default_rng(3)
    for role in ("before_dsm", "after_dsm"):
        later = role == "after_dsm"
        profile = _profile(size, DSM_GSD_M, later) | {
            "count": 1,
            "dtype": "float32",
            "nodata": -9999.0,
            "compress": "deflate",
            "predictor": 3,
            "zlevel": 1,
        }
        step = tuple(v * share for v in STEP_PX) if later else (0.0, 0.0)
        cols = _mirrored(size, relief.shape[1], round(step[1]))
        x = (np.arange(size) + step[1]) * DSM_GSD_M
        with rasterio.open(_part(case, role), "w", **profile) as target:
            for top, rows in _strips(size):
                y = (np.arange(top, top + rows) + step[0]) * DSM_GSD_M
                hills = 12 * np.sin(x / 310)[None, :] + 9 * np.cos(y / 270)[:, None] + 400
                lines = _mirrored(rows, relief.shape[0], round(step[0]) + top)
                strip = hills + relief[lines][:, cols] + noise.normal(0, 0.04, (rows, size))
                for roof in new if later else ():
                    first = round(roof.row * share - step[0]) - top
                    left = round(roof.col * share - step[1])
                    last = first + round(roof.height * share)
                    right = left + round(roof.width * share)
                    strip[max(first, 0) : max(last, 0), max(left, 0) : right] += roof.rise_m
                window = rasterio.windows.Window(0, top, size, rows)
                target.write(strip.astype(np.float32), 1, window=window)
        _add_overviews(_part(case, role), None)


def decode(case: Case) -> dict[str, Any]:
    """Decode every block that the comparison reads at its working pixel size, once."""
    import rasterio
    from rasterio.windows import Window

    from vision.survey.comparison import CompareOptions
    from vision.survey.intake import (
        GDAL_OPTIONS,
        Role,
        inspect_raster,
        open_geotiff,
    )
    from vision.survey.limits import RasterLimits
    from vision.survey.pyramid import Pyramid

    jobs = []
    for role in case.roles:
        kind: Role = "DSM" if role.endswith("dsm") else "orthophoto"
        info = inspect_raster(case.path(role), kind, RasterLimits())
        level = Pyramid(info).level(max(CompareOptions().working_gsd_m, GSD_M))
        with rasterio.Env(**GDAL_OPTIONS), open_geotiff(info.path, overview=level.overview) as file:
            down, across = file.block_shapes[0]
            for row in range(0, file.height, 2 * down):
                for col in range(0, file.width, 2 * across):
                    height = min(2 * down, file.height - row)
                    width = min(2 * across, file.width - col)
                    jobs.append((info.path, level.overview, Window(col, row, width, height)))

    def read(share: list[tuple[Path, int | None, Window]]) -> int:
        pixels = 0
        with rasterio.Env(**GDAL_OPTIONS):
            files = {(path, overview): None for path, overview, _ in share}
            handles = {key: open_geotiff(key[0], overview=key[1]) for key in files}
            for path, overview, window in share:
                pixels += handles[path, overview].read(window=window)[0].size
            for handle in handles.values():
                handle.close()
        return pixels

    start = time.perf_counter()
    with ThreadPoolExecutor(case.workers) as pool:
        pixels = sum(pool.map(read, [jobs[n :: case.workers] for n in range(case.workers)]))
    return {"wall_s": time.perf_counter() - start, "pixels": pixels}


def compare(case: Case) -> dict[str, Any]:
    """Compare the pair to a folder, as the command line does."""
    import cv2

    from vision.survey.compare import ComparisonInputs
    from vision.survey.comparison import CompareOptions
    from vision.survey.writers import compare_to_folder

    cv2.setNumThreads(1)
    heights = (case.path("before_dsm"), case.path("after_dsm")) if case.dsm else (None, None)
    inputs = ComparisonInputs(case.path("before"), case.path("after"), *heights)
    start = time.perf_counter()
    result, files = compare_to_folder(
        inputs, Path(case.folder) / "result", options=CompareOptions(workers=case.workers)
    )
    wall_s = time.perf_counter() - start
    stages = dict(result.timings_s)
    # What runs after the comparison's own clock has stopped: change raster, report, documents.
    stages["write"] = wall_s - sum(stages.values())
    return {
        "wall_s": wall_s,
        "stages_s": stages,
        "working_pixels": result.width * result.height,
        "findings": len(result.findings),
        "residual_px": result.alignment.residual_rmse_px,
        "out_bytes": sum(path.stat().st_size for path in files.folder.iterdir()),
    }


STEPS = {"make": make_pair, "decode": decode, "compare": compare}


def run_step(name: str, case: Case) -> dict[str, Any]:
    """Run one step in a process of its own and return what it measured.

    Raises:
        SystemExit: the step failed; its error has been shown.
    """
    call = [sys.executable, str(Path(__file__).resolve()), "_step", name, json.dumps(asdict(case))]
    done = subprocess.run(call, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own file
    if done.returncode != 0:
        raise SystemExit(f"the {name} step failed (exit {done.returncode}); see above")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _step(name: str, case: Case) -> int:
    load = os.getloadavg()[0]
    measured = STEPS[name](case)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Kilobytes on Linux, bytes on macOS.
    measured["peak_mb"] = peak / (1e6 if sys.platform == "darwin" else 1e3)
    measured["cpu_s"] = time.process_time()
    measured["load_before"] = load
    json.dump(measured, sys.stdout)
    return 0


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    from importlib import metadata

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    packages = ("cityeye", "numpy", "opencv-python-headless", "rasterio")
    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return {"cores": os.cpu_count(), "cpu": model, "python": platform.python_version(), **found}


def measure(case: Case, repeats: int) -> dict[str, Any]:
    """Make the pair where it is missing, then measure decoding and comparing it."""
    if not all(case.path(role).exists() for role in case.roles):
        _tell(f"making a pair of {case.size_px} × {case.size_px} pixels in {case.folder}")
        run_step("make", case)
    best: dict[str, Any] = {}
    for name in ("decode", "compare"):
        _tell(f"{name} {case.size_px} × {case.size_px}")
        runs = [run_step(name, case) for _ in range(repeats)]
        best[name] = min(runs, key=lambda run: float(run["wall_s"]))
    best["ratio"] = best["compare"]["wall_s"] / best["decode"]["wall_s"]
    return {"size_px": case.size_px, "dsm": case.dsm, "workers": case.workers} | best


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(results: list[dict[str, Any]]) -> None:
    """Print the figures as a table, one column a pair."""
    stages = list(results[0]["compare"]["stages_s"])

    def line(name: str, values: list[str]) -> None:
        print(f"{name:<26}" + "".join(f"{value:>16}" for value in values))

    line("pixels a survey", [f"{r['size_px'] ** 2 / 1e6:.0f} MP" for r in results])
    working = [r["compare"]["working_pixels"] for r in results]
    line("working pixels", [f"{n / 1e6:.0f} MP" for n in working])
    line("decode both", [f"{r['decode']['wall_s']:.1f} s" for r in results])
    for stage in stages:
        line(f"  {stage}", [f"{r['compare']['stages_s'][stage]:.1f} s" for r in results])
    line("compare", [f"{r['compare']['wall_s']:.1f} s" for r in results])
    line("compare / decode", [f"{r['ratio']:.2f}" for r in results])
    per = zip(results, working, strict=True)
    line("CPU a working pixel", [f"{r['compare']['cpu_s'] / n * 1e9:.0f} ns" for r, n in per])
    line("peak memory, decode", [f"{r['decode']['peak_mb']:.0f} MB" for r in results])
    line("peak memory, compare", [f"{r['compare']['peak_mb']:.0f} MB" for r in results])
    line("findings", [str(r["compare"]["findings"]) for r in results])
    line("alignment residual", [f"{r['compare']['residual_px']:.2f} px" for r in results])
    line("load before compare", [f"{r['compare']['load_before']:.1f}" for r in results])


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["_step"]:
        return _step(arguments[1], Case(**json.loads(arguments[2])))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=20_000, help="side of each survey, pixels")
    parser.add_argument("--quick", action="store_true", help="the same as --size 4000")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="threads")
    parser.add_argument("--dsm", action="store_true", help="with surface models of 0.5 m")
    parser.add_argument("--repeats", type=int, default=1, help="take the best of so many runs")
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")
    parser.add_argument(
        "--ortho", type=Path, help="orthophoto to mirror over the ground (GeoTIFF, 8-bit RGB)"
    )
    parser.add_argument(
        "--work", type=Path, help="folder for the surveys (default: the system's temp folder)"
    )
    args = parser.parse_args(arguments)
    size = 4000 if args.quick else args.size
    if size < 1000 or args.workers < 1 or args.repeats < 1:
        parser.error("--size must be 1000 or more, --workers and --repeats 1 or more")
    real = SHARED / "banepa_ortho.tif"
    source = args.ortho or (real if real.exists() else SAMPLE)
    if not source.exists():
        print(f"{source}: no such file. Name an orthophoto with --ortho.", file=sys.stderr)
        return 3
    work = args.work or Path(tempfile.gettempdir()) / "cityeye-bench"

    def case(side: int) -> Case:
        heights = "-dsm" if args.dsm else ""
        name = f"v{FORMAT}-{source.stem}-{source.stat().st_size}-{side}{heights}"
        return Case(str(source), str(work.resolve() / name), side, args.dsm, args.workers)

    found = machine()
    if not args.json:
        print("machine: " + ", ".join(f"{key} {value}" for key, value in found.items()))
        print(
            f"{args.workers} threads, surveys mirrored from {source.name} at {GSD_M} m, "
            f"{'with' if args.dsm else 'without'} DSMs\n",
            flush=True,
        )
    results = [measure(case(side), args.repeats) for side in (size, size // 2)]
    if args.json:
        print(json.dumps({"machine": found, "source": source.name, "results": results}, indent=1))
    else:
        show(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
