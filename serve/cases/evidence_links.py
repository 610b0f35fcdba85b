"""Links by which a case system fetches evidence: signed, over after a while, revocable by case.

A link names a case, a piece of evidence, when it ends, and which issue of the case's links it
belongs to; counting the issue up makes all older ones useless. Nothing is stored for a link.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from serve.errors import Gone, NotFound
from serve.sealing import signing_key
from serve.settings import Settings

PURPOSE = "case-evidence"
MAX_TOKEN_LENGTH = 400
_MAC_BYTES = 32


@dataclass(frozen=True)
class EvidenceLink:
    """What a link stands for."""

    case_id: str
    evidence_id: str
    issue: int
    ends_at: datetime


def link_token(link: EvidenceLink, settings: Settings) -> str:
    """Return the token of a link."""
    text = f"{link.case_id}|{link.evidence_id}|{link.issue}|{int(link.ends_at.timestamp())}"
    body = text.encode()
    return base64.urlsafe_b64encode(_mac(body, settings) + body).decode().rstrip("=")


def link_url(
    case_id: str, evidence_id: str, *, issue: int, now: datetime, days: float, settings: Settings
) -> tuple[str, datetime]:
    """Return the address of a new link and when it ends."""
    ends_at = (now + timedelta(days=days)).replace(microsecond=0)
    token = link_token(EvidenceLink(case_id, evidence_id, issue, ends_at), settings)
    return f"{settings.public_url}/api/v1/case-evidence/{token}", ends_at


def read_link(token: str, *, now: datetime, settings: Settings) -> EvidenceLink:
    """Return what a token stands for.

    Raises:
        NotFound: It is not one of ours.
        Gone: It is over.
    """
    unknown = NotFound("there is no evidence under this address")
    try:
        raw = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise unknown from error
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(body, settings)):
        raise unknown
    case_id, evidence_id, issue, ends = body.decode().split("|")
    link = EvidenceLink(case_id, evidence_id, int(issue), datetime.fromtimestamp(int(ends), UTC))
    if link.ends_at < now:
        raise Gone("this link to evidence is over; have the case's draft sent again")
    return link


def _mac(body: bytes, settings: Settings) -> bytes:
    return hmac.digest(signing_key(settings, PURPOSE), body, hashlib.sha256)
