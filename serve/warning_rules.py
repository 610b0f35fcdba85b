"""The rules of warnings: a file with a version, which a city replaces."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from serve.settings import Settings
from vision.errors import InputError
from vision.finding import FindingKind

SHIPPED = Path(__file__).with_name("warning_rules.yaml")


class Subject(StrEnum):
    """What a warning is about."""

    SUPERVISED_OBJECT = "supervised_object"
    CELL = "cell"


class Colour(StrEnum):
    """How urgent it is, from the best to the worst."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WarningRule(_Strict):
    """When a subject turns a colour."""

    subject: Subject
    colour: Colour
    within_days: float = Field(gt=0, le=3660)
    points: float | None = Field(None, gt=0, description="at least so many points")
    count: int | None = Field(None, gt=0, description="or at least so many findings")
    kinds: tuple[FindingKind, ...] = Field((), description="of these kinds; none means all")

    @model_validator(mode="after")
    def _asks_something(self) -> WarningRule:
        if (self.points is None) == (self.count is None):
            raise ValueError("a rule has either points or count")
        if self.colour is Colour.GREEN:
            raise ValueError("green is where no rule holds")
        return self


class WarningRules(_Strict):
    """All rules."""

    version: str = Field(min_length=1, max_length=80)
    points: dict[FindingKind, float]
    rules: tuple[WarningRule, ...] = Field(max_length=200)

    @property
    def longest_days(self) -> float:
        """The longest time that a finding counts."""
        return max((rule.within_days for rule in self.rules), default=0.0)


def rules_of(settings: Settings) -> WarningRules:
    """Return the rules that a deployment uses.

    Raises:
        InputError: The file cannot be read or says something wrong; the message says where.
    """
    path = settings.warning_rules_file or SHIPPED
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise InputError(f"{path}: the warning rules cannot be read ({error.strerror})") from error


@lru_cache(maxsize=4)
def _read(path: Path, changed_ns: int) -> WarningRules:  # noqa: ARG001 (a changed file is read anew)
    try:
        return WarningRules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (UnicodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: is no YAML ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        raise InputError(f"{path}: {where}: {first['msg']}") from error
