"""The tables of the first release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from serve.db.columns import Json, UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "answered_requests",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", Json, nullable=False),
        sa.Column("headers", Json, nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_answered_requests")),
    )
    op.create_index(op.f("ix_answered_requests_at"), "answered_requests", ["at"], unique=False)
    op.create_table(
        "cameras",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("sealed_address", sa.LargeBinary(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("health", sa.String(), nullable=False),
        sa.Column("fault", Json, nullable=True),
        sa.Column("figures", Json, nullable=False),
        sa.Column("last_frame_at", UtcTime(), nullable=True),
        sa.Column("snapshot_key", sa.String(), nullable=True),
        sa.Column("snapshot_at", UtcTime(), nullable=True),
        sa.Column("workflow_id", sa.String(), nullable=True),
        sa.Column("watch_epoch", sa.Integer(), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("watched_by", sa.String(), nullable=True),
        sa.Column("enabled_at", UtcTime(), nullable=True),
        sa.Column("state_key", sa.String(), nullable=True),
        sa.Column("chain", Json, nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cameras")),
    )
    op.create_index("ix_cameras_created", "cameras", ["created_at", "id"], unique=False)
    op.create_index(op.f("ix_cameras_enabled"), "cameras", ["enabled"], unique=False)
    op.create_index(op.f("ix_cameras_health"), "cameras", ["health"], unique=False)
    op.create_index(
        "uq_cameras_code",
        "cameras",
        ["code"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("query", Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("counts", Json, nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("workflow_id", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_table(
        "ledger",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("previous_sha256", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger")),
        sa.UniqueConstraint("sha256", name=op.f("uq_ledger_sha256")),
    )
    op.create_index(op.f("ix_ledger_action"), "ledger", ["action"], unique=False)
    op.create_index("ix_ledger_actor", "ledger", ["actor", "number"], unique=False)
    op.create_index(op.f("ix_ledger_subject"), "ledger", ["subject"], unique=False)
    op.create_table(
        "ledger_stamps",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ledger_stamps")),
    )
    op.create_table(
        "login_attempts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name_sha256", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_attempts")),
    )
    op.create_index(op.f("ix_login_attempts_address"), "login_attempts", ["address"], unique=False)
    op.create_index(op.f("ix_login_attempts_at"), "login_attempts", ["at"], unique=False)
    op.create_index(
        op.f("ix_login_attempts_name_sha256"), "login_attempts", ["name_sha256"], unique=False
    )
    op.create_table(
        "register_versions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("register", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("imported_by", sa.String(), nullable=False),
        sa.Column("imported_at", UtcTime(), nullable=False),
        sa.Column("widest", sa.Double(), nullable=False),
        sa.Column("tallest", sa.Double(), nullable=False),
        sa.Column("units", Json, nullable=False),
        sa.Column("activated_at", UtcTime(), nullable=False),
        sa.Column("applied_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_versions")),
        sa.UniqueConstraint(
            "register", "number", name=op.f("uq_register_versions_register_number")
        ),
    )
    op.create_index(
        "ix_register_versions_active", "register_versions", ["active", "register"], unique=False
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("area", Json, nullable=True),
        sa.Column("options", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sites")),
        sa.UniqueConstraint("name", name=op.f("uq_sites_name")),
    )
    op.create_table(
        "target_states",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("open_until", UtcTime(), nullable=True),
        sa.Column("next_slot_at", UtcTime(), nullable=True),
        sa.Column("last_problem", sa.String(), nullable=True),
        sa.Column("last_success_at", UtcTime(), nullable=True),
        sa.Column("polled_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_target_states")),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("upload_quota_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "warning_changes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("why", Json, nullable=False),
        sa.Column("rules_version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_warning_changes")),
    )
    op.create_index(op.f("ix_warning_changes_at"), "warning_changes", ["at"], unique=False)
    op.create_index(
        "ix_warning_changes_subject",
        "warning_changes",
        ["subject_type", "subject", "at"],
        unique=False,
    )
    op.create_table(
        "warning_states",
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("colour", sa.String(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("figures", Json, nullable=False),
        sa.Column("rules_version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("subject_type", "subject", name=op.f("pk_warning_states")),
    )
    op.create_index(op.f("ix_warning_states_colour"), "warning_states", ["colour"], unique=False)
    op.create_table(
        "workers",
        sa.Column("executor_id", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("process", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("process_started", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("queues", Json, nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("heard_at", UtcTime(), nullable=False),
        sa.Column("gone_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("executor_id", name=op.f("pk_workers")),
    )
    op.create_index(op.f("ix_workers_heard_at"), "workers", ["heard_at"], unique=False)
    op.create_table(
        "camera_events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("camera_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("published_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name=op.f("fk_camera_events_camera_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_events")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_camera_events_dedupe_key")),
    )
    op.create_index(op.f("ix_camera_events_at"), "camera_events", ["at"], unique=False)
    op.create_index(
        "ix_camera_events_of_camera", "camera_events", ["camera_id", "at", "id"], unique=False
    )
    op.create_index(
        "ix_camera_events_unpublished",
        "camera_events",
        ["at", "id"],
        unique=False,
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "login_sessions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("browser", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_used_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_login_sessions_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_sessions")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_login_sessions_secret_sha256")),
    )
    op.create_index(
        op.f("ix_login_sessions_expires_at"), "login_sessions", ["expires_at"], unique=False
    )
    op.create_index(op.f("ix_login_sessions_user_id"), "login_sessions", ["user_id"], unique=False)
    op.create_table(
        "register_entries",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("version_id", sa.String(length=36), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("properties", Json, nullable=False),
        sa.Column("geometry", sa.LargeBinary(), nullable=True),
        sa.Column("west", sa.Double(), nullable=True),
        sa.Column("south", sa.Double(), nullable=True),
        sa.Column("east", sa.Double(), nullable=True),
        sa.Column("north", sa.Double(), nullable=True),
        sa.Column("valid_from", UtcTime(), nullable=True),
        sa.Column("valid_to", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["register_versions.id"],
            name=op.f("fk_register_entries_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_entries")),
        sa.UniqueConstraint("version_id", "code", name=op.f("uq_register_entries_version_id_code")),
    )
    op.create_index(
        "ix_register_entries_place",
        "register_entries",
        ["version_id", "west", "east", "south", "north"],
        unique=False,
    )
    op.create_table(
        "surveys",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=False),
        sa.Column("flown_at", UtcTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("ortho_upload_id", sa.String(), nullable=True),
        sa.Column("dsm_upload_id", sa.String(), nullable=True),
        sa.Column("photo_upload_ids", Json, nullable=False),
        sa.Column("nodeodm_task_id", sa.String(), nullable=True),
        sa.Column("photos_sent", sa.Integer(), nullable=False),
        sa.Column("heard_at", UtcTime(), nullable=True),
        sa.Column("ortho_key", sa.String(), nullable=True),
        sa.Column("ortho_sha256", sa.String(), nullable=True),
        sa.Column("dsm_key", sa.String(), nullable=True),
        sa.Column("dsm_sha256", sa.String(), nullable=True),
        sa.Column("preview_key", sa.String(), nullable=True),
        sa.Column("facts", Json, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_surveys_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_surveys")),
    )
    op.create_index(op.f("ix_surveys_flown_at"), "surveys", ["flown_at"], unique=False)
    op.create_index(op.f("ix_surveys_site_id"), "surveys", ["site_id"], unique=False)
    op.create_index(op.f("ix_surveys_state"), "surveys", ["state"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_tokens_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("secret_sha256", name=op.f("uq_tokens_secret_sha256")),
    )
    op.create_index(op.f("ix_tokens_user_id"), "tokens", ["user_id"], unique=False)
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("length_bytes", sa.BigInteger(), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_uploads_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    op.create_index(op.f("ix_uploads_expires_at"), "uploads", ["expires_at"], unique=False)
    op.create_index(op.f("ix_uploads_state"), "uploads", ["state"], unique=False)
    op.create_index(op.f("ix_uploads_user_id"), "uploads", ["user_id"], unique=False)
    op.create_table(
        "comparisons",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=False),
        sa.Column("before_id", sa.String(length=36), nullable=False),
        sa.Column("after_id", sa.String(length=36), nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("result", Json, nullable=True),
        sa.Column("change_key", sa.String(), nullable=True),
        sa.Column("report_keys", Json, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["after_id"], ["surveys.id"], name=op.f("fk_comparisons_after_id")),
        sa.ForeignKeyConstraint(
            ["before_id"], ["surveys.id"], name=op.f("fk_comparisons_before_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_comparisons_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparisons")),
    )
    op.create_index(op.f("ix_comparisons_after_id"), "comparisons", ["after_id"], unique=False)
    op.create_index(op.f("ix_comparisons_site_id"), "comparisons", ["site_id"], unique=False)
    op.create_index(op.f("ix_comparisons_state"), "comparisons", ["state"], unique=False)
    op.create_table(
        "upload_parts",
        sa.Column("upload_id", sa.String(length=36), nullable=False),
        sa.Column("offset_bytes", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload_id"],
            ["uploads.id"],
            name=op.f("fk_upload_parts_upload_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("upload_id", "offset_bytes", name=op.f("pk_upload_parts")),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("assessment", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("risk", sa.Double(), nullable=False),
        sa.Column("title_zh", sa.String(), nullable=False),
        sa.Column("title_en", sa.String(), nullable=False),
        sa.Column(
            "plate", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=True
        ),
        sa.Column("first_seen", UtcTime(), nullable=True),
        sa.Column("last_seen", UtcTime(), nullable=True),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("site_id", sa.String(length=36), nullable=True),
        sa.Column("comparison_id", sa.String(length=36), nullable=True),
        sa.Column("camera_id", sa.String(length=36), nullable=True),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("geometry", sa.LargeBinary(), nullable=True),
        sa.Column("west", sa.Double(), nullable=True),
        sa.Column("south", sa.Double(), nullable=True),
        sa.Column("east", sa.Double(), nullable=True),
        sa.Column("north", sa.Double(), nullable=True),
        sa.Column("longitude", sa.Double(), nullable=True),
        sa.Column("latitude", sa.Double(), nullable=True),
        sa.Column("bbox_xyxy", Json, nullable=True),
        sa.Column("area_m2", sa.Double(), nullable=True),
        sa.Column("gsd_m", sa.Double(), nullable=True),
        sa.Column("document", Json, nullable=False),
        sa.Column("model_name", sa.String(), nullable=True),
        sa.Column("model_version", sa.String(), nullable=True),
        sa.Column(
            "cell_code",
            sa.String().with_variant(sa.String(collation="C"), "postgresql"),
            nullable=True,
        ),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("supervised_id", sa.String(), nullable=True),
        sa.Column("register_versions", Json, nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.Column("decided_at", UtcTime(), nullable=True),
        sa.Column("reject_reason", sa.String(), nullable=True),
        sa.Column("corrected", Json, nullable=True),
        sa.Column("claimed_by", sa.String(), nullable=True),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("sightings", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_findings_camera_id")),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=op.f("fk_findings_comparison_id")
        ),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name=op.f("fk_findings_site_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_findings")),
    )
    op.create_index(
        "ix_findings_camera",
        "findings",
        ["camera_id", "seen_at", "id", "state", "kind"],
        unique=False,
    )
    op.create_index(
        "ix_findings_camera_risk",
        "findings",
        ["camera_id", "risk", "id", "state", "kind"],
        unique=False,
    )
    op.create_index(
        "ix_findings_cell",
        "findings",
        ["cell_code", "seen_at", "id", "state", "kind"],
        unique=False,
    )
    op.create_index(
        "ix_findings_count_decided",
        "findings",
        ["state", "kind", "decided_at", "model_name", "model_version"],
        unique=False,
    )
    op.create_index(
        "ix_findings_count_decided_of_unit",
        "findings",
        ["unit", "state", "kind", "decided_at", "model_name", "model_version"],
        unique=False,
    )
    op.create_index("ix_findings_count_found", "findings", ["kind", "created_at"], unique=False)
    op.create_index(
        "ix_findings_count_found_of_unit",
        "findings",
        ["unit", "kind", "created_at"],
        unique=False,
    )
    op.create_index("ix_findings_decided", "findings", ["state", "decided_at"], unique=False)
    op.create_index(
        "ix_findings_kind_risk", "findings", ["kind", "state", "risk", "id", "score"], unique=False
    )
    op.create_index(
        "ix_findings_kind_seen",
        "findings",
        ["kind", "state", "seen_at", "id", "score"],
        unique=False,
    )
    op.create_index("ix_findings_place", "findings", ["longitude", "latitude"], unique=False)
    op.create_index("ix_findings_plate", "findings", ["plate"], unique=False)
    op.create_index(
        "ix_findings_claimed",
        "findings",
        ["claimed_by"],
        unique=False,
        sqlite_where=sa.text("claimed_by IS NOT NULL"),
        postgresql_where=sa.text("claimed_by IS NOT NULL"),
    )
    op.create_index("ix_findings_queue", "findings", ["state", "risk", "id", "score"], unique=False)
    op.create_index("ix_findings_risk", "findings", ["risk", "id", "score"], unique=False)
    op.create_index("ix_findings_seen", "findings", ["seen_at", "id", "score"], unique=False)
    op.create_index(
        "ix_findings_site", "findings", ["site_id", "seen_at", "id", "state", "kind"], unique=False
    )
    op.create_index(
        "ix_findings_site_place", "findings", ["site_id", "west", "south"], unique=False
    )
    op.create_index(
        "ix_findings_site_risk",
        "findings",
        ["site_id", "risk", "id", "state", "kind"],
        unique=False,
    )
    op.create_index(
        "ix_findings_state_seen", "findings", ["state", "seen_at", "id", "score"], unique=False
    )
    op.create_index(
        "ix_findings_supervised",
        "findings",
        ["supervised_id", "seen_at", "id", "state", "kind"],
        unique=False,
    )
    op.create_index(
        "ix_findings_unit", "findings", ["unit", "seen_at", "id", "state", "kind"], unique=False
    )
    op.create_index(
        "ix_findings_unit_risk", "findings", ["unit", "risk", "id", "state", "kind"], unique=False
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("finding_id", sa.String(length=36), nullable=False),
        sa.Column("dedupe_key", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("event_code", sa.String(), nullable=False),
        sa.Column("table_version", sa.String(), nullable=False),
        sa.Column("title_zh", sa.String(), nullable=False),
        sa.Column("title_en", sa.String(), nullable=False),
        sa.Column("draft", Json, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("cell_code", sa.String(), nullable=True),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("updated_at", UtcTime(), nullable=False),
        sa.Column("closed_at", UtcTime(), nullable=True),
        sa.Column("links_issue", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["findings.id"], name=op.f("fk_cases_finding_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_cases_dedupe_key")),
    )
    op.create_index("ix_cases_count_closed", "cases", ["state", "kind", "closed_at"], unique=False)
    op.create_index(
        "ix_cases_count_closed_of_unit",
        "cases",
        ["unit", "state", "kind", "closed_at"],
        unique=False,
    )
    op.create_index(op.f("ix_cases_created_at"), "cases", ["created_at"], unique=False)
    op.create_index(op.f("ix_cases_external_id"), "cases", ["external_id"], unique=False)
    op.create_index(op.f("ix_cases_finding_id"), "cases", ["finding_id"], unique=False)
    op.create_index(op.f("ix_cases_target"), "cases", ["target"], unique=False)
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("finding_id", sa.String(length=36), nullable=False),
        sa.Column("sighting_id", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", UtcTime(), nullable=True),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("deleted_at", UtcTime(), nullable=True),
        sa.Column("erased_at", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.id"], name=op.f("fk_evidence_finding_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence")),
        sa.UniqueConstraint(
            "finding_id",
            "sighting_id",
            "role",
            "sha256",
            name=op.f("uq_evidence_finding_id_sighting_id_role_sha256"),
        ),
    )
    op.create_index("ix_evidence_erased", "evidence", ["erased_at", "deleted_at"], unique=False)
    op.create_index(op.f("ix_evidence_finding_id"), "evidence", ["finding_id"], unique=False)
    op.create_index("ix_evidence_key", "evidence", ["key"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("finding_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("before", Json, nullable=False),
        sa.Column("undone", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"], ["findings.id"], name=op.f("fk_reviews_finding_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviews")),
    )
    op.create_index(op.f("ix_reviews_at"), "reviews", ["at"], unique=False)
    op.create_index(op.f("ix_reviews_finding_id"), "reviews", ["finding_id"], unique=False)
    op.create_table(
        "sightings",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("finding_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("document", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["finding_id"],
            ["findings.id"],
            name=op.f("fk_sightings_finding_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sightings")),
    )
    op.create_index(op.f("ix_sightings_finding_id"), "sightings", ["finding_id"], unique=False)
    op.create_table(
        "case_events",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("remote_id", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_case_events_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_events")),
        sa.UniqueConstraint("remote_id", name=op.f("uq_case_events_remote_id")),
    )
    op.create_index(op.f("ix_case_events_case_id"), "case_events", ["case_id"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_sent_at", UtcTime(), nullable=True),
        sa.Column("next_attempt_at", UtcTime(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("last_problem", sa.String(), nullable=True),
        sa.Column("remote_token", sa.String(), nullable=True),
        sa.Column("token_at", UtcTime(), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("replays", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("delivered_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_outbox_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("case_id", "sequence", name=op.f("uq_outbox_case_id_sequence")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_outbox_idempotency_key")),
    )
    op.create_index(op.f("ix_outbox_case_id"), "outbox", ["case_id"], unique=False)
    op.create_index(op.f("ix_outbox_created_at"), "outbox", ["created_at"], unique=False)
    op.create_index("ix_outbox_due", "outbox", ["state", "next_attempt_at", "id"], unique=False)
    op.create_index("ix_outbox_state_target", "outbox", ["state", "target", "id"], unique=False)
    op.create_index(op.f("ix_outbox_target"), "outbox", ["target"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_index(op.f("ix_outbox_target"), table_name="outbox")
    op.drop_index("ix_outbox_state_target", table_name="outbox")
    op.drop_index("ix_outbox_due", table_name="outbox")
    op.drop_index(op.f("ix_outbox_created_at"), table_name="outbox")
    op.drop_index(op.f("ix_outbox_case_id"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index(op.f("ix_case_events_case_id"), table_name="case_events")
    op.drop_table("case_events")
    op.drop_index(op.f("ix_sightings_finding_id"), table_name="sightings")
    op.drop_table("sightings")
    op.drop_index(op.f("ix_reviews_finding_id"), table_name="reviews")
    op.drop_index(op.f("ix_reviews_at"), table_name="reviews")
    op.drop_table("reviews")
    op.drop_index("ix_evidence_key", table_name="evidence")
    op.drop_index(op.f("ix_evidence_finding_id"), table_name="evidence")
    op.drop_index("ix_evidence_erased", table_name="evidence")
    op.drop_table("evidence")
    op.drop_index(op.f("ix_cases_target"), table_name="cases")
    op.drop_index(op.f("ix_cases_finding_id"), table_name="cases")
    op.drop_index(op.f("ix_cases_external_id"), table_name="cases")
    op.drop_index(op.f("ix_cases_created_at"), table_name="cases")
    op.drop_index("ix_cases_count_closed_of_unit", table_name="cases")
    op.drop_index("ix_cases_count_closed", table_name="cases")
    op.drop_table("cases")
    op.drop_index("ix_findings_unit_risk", table_name="findings")
    op.drop_index("ix_findings_unit", table_name="findings")
    op.drop_index("ix_findings_supervised", table_name="findings")
    op.drop_index("ix_findings_state_seen", table_name="findings")
    op.drop_index("ix_findings_site_risk", table_name="findings")
    op.drop_index("ix_findings_site_place", table_name="findings")
    op.drop_index("ix_findings_site", table_name="findings")
    op.drop_index("ix_findings_seen", table_name="findings")
    op.drop_index("ix_findings_risk", table_name="findings")
    op.drop_index("ix_findings_queue", table_name="findings")
    op.drop_index("ix_findings_claimed", table_name="findings")
    op.drop_index("ix_findings_plate", table_name="findings")
    op.drop_index("ix_findings_place", table_name="findings")
    op.drop_index("ix_findings_kind_seen", table_name="findings")
    op.drop_index("ix_findings_kind_risk", table_name="findings")
    op.drop_index("ix_findings_decided", table_name="findings")
    op.drop_index("ix_findings_count_found_of_unit", table_name="findings")
    op.drop_index("ix_findings_count_found", table_name="findings")
    op.drop_index("ix_findings_count_decided_of_unit", table_name="findings")
    op.drop_index("ix_findings_count_decided", table_name="findings")
    op.drop_index("ix_findings_cell", table_name="findings")
    op.drop_index("ix_findings_camera_risk", table_name="findings")
    op.drop_index("ix_findings_camera", table_name="findings")
    op.drop_table("findings")
    op.drop_table("upload_parts")
    op.drop_index(op.f("ix_comparisons_state"), table_name="comparisons")
    op.drop_index(op.f("ix_comparisons_site_id"), table_name="comparisons")
    op.drop_index(op.f("ix_comparisons_after_id"), table_name="comparisons")
    op.drop_table("comparisons")
    op.drop_index(op.f("ix_uploads_user_id"), table_name="uploads")
    op.drop_index(op.f("ix_uploads_state"), table_name="uploads")
    op.drop_index(op.f("ix_uploads_expires_at"), table_name="uploads")
    op.drop_table("uploads")
    op.drop_index(op.f("ix_tokens_user_id"), table_name="tokens")
    op.drop_table("tokens")
    op.drop_index(op.f("ix_surveys_state"), table_name="surveys")
    op.drop_index(op.f("ix_surveys_site_id"), table_name="surveys")
    op.drop_index(op.f("ix_surveys_flown_at"), table_name="surveys")
    op.drop_table("surveys")
    op.drop_index("ix_register_entries_place", table_name="register_entries")
    op.drop_table("register_entries")
    op.drop_index(op.f("ix_login_sessions_user_id"), table_name="login_sessions")
    op.drop_index(op.f("ix_login_sessions_expires_at"), table_name="login_sessions")
    op.drop_table("login_sessions")
    op.drop_index(
        "ix_camera_events_unpublished",
        table_name="camera_events",
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.drop_index("ix_camera_events_of_camera", table_name="camera_events")
    op.drop_index(op.f("ix_camera_events_at"), table_name="camera_events")
    op.drop_table("camera_events")
    op.drop_index(op.f("ix_workers_heard_at"), table_name="workers")
    op.drop_table("workers")
    op.drop_index(op.f("ix_warning_states_colour"), table_name="warning_states")
    op.drop_table("warning_states")
    op.drop_index("ix_warning_changes_subject", table_name="warning_changes")
    op.drop_index(op.f("ix_warning_changes_at"), table_name="warning_changes")
    op.drop_table("warning_changes")
    op.drop_table("users")
    op.drop_table("target_states")
    op.drop_table("sites")
    op.drop_index("ix_register_versions_active", table_name="register_versions")
    op.drop_table("register_versions")
    op.drop_index(op.f("ix_login_attempts_name_sha256"), table_name="login_attempts")
    op.drop_index(op.f("ix_login_attempts_at"), table_name="login_attempts")
    op.drop_index(op.f("ix_login_attempts_address"), table_name="login_attempts")
    op.drop_table("login_attempts")
    op.drop_table("ledger_stamps")
    op.drop_index(op.f("ix_ledger_subject"), table_name="ledger")
    op.drop_index("ix_ledger_actor", table_name="ledger")
    op.drop_index(op.f("ix_ledger_action"), table_name="ledger")
    op.drop_table("ledger")
    op.drop_table("exports")
    op.drop_index(
        "uq_cameras_code",
        table_name="cameras",
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_index(op.f("ix_cameras_health"), table_name="cameras")
    op.drop_index(op.f("ix_cameras_enabled"), table_name="cameras")
    op.drop_index("ix_cameras_created", table_name="cameras")
    op.drop_table("cameras")
    op.drop_index(op.f("ix_answered_requests_at"), table_name="answered_requests")
    op.drop_table("answered_requests")
