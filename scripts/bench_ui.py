"""How quick the review page is in a browser: keys, first load, scrolling a long queue.

    python scripts/bench_ui.py [--data DIR] [--findings 100000] [--items 200]
                               [--parts load,keys,scroll]

A real ``cityeye serve`` runs on the samples, whose findings are multiplied with their evidence, and
headless Chromium decides on them by keys as a reviewer does. `--data` names a data folder in which
the samples were taken in already (``make demo`` leaves one); without it they are taken in first.
Figures are of this machine and this run; the load at the start stands beside them. There is no
graphics card in most servers: pictures are drawn by the processor then.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts import demo_service
from scripts.browser import chromium
from scripts.serving import Served, served
from serve.api.access import Role
from serve.db.engine import Database
from serve.db.tables import EvidenceRow, FindingRow, new_id
from serve.people import accounts
from vision.errors import InputError

PARTS = ("load", "keys", "scroll")
PASSWORD = "bench-of-the-pages"  # noqa: S105
REVIEWER = "bench-reviewer"
BATCH = 2_000
LOADS = 5
TURNS = 300
"""Turns of the wheel over the queue."""
TURN_PX = 400
MAP_LIBRARY = b"ol-viewport"
"""A class name of OpenLayers, which tells its chunks from ours."""

WATCH_KEYS = """() => {
  window.pressed = 0;
  window.drawn = [];
  addEventListener('keydown', (event) => { window.pressed = event.timeStamp; }, true);
  new MutationObserver(() => requestAnimationFrame(() => {
    const id = document.querySelector('[data-drawn]')?.dataset.drawn;
    if (id && window.pressed) window.drawn.push([id, performance.now() - window.pressed]);
  })).observe(document.body, { subtree: true, attributeFilter: ['data-drawn'] });
}"""
WATCH_FRAMES = """() => {
  window.frames_ms = [];
  let last = performance.now();
  const frame = (now) => {
    window.frames_ms.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="data folder with the samples taken in")
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=200, help="decisions to time")
    parser.add_argument("--parts", default=",".join(PARTS))
    args = parser.parse_args()
    parts = args.parts.split(",")
    print(f"load at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        folder = Path(work)
        _samples(args.data, folder)
        service = stack.enter_context(served(folder))
        fill(service.database(), args.findings)
        page = stack.enter_context(_page())
        _sign_in(page, service)
        if "load" in parts:
            first_load(page, service)
        if "keys" in parts:
            keys(page, service, args.items)
        if "scroll" in parts:
            scroll(page, service)
    return 0


def fill(database: Database, count: int) -> None:
    """Multiply the samples' findings with their evidence until so many wait for review.

    Copies stand before the samples in the queue, those of all kinds in turn, and share the files
    of what they are copies of.
    """
    began = time.perf_counter()
    findings, evidence = FindingRow.__table__, EvidenceRow.__table__
    with database.read() as session:
        rows = [dict(row) for row in session.execute(sa.select(findings)).mappings()]
        pieces: dict[str, list[dict[str, Any]]] = {}
        for piece in session.execute(sa.select(evidence)).mappings():
            pieces.setdefault(piece["finding_id"], []).append(dict(piece))
    if not rows:
        raise InputError("--data: there are no findings; take the samples in first (make demo)")
    plain = {
        "state": "suspected", "decided_by": None, "decided_at": None, "reject_reason": None,
        "claimed_by": None, "claimed_until": None, "revision": 1,
    }  # fmt: skip

    def copies() -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
        for number in range(count):
            row = rows[number % len(rows)]
            name = f"{number:020x}"
            yield (
                {**row, **plain, "id": name, "risk": 1 - number / (count + 1)},
                [
                    {**piece, "id": new_id(), "finding_id": name}
                    for piece in pieces.get(row["id"], [])
                ],
            )

    made = copies()
    while batch := list(islice(made, BATCH)):
        with database.write() as session:
            session.execute(sa.insert(FindingRow), [finding for finding, _ in batch])
            session.execute(sa.insert(EvidenceRow), [each for _, many in batch for each in many])
    database.analyse()
    print(f"{count:,} findings written in {time.perf_counter() - began:.0f} s\n")
    with database.write() as session:
        accounts.add(
            session, actor="bench", name=REVIEWER, role=Role.REVIEWER, password=PASSWORD,
            display_name=REVIEWER, language="en",
        )  # fmt: skip


def first_load(page: Any, service: Served) -> None:  # noqa: ANN401
    """Time the page from nothing to the first finding, and weigh what came over the wire."""
    times = []
    weights: dict[str, int] = {}
    for _ in range(LOADS):
        context = page.context.browser.new_context(storage_state=page.context.storage_state())
        fresh = context.new_page()
        answers: list[Any] = []
        fresh.on("response", lambda answer, answers=answers: answers.append(answer))
        began = time.perf_counter()
        fresh.goto(f"{service.address}/review")
        fresh.locator(".facts-panel h2").first.wait_for()
        times.append((time.perf_counter() - began) * 1e3)
        fresh.locator("[data-drawn]").wait_for()
        for answer in answers:
            path = answer.url.removeprefix(service.address)
            if answer.ok and path.startswith("/") and not path.startswith("/api/"):
                part = "map library" if MAP_LIBRARY in answer.body() else "pages"
                size = int(answer.headers.get("content-length", 0))
                weights[part] = weights.get(part, 0) + size
        fresh.goto("about:blank")
        context.close()
    _line("first load to the first finding", times)
    for part, size in sorted(weights.items(), reverse=True):
        print(f"  {part + ', compressed':<40} {size / LOADS / 1e3:>8.0f}  kB")


def keys(page: Any, service: Served, items: int) -> None:  # noqa: ANN401
    """Decide by keys, and time from each key to the next finding's picture on the screen."""
    page.goto(f"{service.address}/review")
    page.locator("[data-drawn]").wait_for()
    page.evaluate(WATCH_KEYS)
    # A reviewer looks before deciding: the next ones are read meanwhile.
    page.wait_for_function("document.querySelector('[data-ready]')?.dataset.ready > 1")
    for number in range(items):
        if number % 3 == 2:
            page.keyboard.press("r")
            page.keyboard.press("1")
        else:
            page.keyboard.press("Enter")
        page.wait_for_function("(n) => window.drawn.length > n", arg=number)
        page.wait_for_function("document.querySelector('[data-ready]')?.dataset.ready > 1")
    took = [ms for _, ms in page.evaluate("window.drawn")]
    _line(f"key to the next one drawn, {len(took)} items", took)
    page.wait_for_function("document.querySelector('[data-pending]')?.dataset.pending === '0'")


def scroll(page: Any, service: Served) -> None:  # noqa: ANN401
    """Turn the wheel over the queue, and time its frames."""
    page.goto(f"{service.address}/review")
    rows = page.locator(".queue li")
    rows.first.wait_for()
    page.locator("[data-drawn]").wait_for()
    rows.nth(3).hover()
    page.evaluate(WATCH_FRAMES)
    for _ in range(TURNS):
        page.mouse.wheel(0, TURN_PX)
    page.wait_for_function("window.frames_ms.length > 60")
    frames = page.evaluate("window.frames_ms.slice(1)")
    at = page.evaluate("document.querySelector('.queue .scroller').scrollTop")
    drawn = rows.count()
    total = page.get_by_test_id("left").inner_text()
    _line(f"frames while scrolling ({total} in the queue)", frames)
    late = sum(1 for ms in frames if ms > 50)
    print(f"  {'frames over 50 ms':<40} {100 * late / len(frames):>8.1f}  %")
    print(f"  {'scrolled':<40} {at:>8,.0f}  px, {drawn} rows drawn at once")


def _samples(data: Path | None, folder: Path) -> None:
    if data is None:
        demo_service.run(folder / "samples")
        data = folder / "samples" / "data"
    if not (data / "cityeye.sqlite").exists():
        raise InputError(f"--data: there is no cityeye.sqlite in {data}")
    shutil.copytree(data, folder / "data")


@contextlib.contextmanager
def _page() -> Iterator[Any]:
    with chromium() as browser:
        # Waiting for a condition is evaluated in the page, which its policy would not let.
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, locale="en-GB", bypass_csp=True
        )
        context.set_default_timeout(120_000)
        yield context.new_page()


def _sign_in(page: Any, service: Served) -> None:  # noqa: ANN401
    page.goto(f"{service.address}/login")
    page.locator("#name").fill(REVIEWER)
    page.locator("#password").fill(PASSWORD)
    page.locator("#password").press("Enter")
    page.locator("nav").first.wait_for()
    page.goto("about:blank")


def _line(name: str, values_ms: list[float]) -> None:
    ordered = sorted(values_ms)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(
        f"  {name:<40} {statistics.median(ordered):>8.0f} {p95:>8.0f} {ordered[-1]:>8.0f}  "
        "ms (median, p95, largest)"
    )


if __name__ == "__main__":
    sys.exit(main())
