"""Logs: one JSON object a line on stderr, from us, the web server and the workflow engine alike.

Secrets are taken out of every line as the last thing before it is written, exceptions included.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, TextIO

import structlog
from dbos import DBOS
from structlog.types import EventDict, Processor, WrappedLogger

from serve.settings import Settings

MASK = "***"
_SECRET_NAME = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|csrf|credential|api[_-]?key|private|signature|"
    r"signing|sealed|address",
    re.IGNORECASE,
)
_NOT_SECRET = frozenset({"token_name", "token_id", "client_address"})
_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    # A camera's address is a secret as a whole: paths of many makers hold the password.
    (re.compile(r"\b(rtsps?|rtmps?)://[^\s\"'<>]+", re.IGNORECASE), rf"\1://{MASK}"),
    (re.compile(r"(?<=://)[^/\s\"'<>]*@"), f"{MASK}@"),
    (re.compile(r"\b(bearer|basic|digest)\s+[\w.~+/=\-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\bcityeye_[\w\-]{20,}"), MASK),
    (
        re.compile(
            r"((?:[\w\-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|signature|csrf|"
            r"credential)[\w\-]*)[\"']?\s*[=:]\s*[\"']?)[^\s&\"',;}]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"((?:set-)?cookie\s*[:=]\s*)[^\r\n\"']+", re.IGNORECASE), rf"\1{MASK}"),
)
# A dictionary that is shared, and not copied, by the threads that one request goes through.
_facts: ContextVar[dict[str, Any] | None] = ContextVar("cityeye_log_facts", default=None)
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING}


def configure(settings: Settings, *, stream: TextIO | None = None) -> None:
    """Make all logs of this process JSON lines.

    Args:
        settings: Gives the least severe level that is written.
        stream: Where to; stderr where none is given.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _shared_facts,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _workflow_id,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # A logger of a module lives longer than one configuration of it.
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(allow=[])],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            without_secrets,
            structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(settings.log_level, logging.ERROR))
    engine = logging.getLogger("dbos")
    # The engine hangs a handler of its own on its logger where it finds none.
    engine.handlers[:] = [logging.NullHandler()]
    engine.propagate = True
    for chatty in ("httpx", "httpcore", "botocore", "alembic", "multipart", "apscheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def begin(**facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give all lines of what now begins some facts, as the id of a request; returns them."""
    _facts.set(facts)
    return facts


def note(**facts: Any) -> None:  # noqa: ANN401
    """Add facts to all lines that follow of what `begin` began, in whatever thread."""
    known = _facts.get()
    if known is not None:
        known.update(facts)


def without_secrets(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:  # noqa: ARG001
    """Take out of a line what must not stand in a log; a structlog processor."""
    return {key: _masked(key, value) for key, value in event.items()}


def without_secrets_in(text: str) -> str:
    """Return a text without passwords, tokens and camera addresses."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _masked(key: object, value: Any) -> Any:  # noqa: ANN401
    name = str(key)
    if name not in _NOT_SECRET and _SECRET_NAME.search(name) and value not in (None, "", b""):
        return MASK
    if isinstance(value, str):
        return without_secrets_in(value)
    if isinstance(value, Mapping):
        return {inner: _masked(inner, each) for inner, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked("", each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return without_secrets_in(str(value))


def _workflow_id(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:  # noqa: ARG001
    workflow_id = DBOS.workflow_id
    if workflow_id:
        event.setdefault("workflow_id", workflow_id)
    return event


def _shared_facts(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:  # noqa: ARG001
    return {**(_facts.get() or {}), **event}
