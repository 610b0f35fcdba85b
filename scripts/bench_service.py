"""How quick the service is: lists over a million findings, uploads, ranges, drafts, cameras.

    python scripts/bench_service.py [--parts lists,dashboard] [--findings 1000000]
                                    [--postgres postgresql+psycopg://…]

Every part talks to a real ``cityeye serve`` over loopback, on the embedded database and, where one
is named, on PostgreSQL (a database of its own, which must be empty). Any parts can be measured by
themselves, on either database (``--databases``). Figures are of this machine and this run; the load
on the machine at the start stands beside them.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import shapely
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.bench_camera import DWELL_STEP_S, Case, camera_of
from scripts.bench_watching import watching
from scripts.serving import Served, served
from serve.db.engine import Database
from serve.db.tables import CameraRow, FindingRow, Site, new_id
from serve.watching.opening import settings_of
from vision.finding import FindingKind

SAMPLE = Path(__file__).resolve().parents[1] / "datasets" / "samples" / "survey" / "before.tif"
PARTS = ("upload", "ranges", "outbox", "cameras", "lists", "dashboard")
ON_ONE_DATABASE = ("upload", "ranges", "cameras")
"""What the kind of database does not matter to; measured beside the embedded one."""
SPREAD_S = 31_000_000
"""Findings came in over so long, about a year, until now."""
REQUESTS = 100
BATCH = 5_000
UPLOAD_BYTES = 2**30
PATCH_BYTES = 64 * 2**20
RANGE_BYTES = 64 * 2**10
DRAFTS = 300
# Numbers of the findings confirmed: no other part has them.
OUTBOX_FIRST = 10**12
CAMERAS = 12
WATCH_S = 60.0


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--databases", default="sqlite,postgresql", help="sqlite, postgresql")
    parser.add_argument("--findings", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each list")
    parser.add_argument("--upload-bytes", type=int, default=UPLOAD_BYTES)
    parser.add_argument("--drafts", type=int, default=DRAFTS)
    parser.add_argument("--cameras", type=int, default=CAMERAS, help="watched at once")
    parser.add_argument("--seconds", type=float, default=WATCH_S, help="that cameras are watched")
    parser.add_argument("--film", type=Path, help="keep the film here, and use it if it is there")
    parser.add_argument("--postgres", default="", help="URL of an empty database")
    parser.add_argument("--folder", type=Path, help="where to work; default: the temporary folder")
    args = parser.parse_args()
    args.parts = args.parts.split(",")
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f"--parts: there is no {', '.join(sorted(unknown))}; give {', '.join(PARTS)}")
    print(f"load at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if "sqlite" in args.databases:
        on_database("SQLite", "", args.parts, args)
    others = [part for part in args.parts if part not in ON_ONE_DATABASE]
    if "postgresql" in args.databases and others:
        if args.postgres:
            on_database("PostgreSQL", args.postgres, others, args)
        else:
            print("PostgreSQL: not measured; name an empty database with --postgres")
    return 0


def on_database(name: str, url: str, parts: list[str], args: argparse.Namespace) -> None:
    """Measure the parts on one kind of database."""
    print(f"\n{name}", flush=True)
    if "cameras" in parts:
        # Services of its own, for it has other settings.
        watching(args.cameras, args.seconds, args.film)
    if parts == ["cameras"]:
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as work:
        with served(Path(work), database_url=url) as service:
            if "upload" in parts:
                upload(service, Path(work), args.upload_bytes)
            if "ranges" in parts:
                ranges(service)
        if "lists" in parts or "dashboard" in parts:
            site, camera = fill(service.database(), args.findings)
        # Started again: a service that runs knows of so many rows from the next full hour on.
        with served(Path(work), database_url=url) as service:
            if "lists" in parts:
                lists(service, site, camera, args.findings, args.requests)
            if "dashboard" in parts:
                dashboard(service, args.requests)
            # Last, for its cases go on being worked on.
            if "outbox" in parts:
                outbox(service, args.drafts)


def rows(
    numbers: Iterable[int], site: str, cameras: list[str], dice: random.Random
) -> Iterator[dict[str, Any]]:
    """Make findings of all kinds and states, spread over a city and a year."""
    kinds = [kind.value for kind in FindingKind]
    until = datetime.now(UTC)
    for number in numbers:
        kind = dice.choice(kinds)
        from_above = kinds.index(kind) < 4
        lon, lat = 113.2 + dice.random() * 0.6, 22.6 + dice.random() * 0.6
        at = until - timedelta(seconds=dice.random() * SPREAD_S)
        box = shapely.box(lon, lat, lon + 1e-4, lat + 1e-4)
        score = round(dice.random(), 3)
        state = dice.choices(("suspected", "confirmed", "rejected"), (2, 5, 3))[0]
        decided = at + timedelta(hours=dice.random() * 72)
        model = {"name": "street", "version": f"1.{dice.randrange(3)}", "sha256": "2" * 64}
        yield {
            "id": f"{number:020x}",
            "kind": kind,
            "state": state,
            "decided_by": None if state == "suspected" else "bench",
            "decided_at": None if state == "suspected" else min(decided, until),
            "assessment": "suspected",
            "score": score,
            "risk": score,
            "title_zh": f"疑似 {kind} {number}",
            "title_en": f"suspected {kind} {number}",
            "first_seen": at,
            "last_seen": at,
            "seen_at": at,
            "site_id": site if from_above else None,
            "camera_id": None if from_above else dice.choice(cameras),
            "geometry": shapely.to_wkb(box),
            "west": lon, "south": lat, "east": lon + 1e-4, "north": lat + 1e-4,
            "longitude": lon, "latitude": lat,
            "area_m2": 100.0 if from_above else None,
            "cell_code": f"44011300{dice.randrange(4000):04d}",
            "unit": f"street office {dice.randrange(40)}",
            "document": {
                "id": f"{number:020x}", "kind": kind, "score": score,
                "rule": {"name": kind, "version": "1"},
                "model": model,
                "source": {"type": "survey_pair", "before": "a", "after": "b",
                           "before_sha256": "0" * 64, "after_sha256": "1" * 64}
                if from_above
                else {"type": "camera", "camera_id": "c", "zone": "z"},
            },
            "model_name": model["name"], "model_version": model["version"],
            "created_at": at,
            "updated_at": at,
        }  # fmt: skip


def fill(database: Database, count: int, *, first: int = 0) -> tuple[str, str]:
    """Write findings numbered from *first* in bulk; return their site and one of their cameras."""
    dice = random.Random(first)  # noqa: S311
    site, cameras = new_id(), [new_id() for _ in range(200)]
    known = settings_of(camera_of(Case("dwell", 1, DWELL_STEP_S), 0))
    with database.write() as session:
        session.add(Site(id=site, name=f"bench {site}"))
        for number, camera in enumerate(cameras):
            session.add(
                CameraRow(
                    id=camera, code=f"bench-{camera}", name=f"camera {number}",
                    settings=known, address="rtsp://camera", sealed_address=b"", created_by="bench",
                )
            )  # fmt: skip
    began = time.perf_counter()
    # Row by row into twenty indexes takes ten times as long as making them afterwards.
    table = FindingRow.metadata.tables[FindingRow.__tablename__]
    indexes = sorted(table.indexes, key=lambda index: str(index.name)) if count > BATCH else []
    for index in indexes:
        index.drop(database.engine)
    made = rows(range(first, first + count), site, cameras, dice)
    while batch := list(islice(made, BATCH)):
        with database.write() as session:
            session.execute(sa.insert(table), batch)
    for index in indexes:
        index.create(database.engine)
    database.analyse()
    if not database.is_sqlite:
        engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    print(f"  {count:,} findings written in {time.perf_counter() - began:.0f} s")
    return site, cameras[0]


def lists(service: Served, site: str, camera: str, count: int, requests: int) -> None:
    """Time lists and filters."""
    now = datetime.now(UTC)
    asked: dict[str, dict[str, Any]] = {
        "newest": {"order": "time"},
        "review queue (state, by risk)": {"state": "suspected", "order": "risk"},
        "kind and state": {"kind": "illegal_parking", "state": "suspected"},
        "one camera": {"camera_id": camera},
        "one site": {"site_id": site},
        "one grid cell": {"cell": "440113000017"},
        "bounds of 1 km": {"bbox": "113.40,22.80,113.41,22.81"},
        "score 0.9 and above": {"min_score": 0.9, "state": "suspected"},
        "a week": {"seen_from": now - timedelta(days=60), "seen_to": now - timedelta(days=53)},
        "text: an id": {"text": f"{count // 2:020x}"},
        "text: all cameras' names": {"text": "camera"},
        "text: a kind and a camera": {"text": "parking 17"},
    }
    print(f"  {'list of 50':<32} {'median':>8} {'p95':>8}  ms", flush=True)
    for name, query in asked.items():
        ask = partial(service.get, "findings", limit=50, **query)
        _line(name, [_timed(ask) for _ in range(requests)])
    counts = partial(service.get, "findings/counts")
    _line("counts", [_timed(counts) for _ in range(_fewer(requests))])
    _line("claim the next 8", [_claim(service) for _ in range(_fewer(requests))])


def _claim(service: Served) -> float:
    """Time a reviewer's claim; what was claimed is given back."""
    began = time.perf_counter()
    held = service.post("reviews/claims", {"count": 8})["items"]
    took_ms = (time.perf_counter() - began) * 1000
    service.post("reviews/claims/release", {"finding_ids": [each["id"] for each in held]})
    return took_ms


