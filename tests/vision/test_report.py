"""The survey report: complete in itself, both languages, nothing lost, nothing let in."""

from __future__ import annotations

import base64
import hashlib
import itertools
import math
import re
import resource
import string
from collections import Counter
from datetime import UTC, date, datetime, timedelta, timezone
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from shapely.geometry import MultiPolygon, Point, Polygon, box

from vision import camera_texts, report_texts
from vision.errors import OutputError
from vision.finding import (
    Assessment,
    CueVote,
    Finding,
    FindingKind,
    GeoPolygon,
    Measure,
    PermitMatch,
    RuleRef,
    SurveySource,
)
from vision.report import render_survey_report, write_survey_report
from vision.report_drawing import (
    north_angle_deg,
    place_pins,
    round_length,
    scale_bar,
    svg_path,
    tie_point_arrows,
)
from vision.report_page import PAGE_TEXTS, day, file_size, moment, number, quantity, setting, share
from vision.report_texts import TEXTS, Words
from vision.survey.comparison import (
    AlignmentReport,
    CompareOptions,
    FindingPictures,
    GroundSummary,
    HeightDatum,
    Picture,
    SurveyComparison,
    SurveyInput,
    SurveyPictures,
    TiePoint,
)
from vision.survey.dust import Trend
from vision.survey.limits import RasterLimits

LEFT_M, TOP_M, GSD_M = 500_000.0, 3_000_000.0, 0.5
SURVEY_KINDS = (
    FindingKind.NEW_STRUCTURE,
    FindingKind.REMOVED_STRUCTURE,
    FindingKind.LAND_CLEARING,
    FindingKind.DUST_HOTSPOT,
)
CRS_32650 = CRS.from_epsg(32650)
TO_WGS84 = Transformer.from_crs(CRS_32650, 4326, always_xy=True).transform
VOID = {"meta", "img", "input", "br", "link", "hr"}


