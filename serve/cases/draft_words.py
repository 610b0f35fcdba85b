"""Title and text of a draft, in both languages, naming rule, zone, threshold and measurement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from serve.cases.event_table import Bilingual, EventClass
from vision.camera_texts import (
    CAMERA_ATTRIBUTES,
    CAMERA_KINDS,
    CAMERA_MEASURES,
    CAMERA_ROLES,
    CAMERA_RULES,
    CAMERA_THRESHOLDS,
    CAMERA_VALUES,
)  # fmt: skip
from vision.finding import Finding, FindingKind, Measure
from vision.report_texts import (
    ATTRIBUTE_VALUES,
    ATTRIBUTES,
    KINDS,
    MEASURES,
    ROLES,
    THRESHOLDS,
    Words,
)  # fmt: skip

LONGEST_TITLE = 300
LONGEST_TEXT = 4000

CHANNELS = {
    "video": Bilingual(zh="视频监控", en="Video surveillance"),
    "drone_survey": Bilingual(zh="无人机航测", en="Drone survey"),
}
CLOCKS = {
    "video": Bilingual(zh="摄像机视频流时钟", en="clock of the camera's stream"),
    "drone_survey": Bilingual(
        zh="航测成果登记的飞行时间", en="flight time stated with the later survey"
    ),
}

_KINDS: dict[str, Words] = {kind.value: word for kind, word in KINDS.items()}
_UNITS = {"m2": "m²", "1": "", "s": "s", "m": "m"}


def role_name(role: str) -> Bilingual:
    """Return what a piece of evidence shows."""
    words = ROLES.get(role) or CAMERA_ROLES.get(role)
    return Bilingual(zh=words.zh, en=words.en) if words else Bilingual(zh=role, en=role)


def titles(kind: FindingKind, event: EventClass, place: Bilingual) -> Bilingual:
    """Return the title: suspected, what, where."""
    words = _kind(kind)
    zh = f"疑似{words.zh.removeprefix('疑似')}：{place.zh}（{event.name.zh}）"
    en = f"Suspected {_lower(words.en)}: {place.en} ({event.name.en})"
    return Bilingual(zh=zh[:LONGEST_TITLE], en=en[:LONGEST_TITLE])


def texts(
    finding: Finding,
    kind: FindingKind,
    *,
    place: Bilingual,
    zone: str | None,
    seen: tuple[datetime | None, datetime | None],
    channel: str,
    reviewer: str,
) -> Bilingual:
    """Return the text.

    Args:
        finding: As it was found.
        kind: As the reviewer left it.
        place: Address text.
        zone: The camera's zone.
        seen: First and last, on the city's clock.
        channel: Of `CHANNELS`.
        reviewer: Who confirmed.
    """
    rule = _look_up(finding.rule.name, CAMERA_RULES, _KINDS) or _kind(kind)
    first, last = (_time(at) for at in seen)
    model = finding.model
    by_model = f"{model.name} {model.version}" if model else None
    zh = [
        f"疑似{_kind(kind).zh.removeprefix('疑似')}，地点：{place.zh}。",
        f"规则“{rule.zh}”（版本 {finding.rule.version}）"
        + (f"在区域“{zone}”触发；" if zone else "触发；")
        + f"阈值：{_thresholds(finding, 0) or '无'}；"
        f"测得：{_measures(finding.measures, 0) or '无'}。",
    ]
    en = [
        f"Suspected {_lower(_kind(kind).en)} at {place.en}.",
        f"Rule “{rule.en}” (version {finding.rule.version}) fired"
        + (f" in zone “{zone}”" if zone else "")
        + f"; thresholds: {_thresholds(finding, 1) or 'none'}; "
        f"measured: {_measures(finding.measures, 1) or 'nothing'}.",
    ]
    named = [_attributes(finding.attributes, language) for language in (0, 1)]
    if named[0]:
        zh.append(f"特征：{named[0]}。")
        en.append(f"Marks: {named[1]}.")
    if first:
        zh.append(f"首次发现 {first}，最近发现 {last or first}（{CLOCKS[channel].zh}）。")
        en.append(f"First seen {first}, last seen {last or first} ({CLOCKS[channel].en}).")
    zh.append(f"得分 {finding.score:.2f}" + (f"，模型 {by_model}。" if by_model else "。"))
    en.append(f"Score {finding.score:.2f}" + (f", model {by_model}." if by_model else "."))
    zh.append(f"经 {reviewer} 复核。本线索为疑似，须经核查后认定。")
    en.append(f"Reviewed by {reviewer}. A lead only: suspected until checked and decided.")
    return Bilingual(zh="".join(zh)[:LONGEST_TEXT], en=" ".join(en)[:LONGEST_TEXT])


def _kind(kind: FindingKind) -> Words:
    return CAMERA_KINDS.get(kind.value) or KINDS[kind]


def _lower(text: str) -> str:
    text = text.removeprefix("Suspected ")
    return text[:1].lower() + text[1:]


def _look_up(name: str, *tables: Mapping[str, Words]) -> Words | None:
    return next((table[name] for table in tables if name in table), None)


def _word(name: str, language: int, *tables: Mapping[str, Words]) -> str:
    found = _look_up(name, *tables)
    return found[language] if found else name


def _unit_of(name: str) -> str:
    for ending, unit in (("_m2", "m²"), ("_s", "s"), ("_m", "m")):
        if name.endswith(ending):
            return unit
    return ""


def _number(value: float, unit: str) -> str:
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".rstrip()


def _thresholds(finding: Finding, language: int) -> str:
    parts = []
    for name, value in finding.rule.thresholds.items():
        said = _number(value, _unit_of(name)) if isinstance(value, float) else str(value)
        parts.append(f"{_word(name, language, CAMERA_THRESHOLDS, THRESHOLDS)} {said}")
    return _join(parts, language)


def _measures(measures: Mapping[str, Measure], language: int) -> str:
    parts = [
        f"{_word(name, language, CAMERA_MEASURES, MEASURES)} "
        + _number(measure.value, _UNITS.get(measure.unit, measure.unit))
        for name, measure in measures.items()
    ]
    return _join(parts, language)


def _attributes(attributes: Mapping[str, str], language: int) -> str:
    parts = [
        f"{_word(name, language, CAMERA_ATTRIBUTES, ATTRIBUTES)} "
        + _word(value, language, CAMERA_VALUES, ATTRIBUTE_VALUES)
        for name, value in attributes.items()
        if name != "state"
    ]
    return _join(parts, language)


def _join(parts: list[str], language: int) -> str:
    return ("、" if language == 0 else ", ").join(parts)


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.strftime("%Y-%m-%d %H:%M:%S %z")
