"""The survey part of the demo: what is found is held against what truly changed.

The sample (datasets/samples/survey) is computed, so everything that changed in it is known. It is
compared twice: with both surface models, and by colour alone, which shows what heights add. The
report of the first comparison stays in the folder named.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from datasets.scoring import MATCH_IOU, area_agreement, match
from models.registry import SHIPPED_FOLDER, Registry
from scripts.demo_words import shown
from vision.errors import InputError
from vision.finding import Finding, FindingKind
from vision.survey.compare import ComparisonInputs, compare
from vision.survey.comparison import SurveyComparison
from vision.survey.learned import ChangeModel, open_change_model
from vision.survey.writers import compare_to_folder

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "datasets" / "samples" / "survey"
KINDS = (
    FindingKind.NEW_STRUCTURE,
    FindingKind.REMOVED_STRUCTURE,
    FindingKind.LAND_CLEARING,
    FindingKind.DUST_HOTSPOT,
)


# False findings of one kind that are named; the report shows all.
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Known:
    """Something known about the sample: its outline in the working CRS and its name."""

    kind: str
    name: str
    outline: BaseGeometry


@dataclass(frozen=True, slots=True)
class Tally:
    """How the findings of one kind hold up against the truth.

    Attributes:
        truth, found, missed, false: counts.
        words: one line for every miss and for the first few false findings.
    """

    kind: str
    truth: int
    found: int
    missed: int
    false: int
    words: tuple[str, ...]


def inputs(*, heights: bool) -> ComparisonInputs:
    """Return the sample's files, with or without its surface models."""
    return ComparisonInputs(
        before=SAMPLE / "before.tif",
        after=SAMPLE / "after.tif",
        before_dsm=SAMPLE / "before_dsm.tif" if heights else None,
        after_dsm=SAMPLE / "after_dsm.tif" if heights else None,
        area=SAMPLE / "area.geojson",
        permits=SAMPLE / "permits.geojson",
    )


def prepare() -> None:
    """Set up a process for comparing, as the command line does."""
    cv2.setNumThreads(1)
    # rasterio warns of rasters of its own in memory; what it does against that fails with threads.
    warnings.simplefilter("ignore", NotGeoreferencedWarning)


def colour_only() -> SurveyComparison:
    """Compare the sample without its surface models."""
    prepare()
    files = inputs(heights=False)
    return compare(
        files.before, files.after, area=files.area, permits=files.permits, learned=learned_cue()
    )


def learned_cue() -> ChangeModel:
    """Open the change model that ships, as ``cityeye compare`` does."""
    return open_change_model(Registry((SHIPPED_FOLDER,)))


def read_known(name: str, crs: CRS, *, kind: str = "") -> list[Known]:
    """Read a GeoJSON file of the sample; ``kind`` where its features name none."""
    features = json.loads((SAMPLE / name).read_text(encoding="utf-8"))["features"]
    return [
        Known(
            str(feature["properties"].get("kind", kind)),
            str(feature["properties"].get("name_en", feature["properties"].get("name", ""))),
            on_map(shape(feature["geometry"]), crs),
        )
        for feature in features
    ]


