"""Which role may call which endpoint: the one table, checked before every call.

An endpoint that is not in the table can be called by nobody.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a person is here for."""

    OPERATOR = "operator"  # flies and uploads surveys
    INTEGRATOR = "integrator"  # connects cameras
    REVIEWER = "reviewer"  # decides on findings
    SUPERVISOR = "supervisor"  # answers for cases, registers, exports
    AUDITOR = "auditor"  # reads everything, changes nothing
    ADMIN = "admin"  # users, tokens, settings


EVERYBODY = frozenset(Role)
PUBLIC: frozenset[Role] | None = None
"""Callable without signing in; such endpoints check by themselves (a signature, a password)."""

_O, _I, _R, _S, _A, _X = Role
_READERS = EVERYBODY
_OPERATORS = frozenset({_O, _S, _X})
_INTEGRATORS = frozenset({_I, _S, _X})
_REVIEWERS = frozenset({_R, _S, _X})
_SUPERVISORS = frozenset({_S, _X})
_AUDITORS = frozenset({_A, _S, _X})
_ADMINS = frozenset({_X})
SEES_SEALED = frozenset({_R, _S, _A, _X})
"""Who may look at originals under seal; within `get_evidence`, which everybody may call."""

ACCESS: dict[str, frozenset[Role] | None] = {
    # people
    "log_in": PUBLIC,
    "log_out": EVERYBODY,
    "who_am_i": EVERYBODY,
    "change_me": EVERYBODY,
    "change_password": EVERYBODY,
    "list_sessions": EVERYBODY,
    "end_session": EVERYBODY,
    "create_user": _ADMINS,
    "list_users": _ADMINS,
    "get_user": _ADMINS,
    "change_user": _ADMINS,
    "reset_password": _ADMINS,
    "create_token": EVERYBODY,
    "list_tokens": EVERYBODY,
    "get_token": EVERYBODY,
    "revoke_token": EVERYBODY,
    # sites, surveys, uploads
    "describe_uploads": PUBLIC,
    "create_upload": _OPERATORS,
    "list_uploads": _OPERATORS,
    "get_upload": _OPERATORS,
    "get_upload_limits": _OPERATORS,
    "list_upload_parts": _OPERATORS,
    "head_upload": _OPERATORS,
    "append_upload": _OPERATORS,
    "delete_upload": _OPERATORS,
    "create_site": _OPERATORS,
    "list_sites": _READERS,
    "get_site": _READERS,
    "change_site": _OPERATORS,
    "delete_site": _OPERATORS,
    "create_survey": _OPERATORS,
    "list_surveys": _READERS,
    "get_survey": _READERS,
    "cancel_survey": _OPERATORS,
    "retry_survey": _OPERATORS,
    "delete_survey": _OPERATORS,
    "get_survey_ortho": _READERS,
    "get_survey_dsm": _READERS,
    "get_survey_preview": _READERS,
    "create_comparison": _OPERATORS,
    "list_comparisons": _READERS,
    "get_comparison": _READERS,
    "cancel_comparison": _OPERATORS,
    "get_comparison_change": _READERS,
    "get_comparison_report": _READERS,
    "get_comparison_document": _READERS,
    # cameras
    "create_camera": _INTEGRATORS,
    "import_cameras": _INTEGRATORS,
    "list_cameras": _READERS,
    "get_camera": _READERS,
    "update_camera": _INTEGRATORS,
    "delete_camera": _INTEGRATORS,
    "enable_camera": _INTEGRATORS,
    "disable_camera": _INTEGRATORS,
    "try_camera": _INTEGRATORS,
    "try_address": _INTEGRATORS,
    "count_cameras": _READERS,
    "get_camera_file": _READERS,
    "read_camera_file": _INTEGRATORS,
    "get_camera_snapshot": _READERS,
    "list_camera_events": _READERS,
    "get_camera_activity": _READERS,
    # findings, reviews, registers, warnings, exports
    "list_all_findings": _READERS,
    "count_all_findings": _READERS,
    "map_findings": _READERS,
    "get_finding": _READERS,
    "get_evidence": _READERS,
    "list_reject_reasons": _READERS,
    "tally_own_reviews": _REVIEWERS,
    "create_claims": _REVIEWERS,
    "list_claims": _REVIEWERS,
    "renew_claims": _REVIEWERS,
    "release_claims": _REVIEWERS,
    "confirm_finding": _REVIEWERS,
    "reject_finding": _REVIEWERS,
    "correct_finding": _REVIEWERS,
    "comment_finding": _REVIEWERS,
    "undo_finding": _REVIEWERS,
    "decide_batch": _REVIEWERS,
    "list_registers": _READERS,
    "import_register": _SUPERVISORS,
    "list_register_versions": _READERS,
    "list_register_entries": _READERS,
    "get_register_entry": _READERS,
    "activate_register_version": _SUPERVISORS,
    "list_warnings": _READERS,
    "list_warning_changes": _READERS,
    "create_export": _SUPERVISORS,
    "list_exports": _AUDITORS,
    "get_export": _AUDITORS,
    "download_export": _SUPERVISORS,
    # cases
    "list_cases": EVERYBODY,
    "get_case": EVERYBODY,
    "get_event_table": EVERYBODY,
    "get_case_messages": _AUDITORS,
    "revoke_case_links": _SUPERVISORS,
    "list_dead_letters": _AUDITORS,
    "replay_dead_letter": _SUPERVISORS,
    "list_targets": _AUDITORS,
    "replay_target": _SUPERVISORS,
    "get_case_evidence": PUBLIC,
    "take_callback": PUBLIC,
    "get_dashboard": EVERYBODY,
    # ledger, models, health
    "list_entries": _AUDITORS,
    "verify_ledger": _AUDITORS,
    "hold_finding": _SUPERVISORS,
    "release_finding": _SUPERVISORS,
    "list_models": _READERS,
    "get_model": _READERS,
}
"""By operation id, which is the name of the endpoint's function."""


def operations_of(role: Role) -> list[str]:
    """Return the names of the endpoints that a role may call, without those that everybody may."""
    return [name for name, roles in ACCESS.items() if roles is not None and role in roles]
