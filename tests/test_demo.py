"""The demo runs and is right, and the documents say what is true."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    p
    for p in (*ROOT.glob("*.md"), *ROOT.glob("datasets/**/*.md"), *ROOT.glob("docs/**/*.md"))
    if ".venv" not in p.parts
)
KINDS = ("new_structure", "removed_structure", "land_clearing", "dust_hotspot")
ROW = re.compile(r"^ +(\w+) +(\d+) +(\d+) +(\d+) +(\d+)$", re.MULTILINE)
CAMERA_KINDS = (
    "illegal_parking",
    "street_vending",
    "muck_truck_overload",
    "muck_truck_uncovered",
)
TRUTH = {
    "new_structure": 7,
    "removed_structure": 2,
    "land_clearing": 1,
    "dust_hotspot": 3,
    "illegal_parking": 1,
    "street_vending": 1,
    "muck_truck_overload": 1,
    "muck_truck_uncovered": 0,
}

Rows = list[tuple[str, int, int, int, int]]


def rows_of(text: str) -> Rows:
    """Return the rows of all tables: kind, truth, found, missed, false."""
    return [(kind, *map(int, numbers)) for kind, *numbers in ROW.findall(text)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "results"
    done = subprocess.run(  # noqa: S603 - a script of ours
        [sys.executable, str(ROOT / "scripts" / "demo.py"), "--out", str(out)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=900,
        cwd=out.parent,
    )
    return done, out


def test_the_demo_ends_well_and_writes_its_report(demo):
    done, out = demo
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    told = re.findall(r"^Report, to open in a browser: (.+)$", done.stdout, re.MULTILINE)
    for report, part in zip(told, ("survey", "camera"), strict=True):
        assert (out.parent / report).samefile(out / part / "report.html")
    collection = json.loads((out / "survey" / "findings.geojson").read_text(encoding="utf-8"))
    assert {f["properties"]["kind"] for f in collection["features"]} <= set(KINDS)


def test_the_counts_add_up(demo):
    rows = rows_of(demo[0].stdout)
    assert [row[0] for row in rows] == [*KINDS, *KINDS, *CAMERA_KINDS]
    for kind, truth, found, missed, _ in rows:
        assert truth == TRUTH[kind]
        assert found + missed == truth
    words = demo[0].stdout
    assert words.count("    missed  ") == sum(row[3] for row in rows)
    more = sum(int(n) for n in re.findall(r"^ +and (\d+) more ", words, re.MULTILINE))
    assert words.count("    false   ") + more == sum(row[4] for row in rows)


def test_with_heights_every_structure_is_found_and_hardly_any_is_made_up(demo):
    heights = {row[0]: row for row in rows_of(demo[0].stdout)[:4]}
    assert heights["new_structure"][2] == 7
    assert heights["removed_structure"][2] == 2
    assert heights["land_clearing"][2] == 1
    assert heights["dust_hotspot"][2] == 3
    assert heights["new_structure"][4] + heights["removed_structure"][4] <= 2


def test_by_colour_alone_the_learned_cue_finds_them_and_makes_few_up(demo):
    colour = {row[0]: row for row in rows_of(demo[0].stdout)[4:8]}
    assert colour["new_structure"][2] >= 6
    # Without the learned cue there were 17.
    assert colour["new_structure"][4] <= 4


def test_in_the_clip_everything_is_found_and_nothing_made_up(demo):
    found = {row[0]: row[2:] for row in rows_of(demo[0].stdout)[8:]}
    assert found == {
        "illegal_parking": (1, 0, 0),
        "street_vending": (1, 0, 0),
        "muck_truck_overload": (1, 0, 0),
        "muck_truck_uncovered": (0, 0, 0),
    }


def test_every_confirmed_finding_becomes_one_case_and_comes_to_its_end(demo):
    words = demo[0].stdout
    decided, confirmed, permitted, rejected, left = map(
        int,
        re.search(
            r"reviewer: (\d+) decided in .*: (\d+) confirmed, (\d+) permitted, (\d+) rejected; "
            r"(\d+) are left for you",
            words,
        ).groups(),
    )
    assert decided == confirmed + permitted + rejected
    found = sum(
        int(count)
        for line in re.findall(r"^service: .*: (.*)$", words, re.MULTILINE)
        for count in re.findall(r"(\d+) \w+", line)
    )
    assert decided + left == found
    assert permitted == 1
    # All that is true in both samples, but for what a permit covers and what was left.
    true = sum(TRUTH.values()) - permitted
    assert true - left <= confirmed <= true
    filed, of, closed = map(
        int,
        re.search(
            r"case system: (\d+) cases filed for (\d+) confirmed findings; now (\d+) 结案 closed$",
            words,
            re.MULTILINE,
        ).groups(),
    )
    assert filed == of == closed == confirmed
    assert re.search(r"ledger: \d+ entries, the chain holds", words)


def test_the_readme_shows_what_the_demo_prints(demo):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = rows_of(readme)
    assert shown == rows_of(demo[0].stdout), "paste what `make demo` prints into README.md again"


def test_the_demo_names_what_cannot_be_written(tmp_path):
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - a script of ours
        [sys.executable, str(ROOT / "scripts" / "demo.py"), "--out", str(taken)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=500,
    )
    assert done.returncode == 4
    assert "taken" in done.stderr
    assert "Traceback" not in done.stderr
    assert taken.read_text(encoding="utf-8") == "a file"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, part = target.partition("#")
        place = document.parent / path if path else document
        assert place.exists(), f"{document.name} links to {target}"
        if part:
            headings = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert part in anchors, f"{document.name} links to {target}"


def commands() -> list[tuple[str, str]]:
    """Every command line of the documents' shell blocks, and every script named in their text."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
            begun = ""
            for line in block.replace("\\\n", " ").splitlines():
                begun += ("\n" if begun else "") + (line if begun else line.split("#")[0].strip())
                # A quotation may go on over several lines.
                if begun.count("'") % 2 == 0 and begun.strip():
                    found.append((document.name, begun))
                    begun = ""
        found += [(document.name, f"make {t}") for t in re.findall(r"`make ([a-z]+)`", text)]
        found += [(document.name, s) for s in re.findall(r"`((?:scripts|vision)/[^`]+)`", text)]
    return sorted(set(found))


