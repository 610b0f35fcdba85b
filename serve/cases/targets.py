"""The case systems that drafts are posted to: from configuration, and from nowhere else."""

from __future__ import annotations

import ipaddress
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from serve.cases.documents import read_document
from serve.cases.states import CaseState
from serve.errors import NotFound
from serve.settings import Settings
from vision.errors import InputError
from vision.finding import FindingKind

MIN_SECRET_LENGTH = 16


class AdapterName(StrEnum):
    """How a case system is spoken to."""

    WEBHOOK = "webhook"
    OPEN311 = "open311"


class CoordinateForm(StrEnum):
    """The form of position that a case system asks for, beside WGS-84."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    CGCS2000 = "cgcs2000"
    CGCS2000_GAUSS_KRUEGER = "cgcs2000_gk"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetryPolicy(_Strict):
    """How often and how long a message is tried."""

    first_s: float = Field(5.0, gt=0, le=3600, description="seconds before the second attempt")
    longest_s: float = Field(
        900.0, gt=0, le=86_400, description="seconds between attempts at most; doubled up to it"
    )
    attempts: int = Field(
        60, ge=1, le=10_000, description="attempts after which a message is a dead letter"
    )
    connect_timeout_s: float = Field(5.0, gt=0, le=60, description="to reach the case system")
    answer_timeout_s: float = Field(20.0, gt=0, le=120, description="for the case system to answer")
    token_patience_s: float = Field(
        86_400.0, gt=0, description="how long an Open311 token may go without yielding an id"
    )


class BreakerPolicy(_Strict):
    """When a case system is left alone for a while."""

    failures: int = Field(5, ge=1, le=1000, description="failures in a row that open the breaker")
    open_s: float = Field(15.0, gt=0, le=3600, description="seconds until one message tries again")
    longest_open_s: float = Field(300.0, gt=0, le=86_400, description="doubled up to this")


class Target(_Strict):
    """One case system."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_\-]{0,39}$",
        title="Name",
        description="part of callback addresses and dedupe keys; never change it",
    )
    adapter: AdapterName
    url: str = Field(
        max_length=500,
        description="webhook: where drafts are posted; open311: what requests.json lies under",
    )
    secret_env: str | None = Field(
        None, max_length=100, description="environment variable that holds the shared secret"
    )
    secret_file: Path | None = Field(None, description="file that holds it")
    kinds: Annotated[frozenset[FindingKind], Field(min_length=1)] = frozenset(FindingKind)
    auto_post: dict[FindingKind, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="kinds confirmed without a person, from this score on",
    )
    coordinates: CoordinateForm = CoordinateForm.WGS84
    language: str = Field("zh", pattern=r"^(zh|en)$", description="of the title and the text")
    poll_interval_s: float | None = Field(
        None, ge=1, le=86_400, description="ask for states this often; empty: callbacks only"
    )
    rate_per_minute: float | None = Field(
        None, gt=0, le=100_000, description="messages a minute at most, of all workers together"
    )
    allow_plain_http: bool = Field(
        False, description="http:// is accepted, for a case system on a private network"
    )
    evidence_link_days: float = Field(
        90.0, gt=0, le=3650, description="days that evidence links in a draft are good for"
    )
    lookup: bool = Field(
        True,
        description="the case system can be asked for a case by our reference; without that, "
        "answers are believed as they are, and unclear ones end as dead letters",
    )
    service_codes: dict[str, str] = Field(
        default_factory=dict, description="open311: service code by event code, where they differ"
    )
    withdraw_service_code: str | None = Field(
        None,
        max_length=100,
        description="open311 has no withdrawal; a service code that the city made for it",
    )
    jurisdiction_id: str | None = Field(
        None, max_length=100, description="open311: sent with each call"
    )
    states: dict[str, CaseState] = Field(
        default_factory=dict,
        description="the case system's own words for states, where they are not known already",
    )
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()

    @field_validator("auto_post")
    @classmethod
    def _no_surprise(cls, value: dict[FindingKind, float]) -> dict[FindingKind, float]:
        low = [kind for kind, score in value.items() if score < 0.5]
        if low:
            raise ValueError(f"{', '.join(low)}: below a score of 0.5 nothing is posted unseen")
        return value

    @model_validator(mode="after")
    def _checked(self) -> Target:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: write https://host/path")
        if parts.username or parts.password or parts.fragment:
            raise ValueError("url: no user, password or fragment; the secret goes into secret_env")
        if parts.scheme == "http" and not self.allow_plain_http:
            raise ValueError(
                "url: http:// is refused; use https://, or allow_plain_http: true for a case "
                "system on this machine or a private network"
            )
        if parts.scheme == "http" and not _is_private(parts.hostname):
            raise ValueError("url: plain http:// to a public address is refused; use https://")
        if (
            self.adapter is AdapterName.OPEN311
            and self.coordinates is CoordinateForm.CGCS2000_GAUSS_KRUEGER
        ):
            raise ValueError("coordinates: open311 knows degrees only; use cgcs2000")
        if (self.secret_env is None) == (self.secret_file is None):
            raise ValueError("set either secret_env or secret_file")
        return self

    @property
    def secret(self) -> SecretStr:
        """The secret shared with the case system.

        Raises:
            InputError: It is not where the configuration says, or too short.
        """
        if self.secret_env is not None:
            text, where = os.environ.get(self.secret_env, ""), self.secret_env
        else:
            where = str(self.secret_file)
            try:
                text = Path(where).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"target {self.name}: {where} cannot be read") from error
        if len(text) < MIN_SECRET_LENGTH:
            raise InputError(
                f"target {self.name}: the secret in {where} is missing or shorter than "
                f"{MIN_SECRET_LENGTH} characters"
            )
        return SecretStr(text)


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        # A bare name is one of the local network; whoever allows http for it knows it.
        return "." not in host or host.endswith((".local", ".internal", ".lan"))
    return address.is_private or address.is_loopback


class Targets(_Strict):
    """What the targets file says."""

    targets: tuple[Target, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Targets:
        names = [target.name for target in self.targets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"targets of the same name: {', '.join(twice)}")
        return self


def targets_of(settings: Settings) -> tuple[Target, ...]:
    """Return the case systems of a deployment; none where no file is set.

    Raises:
        InputError: The file is wrong; the message says where.
    """
    if settings.targets_file is None:
        return ()
    return read_document(settings.targets_file, Targets, what="targets file").targets


def target_named(name: str, settings: Settings) -> Target:
    """Return a case system by its name.

    Raises:
        NotFound: The configuration has none of that name.
    """
    for target in targets_of(settings):
        if target.name == name:
            return target
    raise NotFound(f"no case system named {name!r} is configured")


def wants_auto_post(kind: str, score: float, settings: Settings) -> bool:
    """Tell whether a finding is confirmed without a person: some target's policy says so."""
    return any(
        kind in target.kinds and kind in target.auto_post and score >= target.auto_post[kind]  # type: ignore[index]
        for target in targets_of(settings)
    )