def picture(size_wh=(60, 40), left_m=LEFT_M, top_m=TOP_M, gsd_m=GSD_M):
    wide, high = size_wh
    rgb = np.random.default_rng(7).integers(0, 255, (high, wide, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", rgb)[1].tobytes()
    return Picture(jpeg, size_wh, Affine(gsd_m, 0, left_m, 0, -gsd_m, top_m))


def finding(index, **changes):
    x, y = LEFT_M + 5 + 7 * (index % 8), TOP_M - 5 - 7 * (index // 8 % 5)
    corners = [TO_WGS84(*corner) for corner in box(x, y - 4, x + 5, y).exterior.coords]
    values = {
        "id": f"f{index}",
        "kind": SURVEY_KINDS[index % 4],
        "score": 0.9,
        "geometry": GeoPolygon.from_shape(Polygon(corners)),
        "measures": {"area_m2": Measure(value=20.0, unit="m2")},
        "rule": RuleRef(name="rule", version="1", thresholds={"min_area_m2": 10.0}),
        "source": SurveySource(before="b", after="a", before_sha256="", after_sha256=""),
    }
    return Finding(**(values | changes))


def crops_of(index, *, height=True):
    x, y = LEFT_M + 5 + 7 * (index % 8), TOP_M - 5 - 7 * (index // 8 % 5)
    crop = picture((24, 20), x - 3, y + 3)
    return FindingPictures(crop, crop, crop if height else None, box(x, y - 4, x + 5, y))


def survey_input(role, path, taken_at):
    return SurveyInput(
        role=role,
        path=path,
        sha256="ab" * 32,
        file_bytes=123_456_789,
        width=2000,
        height=1000,
        bands=4,
        dtype="uint8",
        crs="EPSG:32650",
        gsd_m=0.05,
        taken_at=taken_at,
    )


def tie_points(count=9):
    return tuple(
        TiePoint(
            x_m=LEFT_M + 3 * i,
            y_m=TOP_M - 2 * i,
            dx_m=1.0 + 0.01 * i,
            dy_m=-0.5,
            residual_m=0.02,
            kept=i % 4 != 3,
        )
        for i in range(count)
    )


def comparison(findings=(), **changes):
    values = {
        "findings": tuple(findings),
        "alignment": AlignmentReport(
            matched=True,
            offset_x_m=3.0,
            offset_y_m=-4.0,
            rotation_deg=0.0123,
            scale=1.00012,
            local_warp_max_m=0.12,
            tie_points_tried=1234,
            tie_points_kept=987,
            residual_rmse_m=0.0634,
            residual_rmse_px=0.317,
            tie_points=tie_points(),
        ),
        "height_datum": HeightDatum(
            offset_m=0.42,
            tilt_x_m_per_km=0.1,
            tilt_y_m_per_km=-0.2,
            noise_m=0.08,
            stable_share=0.7,
            samples=4000,
        ),
        "ground": GroundSummary(
            compared_area_m2=148_600.0,
            bare_soil_before_m2=100.0,
            bare_soil_after_m2=200.0,
            net_covered_after_m2=0.0,
            vegetation_before_m2=5000.0,
            vegetation_after_m2=4000.0,
        ),
        "options": CompareOptions(),
        "inputs": (
            survey_input("before", "spring.tif", datetime(2025, 3, 2, tzinfo=UTC)),
            survey_input("after", "autumn.tif", datetime(2025, 9, 1, tzinfo=UTC)),
        ),
        "crs": "EPSG:32650",
        "gsd_m": 0.2,
        "width": 150,
        "height": 100,
        "cues": ("height", "colour"),
        "timings_s": {"align": 1.23456789},
        "versions": {"cityeye": "0.1.0"},
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        "finished_at": datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
    }
    return SurveyComparison(**(values | changes))


def pictures(indices=(), *, height=True, area=None):
    return SurveyPictures(
        before=picture(),
        after=picture(),
        crs=CRS_32650,
        by_finding={f"f{i}": crops_of(i, height=height) for i in indices},
        area=area,
    )


def full_case():
    findings = [finding(i) for i in range(8)]
    findings[0] = finding(
        0,
        measures={
            "area_m2": Measure(value=1234.5678, unit="m2"),
            "height_gain_m": Measure(value=6.2345, unit="m"),
            "strange_ratio": Measure(value=0.5, unit="1"),
        },
        attributes={"form": "roof_addition", "strange": "odd"},
        cues=(CueVote(cue="height", probability=0.97), CueVote(cue="colour", probability=0.4)),
        permit=PermitMatch(permit_id="P-1", covered_share=0.95, valid=True, note="covered"),
        assessment=Assessment.PERMITTED,
        first_seen=datetime(2025, 3, 2, tzinfo=UTC),
        last_seen=datetime(2025, 9, 1, tzinfo=UTC),
    )
    area = box(LEFT_M + 1, TOP_M - 19, LEFT_M + 29, TOP_M - 1)
    return comparison(findings), pictures(range(8), area=area)


def bare_case():
    unmatched = comparison().alignment.model_copy(update={"matched": False, "tie_points": ()})
    return (
        comparison(
            [finding(0, geometry=None), finding(1, measures={})],
            alignment=unmatched,
            height_datum=None,
            inputs=(),
            cues=(),
            timings_s={},
            versions={},
        ),
        pictures(),
    )


CASES = {
    "full": full_case,
    "empty": lambda: (comparison(), pictures()),
    "bare": bare_case,
    "no heights": lambda: (comparison([finding(0)]), pictures([0], height=False)),
}


class Page(HTMLParser):
    """A page taken apart; complains where tags do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.elements, self.problems, self.words = [], [], [], []
        self.feed(html)
        self.close()
        self.problems += [f"never closed: {tag}" for tag, _ in self.open]
        self.text = re.sub(r"[ \n\t]+", " ", "".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.problems.append(f"attribute twice: {tag} {attrs}")

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"unexpected </{tag}> at {self.getpos()}")
        else:
            self.open.pop()

    def handle_data(self, data):
        if not self.open or self.open[-1][0] not in {"style", "script"}:
            self.words.append(data)

    def all(self, tag, css_class=None):
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and (css_class is None or css_class in attrs.get("class", "").split())
        ]


@pytest.fixture(scope="module", params=CASES)
def html(request):
    return render_survey_report(*CASES[request.param]())


@pytest.fixture(scope="module")
def full():
    return render_survey_report(*full_case())


def test_page_is_well_formed(html):
    page = Page(html)
    assert page.problems == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    fors = {attrs["for"] for attrs in page.all("label")}
    hrefs = {attrs["href"].removeprefix("#") for attrs in page.all("a")}
    assert fors | hrefs <= set(ids)


def test_page_asks_for_no_outside_address(html):
    page = Page(html)
    for tag, attrs in page.elements:
        for key, value in attrs.items():
            if key in {"src", "srcset", "poster", "data"}:
                assert value.startswith("data:image/jpeg;base64,")
            if key in {"href", "xlink:href", "action"}:
                assert value.startswith("#")
            assert "http://" not in (value or "") and "https://" not in (value or "")
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
    assert "url(" not in html
    assert "@import" not in html
    assert not re.search(r"[\"'(]\s*(https?:)?//", html)


def test_policy_lets_only_this_script_run(html):
    policy = next(
        attrs["content"]
        for attrs in Page(html).all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_both_languages_are_there_and_reachable_without_script(html):
    page = Page(html)
    languages = Counter(attrs.get("lang") for attrs in page.all("span") if "lang" in attrs)
    assert languages["zh"] == languages["en"] > 40
    radios = {attrs["id"]: "checked" in attrs for attrs in page.all("input") if "name" in attrs}
    assert radios["lang-zh"] and not radios["lang-en"]
    assert '#lang-zh:checked ~ .page span[lang="en"]' in html
    assert '#lang-en:checked ~ .page span[lang="zh"]' in html


def tables():
    for module in (report_texts, camera_texts):
        for table_name, table in vars(module).items():
            if table_name.isupper():
                yield from ((f"{table_name}.{key}", words) for key, words in table.items())


@pytest.mark.parametrize(("key", "words"), list(tables()))
def test_every_text_says_the_same_in_both_languages(key, words):
    assert isinstance(words, Words)
    assert all(text.strip() for text in words), key
    fields = [
        sorted(name for _, name, _, _ in string.Formatter().parse(text) if name) for text in words
    ]
    assert fields[0] == fields[1]


def test_templates_and_texts_name_the_same_keys():
    templates = "".join(
        entry.read_text("utf-8")
        for entry in resources.files("vision").joinpath("templates").iterdir()
        if entry.name.endswith(".html")
    )
    python = "".join(
        resources.files("vision").joinpath(f"{name}.py").read_text("utf-8")
        for name in ("report", "report_page", "camera_report")
    )
    quoted = set(re.findall(r'"([a-z_]+)"', templates + python))
    dotted = set(re.findall(r"TEXTS\.([a-z_]+)", templates))
    called = set(re.findall(r'\bt\("([a-z_]+)"', templates))
    assert called | dotted <= set(PAGE_TEXTS)
    assert set(PAGE_TEXTS) <= quoted | dotted


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (report_texts.KINDS, set(FindingKind)),
        (report_texts.ASSESSMENTS, set(Assessment)),
        (report_texts.CUES, set(get_args(CueVote.model_fields["cue"].annotation))),
        (report_texts.OPTIONS, set(CompareOptions.model_fields) - {"limits"}),
        (report_texts.OPTIONS, set(RasterLimits.model_fields)),
        (report_texts.ATTRIBUTE_VALUES, {trend.value for trend in Trend}),
    ],
)
def test_every_name_that_a_survey_uses_has_words(table, names):
    assert names <= set(table)


HOSTILE = (
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</style></title></script><iframe src=//evil.example>",
    "{{ 7*7 }}{% raw %}",
    "{0.__class__}{x}",
    "a&lt;b&amp;c",
)


def hostile_case(evil):
    found = finding(
        0,
        id=evil,
        measures={evil: Measure(value=1.0, unit=evil)},
        attributes={evil: evil, "form": evil},
        permit=PermitMatch(permit_id=evil, covered_share=0.2, valid=False, note=evil),
        rule=RuleRef(name=evil, version=evil, thresholds={evil: evil}),
    )
    inputs = (survey_input("before", evil, None), survey_input(evil, evil, None))
    return comparison(
        [found],
        inputs=inputs,
        crs=evil,
        cues=(evil,),
        timings_s={evil: 1.0},
        versions={evil: evil, "cityeye": evil},
    )


@pytest.mark.parametrize("evil", HOSTILE)
def test_text_from_files_stays_text(evil):
    page = Page(render_survey_report(hostile_case(evil), pictures()))
    harmless = Page(render_survey_report(hostile_case("harmless"), pictures()))
    assert page.problems == []
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    assert [set(attrs) for _, attrs in page.elements] == [
        set(attrs) for _, attrs in harmless.elements
    ]
    assert page.text.count(evil) > 12


def test_unseen_characters_cannot_disguise_a_name():
    inputs = (survey_input("before", "survey\u202efit.exe\x00\x1b[0m", None),)
    html = render_survey_report(comparison(inputs=inputs), pictures())
    assert not set("\u202e\x00\x1b") & set(html)
    assert "survey\ufffdfit.exe\ufffd" in html


def test_every_finding_is_numbered_once_in_map_table_and_cards(full):
    page = Page(full)
    numbers = list(range(1, 9))
    anchors = [f"#finding-{n}" for n in numbers]
    assert [attrs["href"] for attrs in page.all("a", "pin")] == anchors
    rows = full[full.index("<tbody>") : full.index("</tbody>")]
    assert re.findall(r'href="(#finding-\d+)">(\d+)</a>', rows) == [
        (f"#finding-{n}", str(n)) for n in numbers
    ]
    assert [attrs["id"] for attrs in page.all("article")] == [f"finding-{n}" for n in numbers]
    kinds = [attrs["data-kind"] for attrs in page.all("article")]
    assert kinds == [SURVEY_KINDS[i % 4].value for i in range(8)]


def test_a_finding_without_a_place_is_still_listed():
    page = Page(render_survey_report(*bare_case()))
    assert len(page.all("article")) == 2
    assert [attrs["href"] for attrs in page.all("a", "pin")] == ["#finding-2"]
    assert TEXTS["no_pictures"].en in page.text


def test_outlines_lie_where_the_ground_is(full):
    # The first outline spans 5 to 10 m east and 5 to 9 m south of the corner, at 0.5 m a pixel;
    # its crop starts 3 m before it on both sides.
    on_map = re.search(r'href="#finding-1" data-kind.*?<path class="hit"[^>]* d="([^"]+)"', full)
    on_crop = re.search(r'<div class="crop-frame">.*?<path class="line" d="([^"]+)"', full, re.S)
    for path, left, top in ((on_map, 10, 10), (on_crop, 6, 6)):
        points = {
            tuple(map(float, point.split(",")))
            for point in path[1].removeprefix("M").removesuffix("Z").split("L")
        }
        assert points == {(x, y) for x in (left, left + 10) for y in (top, top + 8)}


def test_a_finding_without_crops_is_drawn_from_its_geographic_outline():
    page = Page(render_survey_report(comparison([finding(0)]), pictures()))
    path = next(attrs["d"] for attrs in page.all("path", "hit"))
    points = np.array(re.findall(r"([\d.]+),([\d.]+)", path), float)
    assert points.min(axis=0) == pytest.approx((10, 10), abs=0.11)
    assert points.max(axis=0) == pytest.approx((20, 18), abs=0.11)


@pytest.mark.parametrize(
    "words",
    [
        "1,235\u202fm²",
        "+6.2\u202fm",
        "97\u202f%",
        "roof-top addition",
        "strange_ratio",
        "strangeodd",
        "The permit covers the structure.",
        "有许可",
        "14.9 公顷",
        "2025-03-02 to 2025-09-01",
        "5\u202fm (east +3\u202fm, north \u22124\u202fm)",
        "987 kept of 1,234 tried",
        "0.063\u202fm (0.32 px)",
        "WGS 84 / UTM zone 50N · EPSG:32650",
        "spring.tif",
        "ab" * 32,
        "123\u202fMB",
        "40,000,000,000",
    ],
)
def test_page_says(full, words):
    assert words in Page(full).text


def test_no_number_runs_on_without_end(full):
    assert not re.findall(r"\d\.\d{7,}", Page(full).text)


def test_an_unmatched_comparison_is_said_loudly_and_first():
    bare = render_survey_report(*bare_case())
    assert bare.index('class="alarm"') < bare.index("<h1>")
    assert bare.count('class="alarm"') == 2
    assert TEXTS["unmatched_title"].zh in bare
    assert 'class="alarm"' not in render_survey_report(*full_case())


def test_nothing_found_is_said_kindly():
    page = Page(render_survey_report(comparison(), pictures()))
    assert TEXTS["empty_title"].zh in page.text
    assert page.all("article") == page.all("tbody") == []


def test_crops_are_decoded_only_when_seen(full):
    crops = [attrs for attrs in Page(full).all("img") if "loading" in attrs]
    assert len(crops) == 8 * 3
    assert {(a["loading"], a["decoding"]) for a in crops} == {("lazy", "async")}
    assert all({"width", "height", "alt"} <= set(a) for a in crops)


def test_size_is_that_of_the_pictures_and_little_more():
    count = 120
    shown = pictures(range(count))
    crops = shown.by_finding.values()
    jpegs = [crop for item in crops for crop in (item.before, item.after, item.height)]
    given_bytes = sum(len(shown_one.jpeg) for shown_one in [*jpegs, shown.before, shown.after])
    html = render_survey_report(comparison([finding(i) for i in range(count)]), shown)
    assert len(html.encode()) < given_bytes * 4 / 3 + 60_000 + 9_000 * count


def test_write_puts_the_page_there(tmp_path, full):
    path = tmp_path / "报告 report.html"
    path.write_text("old")
    write_survey_report(path, *full_case())
    assert path.read_text("utf-8") == full
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("target", ["missing/report.html", "file/report.html", "folder"])
def test_write_where_it_cannot_says_so(tmp_path, target):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="report could not be written") as caught:
        write_survey_report(tmp_path / target, comparison(), pictures())
    assert str(tmp_path / target) in str(caught.value)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "kept"


def test_write_that_runs_out_of_room_leaves_what_was_there(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OutputError):
            write_survey_report(path, *full_case())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(0), "0"),
        (number(1234.567), "1,235"),
        (number(12.345), "12.3"),
        (number(0.000123), "0.0001"),
        (number(-3, 1), "\u22123.0"),
        (number(-0.001, 1), "0.0"),
        (number(2.5, 1, signed=True), "+2.5"),
        (number(math.nan), "–"),
        (number(math.inf), "–"),
        (share(0.0312), "3.1\u202f%"),
        (share(1), "100\u202f%"),
        (quantity(9.876, "m2"), "9.9\u202fm²"),
        (quantity(0.0634, "m"), "0.063\u202fm"),
        (quantity(10.0, "m"), "10\u202fm"),
        (quantity(300, "s"), "300\u202fs"),
        (quantity(1.5, "kg"), "1.50\u202fkg"),
        (quantity(12, "1"), "12"),
        (str(setting(10.0, "min_area_m2")), "10\u202fm²"),
        (str(setting(0.05, "working_gsd_m")), "0.05\u202fm"),
        (str(setting(0.5, "min_score")), "0.5"),
        (str(setting(0.25, "covered_share")), "25\u202f%"),
        (str(setting(date(2025, 1, 2), "permit_date")), "2025-01-02"),
        (str(setting("<b>", "mode")), "&lt;b&gt;"),
        (file_size(999), "999\u202fB"),
        (file_size(1500), "1.5\u202fkB"),
        (file_size(25_000_000_000_000), "25.0\u202fTB"),
        (day(None), "–"),
        (moment(datetime(2025, 1, 2, 3, 4, 5, 678, tzinfo=UTC)), "2025-01-02 03:04:05 UTC"),
        (
            moment(datetime(2025, 1, 2, tzinfo=timezone(timedelta(hours=8)))),
            "2025-01-02 00:00:00+08:00",
        ),
    ],
)
def test_numbers_are_made_for_reading(shown, expected):
    assert shown == expected


@given(
    st.lists(
        st.tuples(st.floats(20, 480), st.floats(20, 380), st.floats(0.5, 60)),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=40, deadline=None)
def test_pins_never_cover_each_other(spots):
    size_wh, radius, corner = (500, 400), 8.0, (0, 360, 120, 400)
    outlines = [box(x - s / 2, y - s / 2, x + s / 2, y + s / 2) for x, y, s in spots]
    pins = place_pins(outlines, size_wh=size_wh, radius=radius, keep_clear=[corner])
    for one, other in itertools.combinations(pins, 2):
        assert math.dist((one.x, one.y), (other.x, other.y)) >= 2 * radius
    for pin, outline in zip(pins, outlines, strict=True):
        assert radius <= pin.x <= size_wh[0] - radius
        assert radius <= pin.y <= size_wh[1] - radius
        assert not box(*corner).buffer(radius - 0.1).contains(Point(pin.x, pin.y))
        assert outline.buffer(1).contains(Point(pin.spot_x, pin.spot_y))


def test_a_pin_stands_inside_a_large_outline_and_beside_a_small_one():
    large, small = place_pins(
        [box(10, 10, 110, 110), box(200, 200, 206, 206)], size_wh=(300, 300), radius=8
    )
    assert not large.apart
    assert small.apart
    assert not box(200, 200, 206, 206).intersects(Point(small.x, small.y).buffer(8))


@pytest.mark.parametrize("outline", [Polygon(), Point(5, 5), box(5, 5, 5, 9), MultiPolygon()])
def test_outlines_without_area_still_get_a_pin(outline):
    (pin,) = place_pins([outline], size_wh=(100, 100), radius=8)
    assert 8 <= pin.x <= 92
    assert 8 <= pin.y <= 92


def test_path_holds_every_ring():
    holed = Polygon(box(0, 0, 10, 10).exterior, [box(2, 2, 4, 4).exterior])
    path = svg_path(MultiPolygon([holed, box(20, 20, 30, 30)]))
    assert path.count("M") == path.count("Z") == 3


@pytest.mark.parametrize(
    ("limit", "expected"), [(1, 1), (1.99, 1), (2, 2), (49, 20), (0.06, 0.05), (5000, 5000)]
)
def test_scale_bars_have_round_lengths(limit, expected):
    assert round_length(limit) == pytest.approx(expected)


def test_scale_bar_is_as_long_as_it_says():
    bar = scale_bar(picture((1000, 500), gsd_m=0.1), share=0.25)
    assert bar.length_m == pytest.approx(20)
    assert bar.width_share == pytest.approx(0.2)


@pytest.mark.parametrize("turn_deg", [0, 30, -75, 170])
def test_north_arrow_points_north(turn_deg):
    # A picture whose content is turned clockwise shows north turned clockwise.
    cos, sin = math.cos(math.radians(turn_deg)) / 2, math.sin(math.radians(turn_deg)) / 2
    transform = Affine(cos, sin, 9, sin, -cos, 9)
    assert north_angle_deg(transform) == pytest.approx(turn_deg)


def test_arrows_leave_out_what_all_tie_points_share():
    shared = [
        TiePoint(x_m=LEFT_M + i, y_m=TOP_M - i, dx_m=3, dy_m=4, residual_m=0, kept=True)
        for i in range(5)
    ]
    stray = TiePoint(x_m=LEFT_M + 9, y_m=TOP_M - 9, dx_m=9, dy_m=4, residual_m=6, kept=False)
    arrows = tie_point_arrows([*shared, stray], picture(), panel_wh=(600, 400))
    assert arrows.size_wh == (600, 400)
    assert arrows.kept.count("l0.0,0.0") == 5
    start, dx, dy = re.match(r"M([\d.,]+)l([-\d.]+),([-\d.]+)", arrows.rejected).groups()
    assert start == "180.0,180.0"
    assert float(dx) == pytest.approx(600 / 8, abs=0.1)
    assert float(dy) == pytest.approx(0)


def test_arrows_have_the_length_that_their_key_says():
    ties = [
        TiePoint(x_m=LEFT_M + 5, y_m=TOP_M - 5, dx_m=dx, dy_m=0, residual_m=0, kept=True)
        for dx in (-0.2, 0.0, 0.2)
    ]
    arrows = tie_point_arrows(ties, picture(), panel_wh=(600, 400))
    longest = max(float(dx) for dx in re.findall(r"M100\.0,100\.0l([-\d.]+),", arrows.kept))
    assert longest == pytest.approx(arrows.key_px / arrows.key_m * 0.2, rel=0.01)
    assert longest == pytest.approx(0.2 * arrows.factor * 600 / 30, rel=0.01)


def test_no_tie_points_no_arrows():
    assert tie_point_arrows([], picture(), panel_wh=(600, 400)) is None


def test_a_path_from_any_system_is_named_by_its_last_part():
    for path in ("C:\\surveys\\spring.tif", "/data/spring.tif", "spring.tif"):
        page = render_survey_report(
            comparison(inputs=(survey_input("before", path, None),)), pictures()
        )
        assert '<p class="file"><bdi>spring.tif</bdi>' in page


def test_report_can_be_written_to_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_survey_report(Path("report.html"), comparison(), pictures())
    assert (tmp_path / "report.html").stat().st_size > 10_000
