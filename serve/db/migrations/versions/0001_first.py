"""The tables of the first release."""

from __future__ import annotations

from alembic import op

from serve.db.tables import Base

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    Base.metadata.create_all(op.get_bind())


def downgrade() -> None:
    """Take back."""
    Base.metadata.drop_all(op.get_bind())
