"""Settings of the service and the command line, read from the environment.

Every setting has the prefix ``CITYEYE_``; nested ones join with two underscores, for example
``CITYEYE_RASTER__MAX_PIXELS=1000000000``.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vision.survey.limits import RasterLimits

DEFAULT_SECRET = "cityeye-development-only"  # noqa: S105 (refused outside development)
MIN_SECRET_LENGTH = 32


Days = Annotated[int, Field(ge=0, le=36_500)]


class RetentionDays(BaseModel):
    """How long things are kept; 0 means for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    undecided: Days = Field(
        default=90,
        description="until a finding that nobody decided on and nobody sees again expires",
    )
    expired: Days = Field(default=30, description="from then on, its evidence")
    rejected: Days = Field(default=30, description="evidence of rejected findings")
    confirmed: Days = Field(
        default=1095, description="evidence of confirmed findings whose cases are closed"
    )
    surveys: Days = Field(default=1825, description="orthophotos and surface models")


class Settings(BaseSettings):
    """What a deployment may set."""

    model_config = SettingsConfigDict(
        env_prefix="CITYEYE_", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    environment: Literal["development", "production"] = Field(
        default="production",
        title="Environment",
        description="outside development the service refuses to start with the default secret",
    )
    secret: SecretStr = Field(
        default=SecretStr(DEFAULT_SECRET),
        title="Secret",
        description="at least 32 characters; camera credentials are encrypted and callbacks signed "
        "with keys made from it, so changing it makes stored camera addresses unreadable",
    )
    data_dir: Path = Field(
        default=Path("cityeye-data"),
        title="Data folder",
        description="where the embedded database, files and scratch space lie",
    )
    database_url: str = Field(
        default="",
        title="Database",
        description="postgresql+psycopg://…; empty: SQLite in the data folder",
    )
    storage_url: str = Field(
        default="",
        title="Storage",
        description="s3://bucket/prefix; empty: a folder in the data folder",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8300",
        title="Public address",
        description="how browsers and case systems reach the service; evidence links and callback "
        "addresses in drafts begin with it",
    )
    ui_folder: Path | None = Field(
        default=None,
        title="Folder of the pages",
        description="built from serve/ui; empty: those that came with the program",
    )
    models_dir: Path | None = Field(
        default=None,
        title="Folder of the city's own models",
        description="each in a folder of its own with its card.yaml; they win over the models that "
        "ship with CityEye where name and version are the same",
    )
    raster: RasterLimits = Field(
        default_factory=RasterLimits,
        title="Raster limits",
        description="what a survey file may claim before a pixel of it is read",
    )
    upload_max_bytes: int = Field(
        default=64 * 2**30,
        title="Largest upload",
        description="bytes of one file",
    )
    upload_quota_bytes: int = Field(
        default=256 * 2**30,
        title="Upload quota",
        description="bytes that one user may have lying in unfinished or unused uploads",
    )
    upload_expires_s: int = Field(
        default=7 * 86400,
        title="Upload expiry",
        description="seconds until an upload that nothing used is swept",
    )
    check_memory_bytes: int = Field(
        default=4 * 2**30,
        title="Memory of a file check",
        description="address space of the process that opens an uploaded file for the first time",
    )
    check_time_s: int = Field(
        default=600,
        title="Time of a file check",
        description="seconds after which that process is stopped",
    )
    nodeodm_url: str = Field(
        default="",
        title="NodeODM server",
        description="where raw flight photos are turned into orthophotos; empty: photos are not "
        "accepted",
    )
    camera_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(),
        title="Camera networks",
        description="networks, separated by commas, in which cameras may lie; empty: none",
    )
    camera_allow_loopback: bool = Field(
        default=False,
        title="Cameras on this machine",
        description="whether cameras may lie on the loopback address, for trying things out; "
        "refused outside development",
    )
    camera_capacity: int = Field(
        default=16,
        ge=1,
        title="Cameras per worker",
        description="how many cameras one worker process watches at most",
    )
    mqtt_url: str = Field(
        default="",
        title="MQTT broker",
        description="mqtt://host:port or mqtts://…; empty: nothing is published",
    )
    mqtt_topic: str = Field(
        default="cityeye",
        title="MQTT topic",
        description="what topics begin with",
    )
    targets_file: Path | None = Field(
        default=None,
        title="Case systems",
        description="YAML file of the case systems that drafts are posted to (see docs)",
    )
    case_system_step_s: float = Field(
        default=20.0,
        ge=0,
        allow_inf_nan=False,
        title="Pace of the embedded case system",
        description="seconds of each step of a case, 立案 … 结案, where `cityeye serve --dev` "
        "brings a case system along",
    )
    event_table_file: Path | None = Field(
        default=None,
        title="Event table",
        description="YAML file of event codes and time limits; empty: the one that ships",
    )
    calendar_file: Path | None = Field(
        default=None,
        title="Working calendar",
        description="YAML file of working hours, holidays and working weekends",
    )
    warning_rules_file: Path | None = Field(
        default=None,
        title="Warning rules",
        description="YAML file of the rules for red, yellow and green; empty: the ones that ship",
    )
    time_zone: str = Field(
        default="Asia/Shanghai",
        title="Time zone",
        description="of working hours, of case drafts, and of pages",
    )
    timestamp_url: str = Field(
        default="",
        title="Time-stamp server",
        description="RFC 3161 server that stamps the head of the ledger once a day; empty: none",
    )
    retention_days: RetentionDays = Field(
        default_factory=RetentionDays,
        title="Retention in days, 0 for ever",
        description="days after which things are over; while a case is open, or a supervisor holds "
        "a finding, nothing of it is deleted",
    )
    session_hours: float = Field(
        default=12.0, gt=0, title="Session length", description="hours until a browser logs in anew"
    )
    trusted_proxies: str = Field(
        default="",
        title="Trusted proxies",
        description="addresses, separated by commas, whose X-Forwarded-For is believed",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", title="Log level", description="least severe that is written"
    )

    @field_validator("models_dir", "targets_file", "event_table_file", "calendar_file",
                     "warning_rules_file", mode="before")  # fmt: skip
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """An empty variable means none, and never the folder one happens to be in."""
        return None if value == "" else value

    @field_validator("camera_networks", mode="before")
    @classmethod
    def _by_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _no_trailing_slash(self) -> Settings:
        object.__setattr__(self, "public_url", self.public_url.rstrip("/"))
        return self

    @property
    def effective_database_url(self) -> str:
        """The database's URL, the embedded one where none is set."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'cityeye.sqlite').absolute()}"

    @property
    def secret_is_weak(self) -> bool:
        """Whether the secret is the default one, or short."""
        secret = self.secret.get_secret_value()
        return secret == DEFAULT_SECRET or len(secret) < MIN_SECRET_LENGTH
