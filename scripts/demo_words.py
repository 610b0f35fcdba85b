"""What both parts of the demo say in the same way."""

from __future__ import annotations

import os
from pathlib import Path


def shown(path: Path) -> str:
    """Return a path as short as it can be typed from here."""
    short = os.path.relpath(path)
    return str(path.resolve()) if short.startswith(os.pardir) else short
