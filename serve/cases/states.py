"""The states of a case, their order, and the words that case systems use for them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class CaseState(StrEnum):
    """Where a case stands: 采集 → 立案 → 派遣 → 处置 → 反馈 → 核查 → 结案."""

    DRAFTED = "drafted"
    DELIVERED = "delivered"
    FILED = "filed"
    DISPATCHED = "dispatched"
    HANDLING = "handling"
    REPORTED = "reported"
    VERIFIED = "verified"
    CLOSED = "closed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DEAD = "dead"


class _Words(NamedTuple):
    zh: str
    en: str


WORDS: dict[CaseState, _Words] = {
    CaseState.DRAFTED: _Words("待报送", "drafted"),
    CaseState.DELIVERED: _Words("已报送", "delivered"),
    CaseState.FILED: _Words("立案", "filed"),
    CaseState.DISPATCHED: _Words("派遣", "dispatched"),
    CaseState.HANDLING: _Words("处置", "being handled"),
    CaseState.REPORTED: _Words("反馈", "reported back"),
    CaseState.VERIFIED: _Words("核查", "verified"),
    CaseState.CLOSED: _Words("结案", "closed"),
    CaseState.REFUSED: _Words("不予立案", "refused"),
    CaseState.WITHDRAWN: _Words("已撤回", "withdrawn"),
    CaseState.DEAD: _Words("报送失败", "not deliverable"),
}

FLOW = (
    CaseState.FILED, CaseState.DISPATCHED, CaseState.HANDLING, CaseState.REPORTED,
    CaseState.VERIFIED, CaseState.CLOSED,
)  # fmt: skip
"""What the case system goes through, in order."""

ENDED = frozenset({CaseState.CLOSED, CaseState.REFUSED, CaseState.WITHDRAWN})

_RANK = {
    CaseState.DRAFTED: 0,
    CaseState.DEAD: 1,
    CaseState.DELIVERED: 2,
    **{state: 3 + number for number, state in enumerate(FLOW)},
    CaseState.REFUSED: 8,
    CaseState.WITHDRAWN: 9,
}

_OTHER_WORDS = {
    "received": CaseState.DELIVERED, "accepted": CaseState.FILED, "open": CaseState.FILED,
    "assigned": CaseState.DISPATCHED, "in_progress": CaseState.HANDLING,
    "resolved": CaseState.REPORTED, "done": CaseState.CLOSED, "rejected": CaseState.REFUSED,
    "作废": CaseState.REFUSED, "不立案": CaseState.REFUSED,
}  # fmt: skip

_SAID_BY_CASE_SYSTEMS = frozenset({CaseState.DELIVERED, *FLOW, CaseState.REFUSED})


def state_of(word: str, own_words: dict[str, CaseState]) -> CaseState | None:
    """Return the state that a case system's word stands for; none where it is not known.

    Args:
        word: As the case system wrote it.
        own_words: What the target's configuration adds.
    """
    if word in own_words:
        return own_words[word]
    plain = word.strip().lower()
    for state in _SAID_BY_CASE_SYSTEMS:
        if plain in (state.value, WORDS[state].zh):
            return state
    return _OTHER_WORDS.get(plain)


def moves_forward(before: str, after: CaseState) -> bool:
    """Tell whether a case may go from one state to another without it being said so."""
    return _RANK[after] > _RANK[CaseState(before)]
