"""Why a finding may be rejected: a fixed list per kind, so that models can learn from it."""

from __future__ import annotations

from typing import NamedTuple

from vision.finding import FindingKind


class _Reason(NamedTuple):
    zh: str
    en: str
    of: str  # all, survey, built, earth, street, vehicle, truck


REASONS: dict[str, _Reason] = {
    "nothing_there": _Reason("误报，没有该事件", "nothing of the kind is there", "all"),
    "other_kind": _Reason("类别不符", "it is something else", "all"),
    "unclear": _Reason("证据不清，无法认定", "the evidence does not show it clearly", "all"),
    "permitted": _Reason("有许可或已备案", "it is permitted", "all"),
    "known": _Reason("已立案或重复", "it is a case already", "all"),
    "other": _Reason("其他（请说明）", "another reason, given in words", "all"),
    "shadow_or_light": _Reason("阴影或光照变化", "shadow or light", "survey"),
    "misaligned": _Reason("影像配准偏差", "the surveys do not lie on each other", "survey"),
    "vegetation": _Reason("植被生长或季节变化", "plants grew or the season changed", "survey"),
    "temporary_object": _Reason(
        "临时堆放、车辆等", "goods, vehicles, something temporary", "built"
    ),
    "roof_surface": _Reason("屋面翻新、颜色变化", "a roof was renewed, nothing was built", "built"),
    "farming": _Reason("农田耕作", "fields are worked", "earth"),
    "covered": _Reason("已覆盖防尘网或硬化", "it is covered or hardened", "earth"),
    "passing": _Reason("路过或短暂停留", "passing, or a short stop", "street"),
    "traffic": _Reason("交通拥堵排队", "a queue in traffic", "vehicle"),
    "on_duty": _Reason("公务、应急或作业车辆", "a vehicle on duty", "vehicle"),
    "outside_zone": _Reason("在区域或时段之外", "outside the zone or its hours", "street"),
    "other_load": _Reason(
        "非渣土车或装载无违规", "no muck truck, or its load is in order", "truck"
    ),
}

_GROUPS: dict[FindingKind, frozenset[str]] = {
    FindingKind.NEW_STRUCTURE: frozenset({"all", "survey", "built"}),
    FindingKind.REMOVED_STRUCTURE: frozenset({"all", "survey", "built"}),
    FindingKind.LAND_CLEARING: frozenset({"all", "survey", "earth"}),
    FindingKind.DUST_HOTSPOT: frozenset({"all", "survey", "earth"}),
    FindingKind.ILLEGAL_PARKING: frozenset({"all", "street", "vehicle"}),
    FindingKind.STREET_VENDING: frozenset({"all", "street"}),
    FindingKind.MUCK_TRUCK_OVERLOAD: frozenset({"all", "street", "truck"}),
    FindingKind.MUCK_TRUCK_UNCOVERED: frozenset({"all", "street", "truck"}),
}


def reasons_for(kind: FindingKind) -> list[str]:
    """Return the codes that a kind may be rejected with, in the order in which they are shown."""
    return [code for code, reason in REASONS.items() if reason.of in _GROUPS[kind]]
