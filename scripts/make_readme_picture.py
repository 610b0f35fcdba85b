"""Make the picture in the README from what a comparison of the sample surveys truly finds.

    python scripts/make_readme_picture.py [--out docs/images/survey-demo.jpg]

Above, both surveys, the earlier one laid onto the later one, with the outlines that were found.
Below, a few findings near by: before, after, and the difference of the surface models.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.errors import NotGeoreferencedWarning
from shapely.geometry import Polygon, shape
from shapely.geometry.base import BaseGeometry

from datasets.scoring import iou
from vision.errors import CityEyeError
from vision.finding import Assessment, Finding, FindingKind
from vision.report_drawing import in_picture, place_pins, round_length
from vision.survey.align import align
from vision.survey.compare import compare
from vision.survey.comparison import CompareOptions, SurveyComparison
from vision.survey.grid import Grid
from vision.survey.pair import SurveyPair, make_pair, working_grid
from vision.survey.pictures import height_colours
from vision.survey.raster import open_ortho, open_surface
from vision.survey.vectors import read_area

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "datasets" / "samples" / "survey"

Canvas = NDArray[np.uint8]
"""uint8 RGB, shape ``(rows, cols, 3)``."""
Colour = tuple[int, int, int]

WIDTH_PX, MARGIN_PX, GAP_PX = 1600, 24, 16
HEADER_PX, CAPTION_PX, LEGEND_PX = 74, 34, 46
PAPER, INK, SOFT = (255, 255, 255), (27, 33, 41), (90, 101, 114)
# The report's own colours, so that picture and report read alike.
COLOURS: dict[FindingKind, Colour] = {
    FindingKind.NEW_STRUCTURE: (215, 38, 61),
    FindingKind.REMOVED_STRUCTURE: (23, 105, 210),
    FindingKind.LAND_CLEARING: (11, 143, 106),
    FindingKind.DUST_HOTSPOT: (255, 176, 0),
}
LEGEND = {
    FindingKind.NEW_STRUCTURE: "new structure",
    FindingKind.REMOVED_STRUCTURE: "removed structure",
    FindingKind.LAND_CLEARING: "land clearing",
    FindingKind.DUST_HOTSPOT: "dust hotspot",
}
# What is shown near by, named as in the truth of the sample.
SHOWN = (
    "room added on a flat roof",
    "colour-steel workshop",
    "field hut",
    "old tiled house pulled down",
)
QUALITIES = (88, 84, 80, 76, 72, 68)
LARGEST_BYTES = 390_000


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with its number in findings.geojson and its outline in the working CRS."""

    number: int
    finding: Finding
    outline: BaseGeometry

    @property
    def colour(self) -> Colour:
        """The colour of its kind."""
        return COLOURS[self.finding.kind]


@dataclass(frozen=True, slots=True)
class View:
    """A piece of ground in both surveys at one pixel size."""

    before: Canvas
    after: Canvas
    rise: Canvas
    transform: Affine


def view(pair: SurveyPair, grid: Grid) -> View:
    """Read both surveys and the height difference on a grid of its own."""
    if pair.before_dsm is None or pair.after_dsm is None or pair.datum is None:
        raise ValueError("the picture needs both surface models")
    before = pair.before.read_ortho(grid, grid.whole, displacement=pair.displacement)
    after = pair.after.read_ortho(grid, grid.whole)
    low = pair.before_dsm.read_surface(grid, grid.whole, displacement=pair.displacement)
    high = pair.after_dsm.read_surface(grid, grid.whole)
    rise = pair.datum.remove(high.height_m, grid, grid.whole) - low.height_m
    first, second = before.rgb.copy(), after.rgb.copy()
    first[~before.valid], second[~after.valid] = 255, 255
    return View(first, second, height_colours(rise), grid.transform)


