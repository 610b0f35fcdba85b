"""What a finding is called, in both languages. Software only ever suspects."""

from __future__ import annotations

from vision.camera_texts import CAMERA_KINDS
from vision.finding import Finding, FindingKind
from vision.report_texts import ATTRIBUTE_VALUES, KINDS, Words

_SUSPECTED = Words("疑似", "Suspected ")


def kind_words(kind: str) -> Words:
    """Return what a kind is called: 疑似新增建筑物, Suspected new structure."""
    if kind in CAMERA_KINDS:
        return CAMERA_KINDS[kind]
    words = KINDS[FindingKind(kind)]
    return Words(_SUSPECTED.zh + words.zh, _SUSPECTED.en + words.en[0].lower() + words.en[1:])


def title_of(finding: Finding, *, kind: str, zone: str | None, area_m2: float | None) -> Words:
    """Return a finding's title: what it may be, how large or where.

    Args:
        finding: What was found.
        kind: The kind that counts, which a reviewer may have corrected.
        zone: Name of the camera's zone.
        area_m2: Area of the outline that counts.
    """
    words = kind_words(kind)
    zh, en = [words.zh], [words.en]
    form = finding.attributes.get("form")
    if kind == FindingKind.NEW_STRUCTURE and form in ATTRIBUTE_VALUES:
        zh.append(ATTRIBUTE_VALUES[form].zh)
        en.append(ATTRIBUTE_VALUES[form].en)
    if area_m2 is not None:
        zh.append(f"约 {area_m2:,.0f} m²")
        en.append(f"about {area_m2:,.0f} m²")
    plate = finding.attributes.get("plate_text")
    if plate:
        zh.append(plate)
        en.append(plate)
    if zone:
        zh.append(zone)
        en.append(zone)
    return Words(" · ".join(zh), " · ".join(en))
