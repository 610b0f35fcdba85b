"""The ways in which case systems fail."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """One way to fail. ``…_taken`` files the case first; without it nothing is filed."""

    DOWN = "down"  # the connection ends without an answer
    SLOW = "slow"  # answers late, and truly
    TOO_MANY = "too_many"  # 429 with Retry-After
    ERROR = "error"  # 500
    ERROR_TAKEN = "error_taken"
    NO_ID = "no_id"  # 200, and no id
    NO_ID_TAKEN = "no_id_taken"
    WRONG_ID = "wrong_id"  # 200, and the id of another case
    WRONG_ID_TAKEN = "wrong_id_taken"
    DUPLICATE = "duplicate"  # says so of a case that is none of the caller's
    HANG_TAKEN = "hang_taken"  # never answers
    MALFORMED = "malformed"  # 200, and half a JSON
    MALFORMED_TAKEN = "malformed_taken"
    REDIRECT = "redirect"
    FORBIDDEN = "forbidden"
    TOKEN = "token"  # noqa: S105 (Open311: a token that yields the id after a while)
    TOKEN_NEVER = "token_never"  # noqa: S105 (Open311: one that never does)
    CALLBACKS_DOUBLED = "callbacks_doubled"
    CALLBACKS_SHUFFLED = "callbacks_shuffled"
    CALLBACKS_LOST = "callbacks_lost"


EVERYWHERE = frozenset({Mode.DOWN, Mode.SLOW, Mode.TOO_MANY, Mode.ERROR})
"""Those that befall reading too; the others only befall posting."""
INSIDE = frozenset(
    {
        Mode.TOKEN, Mode.TOKEN_NEVER, Mode.CALLBACKS_DOUBLED, Mode.CALLBACKS_SHUFFLED,
        Mode.CALLBACKS_LOST,
    }
)  # fmt: skip
"""Those that the case system does itself."""