@pytest.mark.parametrize(("document", "command"), commands())
def test_commands_name_things_that_exist(document, command):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    words = shlex.split(command)
    if words[0] == "make":
        assert set(words[1:]) <= targets
    for word in words:
        if word.startswith(("scripts/", "vision/", "datasets/")):
            assert (ROOT / word).exists(), f"{document}: {command}"
    flags = {w for w in words if w.startswith("--")}
    script = next((w for w in words if w.startswith("scripts/")), None)
    if script is not None and flags:
        source = (ROOT / script).read_text(encoding="utf-8")
        assert all(f'"{flag}"' in source for flag in flags), f"{document}: {command}"
        if "--parts" in words:
            part = words[words.index("--parts") + 1]
            assert f'"{part}"' in source, f"{document}: {command}"


def test_options_in_the_readme_are_options_of_the_program():
    table = (ROOT / "README.md").read_text(encoding="utf-8").split("## Compare your own surveys")[1]
    named = set(re.findall(r"`(--[a-z0-9-]+)", table.split("From Python")[0]))
    done = subprocess.run(
        [sys.executable, "-m", "serve.cli", "compare", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"COLUMNS": "200", "PATH": "", "PYTHONPATH": str(ROOT), "TERM": "dumb"},
    )
    offered = set(re.findall(r"--[a-z0-9][a-z0-9-]+", done.stdout))
    assert len(named) >= 10
    assert named <= offered


def test_the_limits_in_the_security_page_are_the_settings():
    from serve.settings import Settings

    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`CITYEYE_RASTER__([A-Z_]+)` \| ([\d,]+)", text)
    limits = Settings.model_fields["raster"].get_default(call_default_factory=True)
    assert {n.lower(): int(v.replace(",", "")) for n, v in named} == limits.model_dump()


def test_the_readme_picture_is_there_and_small():
    path = ROOT / "docs" / "images" / "survey-demo.jpg"
    assert path.stat().st_size < 400_000
    picture = cv2.imread(str(path))
    assert picture is not None
    assert 1400 <= picture.shape[1] <= 1800