def on_map(lonlat: BaseGeometry, crs: CRS) -> BaseGeometry:
    """Bring a WGS-84 outline to a projected CRS, where areas are square metres."""
    move = Transformer.from_crs(4326, crs, always_xy=True)

    def positions(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(lonlat, positions)


def outlines(findings: Sequence[Finding], crs: CRS) -> list[BaseGeometry]:
    """Return the outlines of findings in a projected CRS."""
    return [on_map(f.geometry.to_shape(), crs) for f in findings if f.geometry is not None]


def tally(
    kind: FindingKind, comparison: SurveyComparison, truth: list[Known], others: list[Known]
) -> Tally:
    """Hold the findings of one kind against the truth, and name what does not fit.

    Ground that was cleared is bare as well: a dust hotspot there is neither right nor wrong.
    """
    crs = CRS.from_user_input(comparison.crs)
    numbered = [(n, f) for n, f in enumerate(comparison.findings, 1) if f.kind is kind]
    found = outlines([f for _, f in numbered], crs)
    wanted = [t for t in truth if t.kind == kind.value]
    score = match([t.outline for t in wanted], found)
    beside = bare_elsewhere(truth) if kind is FindingKind.DUST_HOTSPOT else shapely.Polygon()
    words = [
        f"missed  {kind.value}: {wanted[i].name}, {wanted[i].outline.area:.0f} m²"
        for i in score.missed
    ]
    false = 0
    false_words = []
    for i in score.false:
        if found[i].intersection(beside).area > 0.5 * found[i].area:
            continue
        false += 1
        number, finding = numbered[i]
        false_words.append(
            f"false   no. {number} {kind.value}: {found[i].area:.0f} m², score "
            f"{finding.score:.2f}, {what_lies_there(found[i], [*truth, *others])}"
        )
    words += false_words[:MOST_NAMED]
    if len(false_words) > MOST_NAMED:
        words.append(f"        and {len(false_words) - MOST_NAMED} more {kind.value}")
    return Tally(kind.value, len(wanted), len(score.pairs), len(score.missed), false, tuple(words))


def what_lies_there(outline: BaseGeometry, known: Sequence[Known]) -> str:
    """Name the known thing that takes most of an outline, if it takes a fifth."""
    shares = [(k.outline.intersection(outline).area / outline.area, k) for k in known]
    share, thing = max(shares, key=lambda pair: pair[0])
    return f"on: {thing.name}" if share > 0.2 else "nothing in the truth lies there"


def bare_elsewhere(truth: Sequence[Known]) -> BaseGeometry:
    """Return the cleared ground of the truth, with half a metre of doubt around it."""
    cleared = [t.outline for t in truth if t.kind == FindingKind.LAND_CLEARING.value]
    return unary_union(cleared).buffer(0.5)


def dust_agreement(comparison: SurveyComparison, truth: list[Known]) -> float:
    """Return intersection over union of all dust hotspots, found and true, in the whole area."""
    crs = CRS.from_user_input(comparison.crs)
    dust = FindingKind.DUST_HOTSPOT
    within = read_known("area.geojson", crs)[0].outline.difference(bare_elsewhere(truth))
    shared_m2, joined_m2 = area_agreement(
        [t.outline for t in truth if t.kind == dust.value],
        outlines([f for f in comparison.findings if f.kind is dust], crs),
        within=within,
    )
    return shared_m2 / joined_m2 if joined_m2 else 0.0


def tell(title: str, comparison: SurveyComparison) -> None:
    """Print the table of one comparison, and every miss and false finding by name."""
    crs = CRS.from_user_input(comparison.crs)
    truth = read_known("truth.geojson", crs)
    others = read_known("distractors.geojson", crs, kind="distractor")
    tallies = [tally(kind, comparison, truth, others) for kind in KINDS]
    print(f"\n{title}")
    print(f"  {'kind':<18} {'truth':>6} {'found':>6} {'missed':>7} {'false':>6}")
    for row in tallies:
        print(f"  {row.kind:<18} {row.truth:>6} {row.found:>6} {row.missed:>7} {row.false:>6}")
    agreement = dust_agreement(comparison, truth)
    print(f"  dust, area agreement (intersection over union): {agreement:.2f}")
    for line in (line for row in tallies for line in row.words):
        print(f"    {line}")


def run(out: Path) -> None:
    """Compare twice, print both tables and where the report lies.

    Args:
        out: Folder for the results.

    Raises:
        InputError: The sample is not there, or not what it was.
        OutputError: The results cannot be written.
    """
    if not (SAMPLE / "truth.geojson").exists():
        raise InputError(f"{SAMPLE}: the sample is missing. Make it again: make sample")
    prepare()
    began = time.perf_counter()
    print("Comparing the sample surveys of 3 September and 24 October 2026, twice …", flush=True)
    # A process of its own: both comparisons together then take little longer than one.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        second = pool.submit(colour_only)
        comparison, files = compare_to_folder(inputs(heights=True), out, learned=learned_cue())
        plain = second.result()
    alignment = comparison.alignment
    print(
        f"{comparison.ground.compared_area_m2 / 10_000:.1f} ha at {comparison.gsd_m:.2f} m a "
        f"pixel; earlier survey moved by {abs(alignment.offset_x_m):.2f} m and "
        f"{abs(alignment.offset_y_m):.2f} m and turned by {abs(alignment.rotation_deg):.2f}°, "
        f"residual {alignment.residual_rmse_m:.2f} m; {time.perf_counter() - began:.0f} s"
    )
    tell("With surface models: heights, colour and the learned cue", comparison)
    tell("The same without surface models: colour and the learned cue", plain)
    print(f"\nfound: outlines that share at least {MATCH_IOU:.0%} of their union with the truth")
    print(f"Report, to open in a browser: {shown(files.report)}")
