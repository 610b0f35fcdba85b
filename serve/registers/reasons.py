"""The reasons that registers and history give, in both languages, with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class _Kind(NamedTuple):
    weight: float
    zh: str
    en: str


KINDS: dict[str, _Kind] = {
    "no_permit": _Kind(0.25, "未查到建设许可", "no building permit is known here"),
    "beyond_permit": _Kind(
        0.15, "超出许可 {permit} 范围（{share} 在内）",
        "reaches beyond permit {permit} ({share} of it inside)",
    ),
    "higher_than_permit": _Kind(
        0.15, "高度 {height} m 超出许可 {permit}（{allowed} m）",
        "{height} m high, permit {permit} allows {allowed} m",
    ),
    "permit_over": _Kind(
        0.2, "许可 {permit} 已过期（覆盖 {share}）", "permit {permit} has expired ({share} covered)"
    ),
    "permit_not_yet": _Kind(
        0.2, "许可 {permit} 尚未生效（覆盖 {share}）",
        "permit {permit} is not valid yet ({share} covered)",
    ),
    "permitted": _Kind(
        -0.5, "许可 {permit} 覆盖 {share}", "permit {permit} covers {share} of it"
    ),
    "on_site": _Kind(-0.15, "位于工地 {name}", "on construction site {name}"),
    "on_site_dust": _Kind(
        0.1, "位于工地 {name}，裸土应覆盖", "on site {name}, where soil must be covered"
    ),
    "off_site": _Kind(0.15, "不在已登记工地内", "on no registered construction site"),
    "supervised_object": _Kind(0.1, "涉及监管对象 {name}", "at supervised object {name}"),
    "vending_place": _Kind(
        -0.35, "位于允许摆卖点 {name} 时段内", "at licensed place {name}, within its hours"
    ),
    "vending_hours": _Kind(
        0.1, "允许摆卖点 {name} 的时段（{hours}）之外",
        "outside the hours of licensed place {name} ({hours})",
    ),
    "no_vending_place": _Kind(0.15, "附近没有允许摆卖点", "no licensed vending place nearby"),
    "truck_listed": _Kind(
        0.0, "核准渣土车 {plate}（{haulier}）", "permitted muck truck {plate} ({haulier})"
    ),
    "truck_not_listed": _Kind(
        0.25, "车牌 {plate} 不在核准名单", "plate {plate} is not on the permitted list"
    ),
    "truck_permit_over": _Kind(
        0.2, "渣土车 {plate} 核准不在有效期", "the permit of muck truck {plate} is not valid"
    ),
    "plate_not_read": _Kind(0.05, "车牌未能识别", "the plate could not be read"),
    "seen_again": _Kind(0.05, "已 {count} 次发现", "flagged {count} times"),
    "removed_since": _Kind(
        -0.3, "最近一次测量显示已拆除", "the newest survey shows that it was removed"
    ),
}  # fmt: skip
"""By code. A weight above 0 makes a finding more urgent, one below 0 less."""


@dataclass(frozen=True)
class Reason:
    """A reason that a finding is given."""

    code: str
    zh: str
    en: str
    weight: float

    def as_json(self) -> dict[str, object]:
        """Return it as it is stored and answered."""
        return {"code": self.code, "zh": self.zh, "en": self.en, "weight": self.weight}


def reason(code: str, **words: str) -> Reason:
    """Return a reason with its words filled in."""
    kind = KINDS[code]
    return Reason(code, kind.zh.format(**words), kind.en.format(**words), kind.weight)
