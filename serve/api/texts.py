"""Texts that requests may hold: bounded, and without characters that no database stores."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

NO_CONTROLS = r"^[^\x00-\x1f\x7f]*$"

Line = Annotated[str, StringConstraints(max_length=200, pattern=NO_CONTROLS, strip_whitespace=True)]
"""A name or a short sentence, on one line."""
Word = Annotated[str, StringConstraints(max_length=100, pattern=NO_CONTROLS)]
"""An id, a name, a code."""