def on_map(lonlat: BaseGeometry, crs: CRS) -> BaseGeometry:
    """Bring a WGS-84 outline to the working CRS."""
    move = Transformer.from_crs(4326, crs, always_xy=True)

    def positions(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(move.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(lonlat, positions)


def write(
    canvas: Canvas,
    words: str,
    at: tuple[int, int],
    *,
    size: int,
    colour: Colour = INK,
    weight: int = 400,
) -> int:
    """Write a line with its baseline at ``at``; return the x where it ends."""
    face = cv2.FontFace("sans")
    cv2.putText(canvas, words, at, colour, face, size, weight)
    left, _, width, _ = cv2.getTextSize((WIDTH_PX, WIDTH_PX), words, at, face, size, weight)
    return int(left + width)


def width_of(words: str, *, size: int, weight: int = 400) -> int:
    """Return how wide a line would be, in pixels."""
    blank = np.zeros((4, 4, 3), np.uint8)
    return write(blank, words, (0, 0), size=size, weight=weight)


def draw(canvas: Canvas, outline: BaseGeometry, colour: Colour, *, width_px: int) -> None:
    """Draw the rings of an outline given in pixels, cased so that they show on any ground."""
    rings: list[NDArray[np.int32]] = []
    for part in shapely.get_parts(outline):
        if isinstance(part, Polygon):
            for ring in (part.exterior, *part.interiors):
                rings.append(np.rint(shapely.get_coordinates(ring) * 16).astype(np.int32))
    casing = (20, 12, 0) if colour == COLOURS[FindingKind.DUST_HOTSPOT] else (255, 255, 255)
    for tone, thickness in ((casing, width_px + 2), (colour, width_px)):
        cv2.polylines(canvas, rings, True, tone, thickness, cv2.LINE_AA, shift=4)


def number_pins(canvas: Canvas, items: list[Found], outlines: list[BaseGeometry]) -> None:
    """Place numbered discs beside outlines, with a line to what they point at."""
    size = (canvas.shape[1], canvas.shape[0])
    radius = 12
    pins = place_pins(outlines, size_wh=size, radius=radius + 1)
    for pin, item in zip(pins, items, strict=True):
        if pin.apart:
            ends = [
                (round(16 * x), round(16 * y))
                for x, y in ((pin.x, pin.y), (pin.spot_x, pin.spot_y))
            ]
            cv2.line(canvas, ends[0], ends[1], (255, 255, 255), 4, cv2.LINE_AA, shift=4)
            cv2.line(canvas, ends[0], ends[1], item.colour, 2, cv2.LINE_AA, shift=4)
    for pin, item in zip(pins, items, strict=True):
        centre = (round(16 * pin.x), round(16 * pin.y))
        permitted = item.finding.assessment is Assessment.PERMITTED
        dark = item.finding.kind is FindingKind.DUST_HOTSPOT or permitted
        fill = (255, 255, 255) if permitted else item.colour
        rim = item.colour if permitted else (255, 255, 255)
        cv2.circle(canvas, centre, 16 * (radius + 1), rim, -1, cv2.LINE_AA, shift=4)
        cv2.circle(canvas, centre, round(16 * (radius - 0.8)), fill, -1, cv2.LINE_AA, shift=4)
        words = str(item.number)
        left = round(pin.x - width_of(words, size=15, weight=700) / 2)
        write(
            canvas,
            words,
            (left, round(pin.y) + 5),
            size=15,
            colour=INK if dark else (255, 255, 255),
            weight=700,
        )


def scale_bar(canvas: Canvas, gsd_m: float) -> None:
    """Draw a scale bar in the lower left corner."""
    length_m = round_length(canvas.shape[1] * gsd_m * 0.2)
    left, bottom = 14, canvas.shape[0] - 14
    right = left + round(length_m / gsd_m)
    cv2.rectangle(canvas, (left - 3, bottom - 7), (right + 3, bottom + 3), (255, 255, 255), -1)
    cv2.rectangle(canvas, (left, bottom - 4), (right, bottom), INK, -1)
    words = f"{length_m:g} m"
    start = (right + 9, bottom + 2)
    for step in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        write(
            canvas,
            words,
            (start[0] + step[0], start[1] + step[1]),
            size=16,
            colour=INK,
            weight=600,
        )
    write(canvas, words, start, size=16, colour=(255, 255, 255), weight=600)


def whole(pair: SurveyPair, found: list[Found], width_px: int) -> tuple[View, Canvas]:
    """Return the whole ground, and the later survey with every outline and number."""
    if pair.area is None:
        raise ValueError("the picture needs the area of interest")
    bounds = pair.area.bounds
    gsd_m = (bounds[2] - bounds[0]) / width_px
    seen = view(pair, Grid.covering(pair.grid.crs, bounds, gsd_m))
    marked = seen.after.copy()
    outlines = [in_picture(item.outline, seen.transform) for item in found]
    for item, outline in reversed(list(zip(found, outlines, strict=True))):
        draw(marked, outline, item.colour, width_px=2)
    number_pins(marked, found, outlines)
    scale_bar(seen.before, gsd_m)
    return seen, marked


def card(pair: SurveyPair, item: Found, title: str, width_px: int) -> Canvas:
    """Return a finding near by: before, after, height difference, and what was measured."""
    gap = 6
    side = (width_px - 2 * gap) // 3
    min_x, min_y, max_x, max_y = item.outline.bounds
    reach_m = max(max_x - min_x, max_y - min_y) / 2 + 6.0
    middle = ((min_x + max_x) / 2, (min_y + max_y) / 2)
    gsd_m = 2 * reach_m / side
    grid = Grid(pair.grid.crs, middle[0] - reach_m, middle[1] + reach_m, gsd_m, side, side)
    seen = view(pair, grid)
    outline = in_picture(item.outline, seen.transform)
    canvas = np.full((side + 60, width_px, 3), 255, np.uint8)
    for place, picture in enumerate((seen.before, seen.after, seen.rise)):
        tile = picture.copy()
        draw(tile, outline, item.colour, width_px=2)
        left = place * (side + gap)
        canvas[:side, left : left + side] = tile
    end = write(canvas, str(item.number), (0, side + 25), size=18, colour=item.colour, weight=700)
    write(canvas, title, (end + 8, side + 25), size=18, weight=600)
    write(canvas, figures(item.finding), (0, side + 50), size=16, colour=SOFT)
    return canvas


def figures(finding: Finding) -> str:
    """Return a finding's area, height and standing in one line."""
    measures = finding.measures
    words = [f"{measures['area_m2'].value:.0f} m²"]
    if "height_gain_m" in measures:
        words.append(f"+{measures['height_gain_m'].value:.1f} m")
    if "height_loss_m" in measures:
        words.append(f"–{measures['height_loss_m'].value:.1f} m")
    words.append(f"score {finding.score:.2f}")
    if finding.permit is not None:
        words.append(f"permit {finding.permit.note.replace('_', ' ')}")
    return "  ·  ".join(words)


def header(comparison: SurveyComparison) -> Canvas:
    """Return the strip with name and figures of the comparison."""
    canvas = np.full((HEADER_PX, WIDTH_PX, 3), 255, np.uint8)
    end = write(canvas, "CityEye 城眼", (MARGIN_PX, 50), size=34, weight=700)
    words = (
        f"{comparison.ground.compared_area_m2 / 10_000:.1f} ha, aligned to "
        f"{comparison.alignment.residual_rmse_m:.2f} m, {len(comparison.findings)} findings"
    )
    write(canvas, words, (end + 26, 49), size=20, colour=SOFT)
    return canvas


def legend() -> Canvas:
    """Return the strip that explains the colours."""
    canvas = np.full((LEGEND_PX, WIDTH_PX, 3), 255, np.uint8)
    x = MARGIN_PX
    for kind, words in LEGEND.items():
        cv2.circle(canvas, (x + 8, 18), 8, COLOURS[kind], -1, cv2.LINE_AA)
        x = write(canvas, words, (x + 24, 24), size=17, colour=SOFT) + 30
    x = write(canvas, "white number: covered by a permit", (x, 24), size=17, colour=SOFT) + 30
    note = "below: before, after, height difference (red rose, blue fell)"
    left = WIDTH_PX - MARGIN_PX - width_of(note, size=17)
    write(canvas, note, (max(x, left), 24), size=17, colour=SOFT)
    return canvas


def compose(pair: SurveyPair, comparison: SurveyComparison) -> Canvas:
    """Return the whole picture."""
    crs = pair.grid.crs
    found = [
        Found(number, finding, on_map(finding.geometry.to_shape(), crs))
        for number, finding in enumerate(comparison.findings, 1)
        if finding.geometry is not None
    ]
    panel_px = (WIDTH_PX - 2 * MARGIN_PX - GAP_PX) // 2
    seen, marked = whole(pair, found, panel_px)
    rows = seen.before.shape[0]
    panels = np.full((rows + CAPTION_PX, WIDTH_PX, 3), 255, np.uint8)
    dates = [i.taken_at.strftime("%Y-%m-%d") if i.taken_at else "" for i in comparison.inputs]
    for picture, left, words in (
        (seen.before, MARGIN_PX, f"before, {dates[0]}"),
        (marked, MARGIN_PX + panel_px + GAP_PX, f"after, {dates[1]}, with what was found"),
    ):
        panels[CAPTION_PX:, left : left + panel_px] = picture[:, :panel_px]
        write(panels, words, (left, CAPTION_PX - 11), size=18, weight=600)

    card_px = (WIDTH_PX - 2 * MARGIN_PX - (len(SHOWN) - 1) * 2 * GAP_PX) // len(SHOWN)
    cards = []
    for name in SHOWN:
        cards.append(card(pair, _nearest(name, found, crs), name, card_px))
    strip = np.full((cards[0].shape[0] + MARGIN_PX // 2, WIDTH_PX, 3), 255, np.uint8)
    for place, tile in enumerate(cards):
        left = MARGIN_PX + place * (card_px + 2 * GAP_PX)
        strip[: tile.shape[0], left : left + card_px] = tile
    return np.vstack(
        [header(comparison), panels, np.full((8, WIDTH_PX, 3), 255, np.uint8), legend(), strip]
    )


def _nearest(name: str, found: list[Found], crs: CRS) -> Found:
    """Return the finding that lies on a thing of the truth."""
    truth = json.loads((SAMPLE / "truth.geojson").read_text(encoding="utf-8"))["features"]
    outline = next(
        on_map(shape(f["geometry"]), crs) for f in truth if f["properties"]["name_en"] == name
    )
    best = max(found, key=lambda item: iou(item.outline, outline))
    if iou(best.outline, outline) < 0.3:
        raise SystemExit(f"'{name}' was not found, so it cannot be shown; name another in SHOWN")
    return best


def make() -> Canvas:
    """Compare the sample and draw the picture."""
    options = CompareOptions()
    comparison = compare(
        SAMPLE / "before.tif",
        SAMPLE / "after.tif",
        before_dsm=SAMPLE / "before_dsm.tif",
        after_dsm=SAMPLE / "after_dsm.tif",
        area=SAMPLE / "area.geojson",
        permits=SAMPLE / "permits.geojson",
        options=options,
    )
    with ExitStack() as stack:
        before = stack.enter_context(open_ortho(SAMPLE / "before.tif"))
        after = stack.enter_context(open_ortho(SAMPLE / "after.tif"))
        crs = CRS.from_user_input(comparison.crs)
        area = read_area(SAMPLE / "area.geojson", crs)
        grid = working_grid(before, after, options=options, area=(area, crs))
        pair = make_pair(
            grid,
            before,
            after,
            before_dsm=stack.enter_context(open_surface(SAMPLE / "before_dsm.tif")),
            after_dsm=stack.enter_context(open_surface(SAMPLE / "after_dsm.tif")),
            displacement=align(before, after, grid, options=options).displacement,
            area=area,
        )
        return compose(pair, comparison)


def save(canvas: Canvas, path: Path) -> int:
    """Write a JPEG of at most :data:`LARGEST_BYTES`; return its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = b""
    for quality in QUALITIES:
        flags = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
        done, encoded = cv2.imencode(".jpg", cv2.cvtColor(canvas, cv2.COLOR_RGB2BGR), flags)
        data = encoded.tobytes() if done else b""
        if 0 < len(data) <= LARGEST_BYTES:
            break
    path.write_bytes(data)
    return len(data)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs" / "images" / "survey-demo.jpg", help="the JPEG"
    )
    args = parser.parse_args()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    try:
        canvas = make()
    except CityEyeError as error:
        print(f"make_readme_picture: {error}", file=sys.stderr)
        return 3
    size_bytes = save(canvas, args.out)
    print(f"{args.out}: {canvas.shape[1]} × {canvas.shape[0]} pixels, {size_bytes / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
