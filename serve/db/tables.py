"""All tables, by one name."""

from __future__ import annotations

from serve.db.cameras import CameraEvent, CameraRow
from serve.db.cases import Case, CaseEvent, OutboxEntry, TargetState
from serve.db.columns import Base, new_id, utc_now
from serve.db.findings import EvidenceRow, ExportRow, FindingRow, Review, Sighting
from serve.db.keeping import AnsweredRequest, LedgerEntry, LedgerStamp, Worker
from serve.db.people import LoginAttempt, LoginSession, Token, User
from serve.db.registers import RegisterEntry, RegisterVersion, WarningChange, WarningState
from serve.db.surveys import Comparison, Site, Survey, Upload, UploadPart

__all__ = [
    "AnsweredRequest", "Base", "CameraEvent", "CameraRow", "Case", "CaseEvent", "Comparison",
    "EvidenceRow", "ExportRow", "FindingRow", "LedgerEntry", "LedgerStamp", "LoginAttempt",
    "LoginSession", "OutboxEntry", "RegisterEntry", "RegisterVersion", "Review", "Sighting", "Site",
    "Survey", "TargetState", "Token", "Upload", "UploadPart", "User", "WarningChange",
    "WarningState", "Worker", "new_id", "utc_now",
]  # fmt: skip
