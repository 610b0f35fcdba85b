"""The camera's report: complete in itself, both languages, suspected only, nothing let in."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser
from typing import get_args

import cv2
import numpy as np
import pytest
from make_evidence import CAR, RULE, SEEN, START, camera, clip, frame, scene

from vision import camera_texts
from vision.camera.config import ZoneKind
from vision.camera.sources import FaultKind
from vision.camera_report import (
    MOST_CARDS,
    CameraReport,
    FaultSpan,
    SourceKind,
    duration,
    render_camera_report,
    write_camera_report,
)
from vision.errors import OutputError
from vision.evidence import EvidenceFolder
from vision.finding import CameraSource, Evidence, Finding, FindingKind, Measure, ModelRef, RuleRef
from vision.report_evidence import MOST_CLIP_BYTES

CAMERA = camera()
MODEL = ModelRef(name="street", version="2", sha256="ab" * 32)
KINDS = {
    "illegal_parking": "pavement",
    "street_vending": "stalls",
    "muck_truck_overload": "gate",
    "muck_truck_uncovered": "gate",
}
VOID = {"meta", "img", "input", "br", "link", "hr"}


def at(seconds):
    return START + timedelta(seconds=seconds)


def finding(number=0, **changes):
    kind = list(KINDS)[number % 4]
    values = {
        "id": f"f{number}",
        "kind": kind,
        "score": 0.87,
        "bbox_xyxy": CAR,
        "first_seen": at(0),
        "last_seen": at(400),
        "measures": {
            "dwell_s": Measure(value=400.0, unit="s"),
            "moved_share": Measure(value=0.02, unit="1"),
        },
        "attributes": {"class": "car", "state": "ended"},
        "rule": RULE,
        "model": MODEL,
        "source": CameraSource(camera_id=CAMERA.id, zone=KINDS[kind]),
    }
    return Finding(**(values | changes))


def report(folder, findings=(), **changes):
    values = {
        "camera": CAMERA,
        "folder": folder,
        "findings": tuple(findings),
        "span": (at(-100), at(900)),
        "source": "/data/recordings/street.mp4",
        "source_kind": "file",
        "figures": {
            "frames": 1234,
            "looked": 321,
            "sample_step_s": 2.0,
            "decoding": "key frames",
            "clock_offset_s": None,
            "overloaded": False,
        },
        "faults": (
            FaultSpan("black", at(500), 62.0, "the picture is black"),
            FaultSpan("offline", at(880), None, "it does not answer"),
        ),
        "gates": {
            "gate": {
                "2026-11-22T08:00:00+08:00": {"in": 3, "out": 4, "unknown": 0},
                "2026-11-22T07:00:00+08:00": {"in": 1, "out": 0, "unknown": 2},
            }
        },
        "models": (MODEL,),
        "snapshot": scene(),
        "snapshot_seen": SEEN,
        "versions": {"cityeye": "0.1.0"},
        "made_at": at(1000),
    }
    return CameraReport(**(values | changes))


def sealed(tmp_path, number, *, film=False):
    folder = EvidenceFolder(tmp_path, CAMERA)
    for after_s, role in ((0, "scene_start"), (300, "scene_end")):
        folder.keep(f"k{number}", frame(after_s), role=role, box_xyxy=CAR, seen=SEEN)
    path = clip(tmp_path / "clip.mp4") if film else None
    return folder.seal(
        f"k{number}", f"f{number}", zone=CAMERA.zone("pavement"), rule=RULE, clip=path
    ).evidence


def full_case(tmp_path):
    findings = [finding(number) for number in range(4)]
    findings[0] = finding(
        0,
        evidence=sealed(tmp_path, 0, film=True),
        attributes={
            "class": "car",
            "jurisdiction": "sidewalk",
            "plate_text": "粤A12345",
            "state": "ongoing",
            "strange": "odd",
        },
    )
    findings[1] = finding(1, attributes={"form": "stall+cart", "state": "ended"})
    return report(tmp_path, findings)


def bare_case(tmp_path):
    bare = finding(
        0, bbox_xyxy=None, first_seen=None, last_seen=None, measures={}, attributes={}, model=None,
        rule=RuleRef(name="r", version="1"),
    )  # fmt: skip
    return report(
        tmp_path, [bare], span=None, figures={}, faults=(), gates={}, models=(), snapshot=None,
        versions={}, camera=camera(direction=None),
    )  # fmt: skip


CASES = {
    "full": full_case,
    "empty": lambda path: report(path, span=(at(0), at(0)), faults=(), gates={}),
    "bare": bare_case,
}


class Page(HTMLParser):
    """A page taken apart; complains where tags do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.elements, self.problems, self.words = [], [], [], []
        self.feed(html)
        self.close()
        self.problems += [f"never closed: {tag}" for tag in self.open]
        self.text = re.sub(r"[ \n\t]+", " ", "".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.problems.append(f"attribute twice: {tag} {attrs}")

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"unexpected </{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.words.append(data)

    def all(self, tag, css_class=None):
        return [
            attrs
            for name, attrs in self.elements
            if name == tag and (css_class is None or css_class in attrs.get("class", "").split())
        ]


@pytest.fixture(scope="module", params=CASES)
def html(request, tmp_path_factory):
    return render_camera_report(CASES[request.param](tmp_path_factory.mktemp("case")))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    return render_camera_report(full_case(tmp_path_factory.mktemp("full")))


def test_page_is_well_formed(html):
    page = Page(html)
    assert page.problems == []
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    fors = {attrs["for"] for attrs in page.all("label")}
    hrefs = {attrs["href"] for attrs in page.all("a")}
    assert fors | {href[1:] for href in hrefs if href.startswith("#")} <= set(ids)


def test_page_asks_for_no_outside_address(html):
    page = Page(html)
    for tag, attrs in page.elements:
        for key, value in attrs.items():
            if key in {"src", "srcset", "poster", "data"}:
                assert re.match(r"data:(image/jpeg|video/mp4);base64,", value)
            if key in {"href", "xlink:href", "action"}:
                # Evidence lies beside the report.
                assert value.startswith(("#", "evidence/"))
            assert "http://" not in (value or "") and "https://" not in (value or "")
        assert tag not in {"link", "iframe", "object", "embed", "base", "form"}
    assert "url(" not in html
    assert "@import" not in html


def test_policy_lets_only_this_script_run(html):
    policy = next(
        attrs["content"]
        for attrs in Page(html).all("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert "default-src 'none'; img-src data:; media-src data:; style-src" in policy
    assert f"script-src 'sha256-{digest}'" in policy


def test_both_languages_are_there(html):
    languages = Counter(attrs.get("lang") for attrs in Page(html).all("span") if "lang" in attrs)
    assert languages["zh"] == languages["en"] > 40


@pytest.mark.parametrize(
    "words",
    [
        "金龙路东门",
        "44011500081320000001",
        "朝北 north",
        "2026-11-22 07:58:25 至 2026-11-22 08:15:05",
        "2026-11-22 07:58:25 to 2026-11-22 08:15:05",
        "street.mp4 · 视频文件video file",
        "Frames looked at321",
        "仅关键帧",
        "疑似超载（高尖装载）",
        "Suspected overload (heaped load)",
        "疑似机动车乱停放",
        "粤A12345",
        "须人工核对",
        "人行道（城市管理）",
        "stall",
        "6 min 40 s",
        "2026-11-22 08:05:05",  # when the time was up
        "摄像机故障",
        "Picture black",
        "1 min 2 s",
        "still going on",
        "it does not answer",
        "2026-11-22 08:00",
        "odd",
        "ab" * 32,
    ],
)
def test_page_says(full, words):
    assert words in Page(full).text


def test_where_a_recording_lies_is_not_told(full):
    assert "/data/recordings" not in full


def test_everything_is_suspected_and_nothing_is_weighed(full):
    text = Page(full).text
    assert text.count("疑似") > 12
    assert not re.search(r"\b\d+(\.\d+)? ?(t|kg|吨|公斤)\b", text)
    assert "Nothing is said about weights" in text


def test_every_finding_is_in_view_timeline_list_and_cards(full):
    page = Page(full)
    anchors = [f"#finding-{number}" for number in (1, 2, 3, 4)]
    assert [attrs["href"] for attrs in page.all("a", "pin")] == anchors
    assert sorted(attrs["href"] for attrs in page.all("a", "stretch")) == anchors
    assert [attrs["href"] for attrs in page.all("a", "number")][:4] == anchors
    assert [attrs["id"] for attrs in page.all("article")] == [a[1:] for a in anchors]


def test_bars_lie_where_their_time_is(full):
    style = Page(full).all("a", "stretch")[0]["style"]
    # From 100 s to 500 s of 1000 s, and the time was up after 300 of 400 s.
    assert style == "left:10.00%;width:40.00%"
    assert '<i style="width:75.0%"></i>' in full
    assert [attrs["style"] for attrs in Page(full).all("span", "fault")] == [
        "left:60.00%;width:6.20%",
        "left:98.00%;width:2.00%",
    ]


def test_bars_at_the_same_time_do_not_hide_each_other(tmp_path):
    times = ((0, 100), (50, 200), (120, 300), (210, 300))
    found = [
        finding(0, id=f"f{number}", first_seen=at(first), last_seen=at(last))
        for number, (first, last) in enumerate(times)
    ]
    html = render_camera_report(report(tmp_path, found, faults=()))
    lanes = html[html.index('id="timeline"') : html.index('id="findings"')].split('class="lane"')
    assert [re.findall(r"#finding-(\d)", lane) for lane in lanes[1:]] == [["1", "3"], ["2", "4"]]
    assert ["pavement" in lane for lane in lanes[1:]] == [True, False]


def test_zones_are_drawn_where_they_are(full):
    # 0.2 to 0.8 of 640, 0.2 to 0.95 of 360.
    assert full.count('d="M128,72L512,72L512,342L128,342Z"') == 2 * 3


def test_passages_are_counted_by_hour_with_a_sum(full):
    table = Page(full[full.index('id="gates"') : full.index('id="faults"')]).text
    assert re.search(r"08:00 ?3 ?4 ?0.*07:00 ?1 ?0 ?2", table)
    assert "Total442" in table


def pictures_of(html):
    for attrs in Page(html).all("img"):
        content = base64.b64decode(attrs["src"].split(",", 1)[1])
        yield attrs, cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


def test_pictures_are_the_masked_ones(full):
    shown = list(pictures_of(full))
    assert len(shown) == 4
    for attrs, picture in shown:
        assert (int(attrs["width"]), int(attrs["height"])) == picture.shape[1::-1]
    # The snapshot: the person's stripes are gone at the head and there at the feet.
    view = shown[0][1]
    assert view[80:120, 36:92].std(axis=1).mean() < 6 < 15 < view[260:320, 36:92].std(axis=1).mean()


def test_privacy_masks_are_in_the_snapshot(tmp_path):
    outline = [[0.3, 0.3], [0.6, 0.3], [0.6, 0.5], [0.3, 0.5]]
    html = render_camera_report(report(tmp_path, camera=camera(privacy_masks=[outline])))
    _, view = next(pictures_of(html))
    assert view[115:175, 200:375].max() < 14


def test_small_clips_are_inside_and_large_ones_are_linked(tmp_path):
    evidence = sealed(tmp_path, 0, film=True)
    html = render_camera_report(report(tmp_path, [finding(0, evidence=evidence)]))
    video = Page(html).all("video")
    assert (
        base64.b64decode(video[0]["src"].split(",")[1])
        == (tmp_path / "evidence/f0/sealed/clip.mp4").read_bytes()
    )
    assert video[0]["preload"] == "none"
    assert "autoplay" not in video[0]
    path = tmp_path / "evidence/f0/sealed/clip.mp4"
    path.write_bytes(bytes(MOST_CLIP_BYTES + 1))
    html = render_camera_report(report(tmp_path, [finding(0, evidence=evidence)]))
    assert Page(html).all("video") == []
    assert "evidence/f0/sealed/clip.mp4" in {attrs["href"] for attrs in Page(html).all("a")}


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/passwd", "link.jpg", "missing.jpg"])
def test_evidence_outside_the_folder_is_not_read(tmp_path, path):
    folder = tmp_path / "results"
    folder.mkdir()
    picture = cv2.imencode(".jpg", np.full((40, 60, 3), 200, np.uint8))[1].tobytes()
    (tmp_path / "secret.jpg").write_bytes(picture)
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    entry = Evidence(
        role="scene_start",
        media_type="image/jpeg",
        path=path,
        sha256=hashlib.sha256(picture).hexdigest(),
        size_bytes=len(picture),
    )
    clip_entry = entry.model_copy(update={"role": "clip"})
    html = render_camera_report(
        report(folder, [finding(0, evidence=(entry, clip_entry))], snapshot=None)
    )
    page = Page(html)
    assert page.all("img") == page.all("video") == []
    assert "There are no pictures to show" in page.text
    assert {attrs["href"][0] for attrs in page.all("a")} == {"#"}


def test_what_was_changed_is_not_shown(tmp_path):
    evidence = sealed(tmp_path, 0, film=True)
    (tmp_path / "evidence/f0/sealed/clip.mp4").write_bytes(b"another film")
    path = tmp_path / "evidence/f0/scene_start.jpg"
    path.write_bytes((tmp_path / "evidence/f0/scene_end.jpg").read_bytes())
    html = render_camera_report(report(tmp_path, [finding(0, evidence=evidence)]))
    assert len(Page(html).all("img")) == 3
    assert Page(html).all("video") == []


def test_of_many_findings_only_the_latest_are_shown_in_full(tmp_path):
    many = [finding(number) for number in range(MOST_CARDS + 5)]
    html = render_camera_report(report(tmp_path, many))
    page = Page(html)
    assert page.problems == []
    assert len(page.all("article")) == MOST_CARDS
    assert page.all("article")[0]["id"] == "finding-6"
    assert html[html.index("<tbody>") : html.index("</tbody>")].count("<tr") == len(many)
    assert f"The latest {MOST_CARDS} are shown in full; all {len(many)}" in page.text


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (4.26, "4.3 s"),
        (59.4, "59 s"),
        (59.7, "1 min 0 s"),
        (60, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (90_061, "25 h 1 min"),
    ],
)
def test_durations(seconds, expected):
    assert f">{expected}<" in duration(seconds)


HOSTILE = (
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</style></title></script><iframe src=//evil.example>",
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
)


def hostile(tmp_path, evil):
    found = finding(
        0,
        id=evil,
        measures={evil: Measure(value=1.0, unit=evil)},
        attributes={evil: evil, "plate_text": evil, "form": evil, "state": evil},
        rule=RuleRef(name=evil, version=evil, thresholds={evil: evil}),
        evidence=(Evidence(role=evil, media_type="x", path=evil, sha256="0" * 64, size_bytes=1),),
        source=CameraSource(camera_id=CAMERA.id, zone=evil),
    )
    zones = [{"name": evil, "kind": "no_parking", "polygon": [[0, 0], [1, 0], [1, 1]],
              "jurisdiction": evil}]  # fmt: skip
    return report(
        tmp_path,
        [found],
        camera=camera(name=evil, direction=evil, zones=zones),
        source=evil,
        figures={evil: evil, "decoding": evil},
        faults=(FaultSpan(evil, at(0), 1.0, evil),),
        gates={evil: {"2026-11-22T08:00:00+08:00": {"in": 1}}},
        models=(ModelRef(name=evil, version=evil, sha256="0" * 64),),
        versions={evil: evil, "cityeye": evil},
    )


@pytest.mark.parametrize("evil", HOSTILE)
def test_text_from_files_stays_text(tmp_path, evil):
    page = Page(render_camera_report(hostile(tmp_path, evil)))
    harmless = Page(render_camera_report(hostile(tmp_path, "harmless")))
    assert page.problems == []
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in harmless.elements]
    assert [set(attrs) for _, attrs in page.elements] == [
        set(attrs) for _, attrs in harmless.elements
    ]
    assert page.text.count(evil) > 20


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (camera_texts.ZONE_KINDS, set(ZoneKind)),
        (camera_texts.FAULTS, set(FaultKind)),
        (camera_texts.SOURCE_KINDS, set(get_args(SourceKind))),
        (camera_texts.CAMERA_KINDS, set(KINDS)),
    ],
)
def test_every_name_of_the_camera_has_words(table, names):
    assert names <= set(table)
    assert set(KINDS) <= set(FindingKind)


def test_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.html"
    write_camera_report(path, report(tmp_path))
    assert path.read_text("utf-8").startswith("<!doctype html>")
    with pytest.raises(OutputError, match="could not be written"):
        write_camera_report(tmp_path / "missing/report.html", report(tmp_path))
