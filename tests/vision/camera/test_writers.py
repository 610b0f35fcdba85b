"""Lines are written once, whole, and survive what kills a process."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from vision.camera.sources import FaultKind
from vision.camera.writers import WatchFolder, only_writer
from vision.camera_texts import FAULT_ADVICE
from vision.errors import InputError, OutputError
from vision.finding import CameraSource, Finding, FindingKind, RuleRef, stable_id


def finding(name="a", state="ongoing"):
    return Finding(
        id=stable_id(name),
        kind=FindingKind.ILLEGAL_PARKING,
        score=0.9,
        first_seen=datetime(2026, 11, 22, tzinfo=UTC),
        attributes={"state": state},
        rule=RuleRef(name="illegal_parking", version="1"),
        source=CameraSource(camera_id="c", zone="z"),
    )


def lines(folder, name="findings.jsonl"):
    return (folder / name).read_text(encoding="utf-8").splitlines()


def test_a_finding_has_a_line_when_it_fires_and_one_when_it_ends(tmp_path):
    folder = WatchFolder(tmp_path / "out")
    for each in (finding(), finding(), finding(state="ended"), finding(), finding("b")):
        folder.append(each)
    states = [json.loads(line)["attributes"]["state"] for line in lines(tmp_path / "out")]
    assert states == ["ongoing", "ended", "ongoing"]
    assert [each.attributes["state"] for each in folder.findings] == ["ended", "ongoing"]


def test_a_second_run_adds_nothing_it_has_written_before(tmp_path):
    WatchFolder(tmp_path).append(finding(state="ended"))
    again = WatchFolder(tmp_path)
    again.append(finding())
    again.append(finding(state="ended"))
    again.append(finding("b"))
    assert len(lines(tmp_path)) == 2


@pytest.mark.parametrize("half", ['{"id": "', "{", '{"kind":"illegal_parking","score":0.9'])
def test_half_a_line_is_taken_off(tmp_path, half):
    WatchFolder(tmp_path).append(finding())
    with (tmp_path / "findings.jsonl").open("a") as file:
        file.write(half)
    folder = WatchFolder(tmp_path)
    assert folder.findings == (finding(),)
    folder.append(finding("b"))
    assert [json.loads(line)["id"] for line in lines(tmp_path)] == [stable_id("a"), stable_id("b")]


def test_a_strange_line_is_named_and_left_alone(tmp_path):
    path = tmp_path / "findings.jsonl"
    path.write_text(finding().model_dump_json() + '\n{"no": "finding"}\n')
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"findings\.jsonl: line 2 is no finding"):
        WatchFolder(tmp_path)
    assert path.read_bytes() == before


def test_state_is_replaced_as_a_whole(tmp_path):
    folder = WatchFolder(tmp_path)
    assert folder.load_state() is None
    folder.save_state({"version": 1, "wide": "城"})
    folder.save_state({"version": 2})
    assert WatchFolder(tmp_path).load_state() == {"version": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00\x01"])
def test_a_state_that_cannot_be_read_is_none(tmp_path, content):
    (tmp_path / "state.json").write_text(content)
    assert WatchFolder(tmp_path).load_state() is None


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"taken: cannot be written"):
        WatchFolder(tmp_path / "taken")


def test_events_are_lines_too(tmp_path):
    folder = WatchFolder(tmp_path)
    folder.log({"event": "fault", "kind": "offline", "message": "摄像机"})
    folder.log({"event": "recovered"})
    assert [json.loads(line)["event"] for line in lines(tmp_path, "events.jsonl")] == [
        "fault",
        "recovered",
    ]


def test_a_folder_has_one_writer(tmp_path):
    with only_writer(tmp_path / "out"):
        with (
            pytest.raises(OutputError, match="another watch writes to this folder"),
            only_writer(tmp_path / "out"),
        ):
            raise AssertionError("two at a time")
        with only_writer(tmp_path / "other"):
            assert (tmp_path / "other").is_dir()
    with only_writer(tmp_path / "out"):
        assert (tmp_path / "out").is_dir()


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_fault_has_words_in_both_languages(kind):
    words = FAULT_ADVICE[kind.value]
    assert words.zh
    assert words.en
    assert not words.zh.isascii()
    assert words.en.isascii()
