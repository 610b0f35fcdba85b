"""The command line, run as a person or a machine runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.make_scenes import BLUE_ROOF, village, write_pair

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "datasets" / "samples" / "survey"
SIDE_PX = 160


@pytest.fixture(scope="module")
def surveys(tmp_path_factory):
    before, after = village(side_px=SIDE_PX), village(side_px=SIDE_PX)
    after.block((12, 12, 18, 17), 3.0, BLUE_ROOF)
    return write_pair(tmp_path_factory.mktemp("surveys"), before, after)


def command(*arguments):
    return [sys.executable, "-m", "serve.cli", *(str(a) for a in arguments)]


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CITYEYE_")}
    return kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "100"} | more


def run(*arguments, cwd=ROOT, **env):
    return subprocess.run(  # noqa: S603 - our own program
        command(*arguments), capture_output=True, text=True, cwd=cwd, env=environment(**env),
        timeout=300, check=False, encoding="utf-8",
    )  # fmt: skip


def one_line_error(done, code):
    """The only line on stderr; fails where there is a trace, or another exit code."""
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("cityeye: ")
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--help"], ["cityeye", "compare", "--version"]),
        (
            ["compare", "--help"],
            ["BEFORE", "AFTER", "--out", "--before-dsm", "--after-dsm", "--area", "--permits",
             "--min-area-m2", "--min-height-m", "--force", "--json", "Exit codes", "Example"],
        ),
    ],
)  # fmt: skip
def test_help_names_everything(arguments, words):
    done = run(*arguments)
    assert done.returncode == 0
    assert not [word for word in words if word.lower() not in done.stdout.lower()]


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--version"], {"numpy", "pydantic", "rich", "sqlalchemy"}),
        (["--help"], {"numpy", "pydantic", "rich", "sqlalchemy"}),
        (["watch", "--help"], {"numpy", "cv2", "sqlalchemy"}),
        (["user", "list"], {"numpy", "fastapi", "dbos", "rasterio"}),
        (["token", "list"], {"numpy", "fastapi", "dbos", "rasterio"}),
        (["models", "list"], {"cv2", "rasterio", "scipy", "fastapi", "dbos", "sqlalchemy"}),
    ],
)
def test_a_command_loads_only_what_it_runs(tmp_path, arguments, unneeded):
    script = (
        "import sys; from serve.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", script, *arguments],
        env=environment(CITYEYE_DATA_DIR=str(tmp_path), CITYEYE_ENVIRONMENT="development"),
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    loaded = set(done.stderr.split())
    assert "serve.cli" in loaded
    assert not loaded & unneeded


def test_version():
    done = run("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"cityeye \d+\.\d+\.\S+\n", done.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ["compare", "a.tif", "b.tif"],
        ["compare", "a.tif", "b.tif", "--out", "o", "--min-area-m2", "-1"],
        ["compare", "a.tif", "b.tif", "--out", "o", "--permit-date", "tomorrow"],
    ],
)
def test_wrong_usage_is_2(arguments, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Usage:" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("option", "value"), [("--min-area-m2", "inf"), ("--gsd-m", "nan")])
def test_numbers_that_are_none_are_no_crash(surveys, tmp_path, option, value):
    done = run("compare", surveys.before, surveys.after, "--out", tmp_path / "out", option, value)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert option in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "cues"), [([], ["colour", "learned"]), (["--no-learned"], ["colour"])]
)
def test_the_learned_model_takes_part_unless_told_not_to(surveys, tmp_path, option, cues):
    done = run("compare", surveys.before, surveys.after, "--out", tmp_path / "out", *option)
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert document["cues"] == cues
    models = {f["model"]["name"] for f in document["findings"] if "structure" in f["kind"]
              and f["model"]}  # fmt: skip
    assert models == ({"change"} if "learned" in cues else set())


def test_a_folder_of_models_that_cannot_be_used_is_3(surveys, tmp_path):
    own = tmp_path / "own" / "change"
    own.mkdir(parents=True)
    (own / "card.yaml").write_text("name: change", encoding="utf-8")
    done = run(
        "compare", surveys.before, surveys.after, "--out", tmp_path / "out",
        CITYEYE_MODELS_DIR=str(tmp_path / "own"),
    )  # fmt: skip
    assert "card.yaml" in one_line_error(done, 3)
    assert not (tmp_path / "out").exists()


def test_a_comparison_for_people(surveys, tmp_path):
    done = run(
        "compare", surveys.before, surveys.after, "--out", tmp_path / "out",
        "--before-dsm", surveys.before_dsm, "--after-dsm", surveys.after_dsm,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "new_structure" in done.stdout
    assert "report.html" in done.stdout
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "findings.geojson", "comparison.json", "change.tif", "report.html",
    }  # fmt: skip


def test_a_comparison_for_machines(surveys, tmp_path):
    done = run("compare", surveys.before, surveys.after, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result["findings"].get("new_structure") == 1
    assert all(Path(path).is_file() for path in result["files"].values())
    assert result["compared_area_m2"] == pytest.approx(1600, rel=0.02)
    written = json.loads((tmp_path / "out" / "findings.geojson").read_text())
    assert len(written["features"]) == sum(result["findings"].values())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["compare", "none.tif", "{after}"], "none.tif"),
        (["compare", "{before}", "{after}", "--before-dsm", "{before_dsm}"], "both DSMs"),
        (["compare", "{before}", "{after}", "--area", "{before}"], "GeoJSON"),
    ],
)
def test_bad_input_is_3_and_one_line(surveys, tmp_path, arguments, words):
    names = asdict(surveys)
    given = [str(a).format(**names) for a in arguments]
    assert words in one_line_error(run(*given, "--out", tmp_path / "out"), 3)
    assert list(tmp_path.iterdir()) == []


def test_a_limit_from_the_environment_holds(surveys, tmp_path):
    done = run(
        "compare", surveys.before, surveys.after, "--out", tmp_path / "out",
        CITYEYE_RASTER__MAX_PIXELS="1000",
    )  # fmt: skip
    assert "max_pixels 1,000" in one_line_error(done, 3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CITYEYE_RASTER__MAX_PIXELS", "many"),
        ("CITYEYE_RASTER__MAX_PIXEL", "5"),
        ("CITYEYE_RASTER", "many"),
    ],
)
def test_a_wrong_setting_is_3_and_named(surveys, tmp_path, name, value):
    done = run("compare", surveys.before, surveys.after, "--out", tmp_path / "out", **{name: value})
    assert name in one_line_error(done, 3)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_a_file_is_4(surveys, tmp_path):
    (tmp_path / "out").write_text("mine")
    done = run("compare", surveys.before, surveys.after, "--out", tmp_path / "out")
    assert "is a file" in one_line_error(done, 4)
    assert (tmp_path / "out").read_text() == "mine"


def test_an_output_that_cannot_be_written_is_4(surveys, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = run("compare", surveys.before, surveys.after, "--out", tmp_path / "file" / "out")
    one_line_error(done, 4)


def test_an_interrupt_leaves_nothing_behind(tmp_path):
    # Where the tests themselves run in the background, their children would ignore the signal.
    process = subprocess.Popen(  # noqa: S603 - our own program
        command("compare", SAMPLE / "before.tif", SAMPLE / "after.tif", "--out", tmp_path / "out"),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 180
        while not list(tmp_path.iterdir()):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert errors == "cityeye: interrupted; nothing was written\n"
    assert list(tmp_path.iterdir()) == []