def dashboard(service: Served, requests: int) -> None:
    """Time the dashboard over a month and over a year."""
    unit = service.get("findings", limit=1)["items"][0]["unit"]
    asked: dict[str, dict[str, Any]] = {
        "a month": {"days": 30},
        "a month of one unit": {"days": 30, "unit": unit},
        "a year": {"days": 365},
    }
    print(f"  {'dashboard':<32} {'median':>8} {'p95':>8}  ms", flush=True)
    for name, query in asked.items():
        ask = partial(service.get, "dashboard", **query)
        _line(name, [_timed(ask) for _ in range(_fewer(requests))])


def upload(service: Served, folder: Path, size_bytes: int) -> None:
    """Time a resumable upload beside a plain copy of the same file, three times in turn."""
    source = folder / "source"
    with source.open("wb") as file:
        for _ in range(size_bytes // 2**20):
            file.write(os.urandom(2**20))
    copied, sent = [], []
    for _ in range(3):
        began = time.perf_counter()
        with source.open("rb") as read, (folder / "copy").open("wb") as write:
            shutil.copyfileobj(read, write, 2**20)
            os.fsync(write.fileno())
        copied.append(size_bytes / (time.perf_counter() - began) / 1e6)
        began = time.perf_counter()
        address = service.upload(source, patch_bytes=PATCH_BYTES)
        sent.append(size_bytes / (time.perf_counter() - began) / 1e6)
        service.client.delete(address, headers={"Tus-Resumable": "1.0.0"})
    print(
        f"  upload of {size_bytes / 1e9:.2f} GB: {statistics.median(sent):.0f} MB/s, plain copy "
        f"{statistics.median(copied):.0f} MB/s"
    )


def ranges(service: Served) -> None:
    """Time range requests into a stored orthophoto."""
    site = service.post("sites", {"name": "ranges"})["id"]
    survey = service.survey(site, "2026-09-03T02:00:00Z", ortho=SAMPLE)
    service.wait(f"surveys/{survey}", lambda row: row["state"] == "ready", within_s=120)
    address = f"surveys/{survey}/ortho"
    size = int(service.client.head(address).headers["Content-Length"])
    dice = random.Random(1)  # noqa: S311

    def ask() -> None:
        start = dice.randrange(max(1, size - RANGE_BYTES))
        answer = service.client.get(
            address, headers={"Range": f"bytes={start}-{start + RANGE_BYTES - 1}"}
        )
        if answer.status_code != 206:
            raise SystemExit(f"a range was answered {answer.status_code}")

    _line("range of 64 KiB", [_timed(ask) for _ in range(300)])


def outbox(service: Served, count: int) -> None:
    """Time confirmed findings on their way into the case system."""
    fill(service.database(), count, first=OUTBOX_FIRST)
    ids = [f"{number:020x}" for number in range(OUTBOX_FIRST, OUTBOX_FIRST + count)]
    with service.database().write() as session:
        mine = FindingRow.id.in_(ids)
        session.execute(sa.update(FindingRow).where(mine).values(state="suspected"))
    began = time.perf_counter()
    for start in range(0, count, 100):
        service.post(
            "reviews/batch",
            {
                "action": "confirm",
                "items": [{"finding_id": i, "revision": 1} for i in ids[start : start + 100]],
            },
        )
    confirmed_s = time.perf_counter() - began
    while True:
        waiting = service.get("cases", state="drafted", limit=1)["items"]
        if not waiting:
            break
        time.sleep(0.2)
    total_s = time.perf_counter() - began
    print(
        f"  {count} findings confirmed in {confirmed_s:.1f} s; all of them cases on the other side "
        f"after {total_s:.1f} s: {count / total_s:.0f} drafts/s"
    )


def _fewer(requests: int) -> int:
    """Return how often what takes longer is asked for."""
    return max(1, requests // 5)


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def _line(name: str, took_ms: list[float]) -> None:
    ordered = sorted(took_ms)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"  {name:<32} {statistics.median(ordered):>8.1f} {p95:>8.1f}")


if __name__ == "__main__":
    sys.exit(main())
