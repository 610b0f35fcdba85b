"""``cityeye user`` and ``cityeye token``: who may use the service, set from its own machine."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from serve.api.access import Role
from serve.cli_exit import exit_codes, read_settings
from vision.errors import InputError

if TYPE_CHECKING:
    from serve.db.tables import Token
    from serve.service import Service

ACTOR = "command line"

users_app = typer.Typer(
    name="user",
    help="Users of the service. The first administrator is made here.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
tokens_app = typer.Typer(
    name="token",
    help="Bearer tokens with which machines call the service.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="User name.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@contextmanager
def _service() -> Iterator[Service]:
    with exit_codes():
        from serve.service import Service

        service = Service(read_settings())
        try:
            yield service
        finally:
            service.close()


@users_app.command("add", epilog="Exit codes: 0 done, 2 wrong usage, 3 refused, 4 failed.")
def add_user(
    name: Name,
    role: Annotated[Role, typer.Option(help="What the user is here for.")],
    display_name: Annotated[str, typer.Option(help="How the user is shown; default: NAME.")] = "",
    language: Annotated[str, typer.Option(help="Of pages: zh or en.")] = "zh",
    password_stdin: FromStdin = False,
) -> None:
    """Add a user."""
    from serve.people import accounts

    if language not in ("zh", "en"):
        raise typer.BadParameter("choose zh or en", param_hint="--language")
    password = _password(from_stdin=password_stdin)
    with _service() as service, service.database.write() as session:
        user = accounts.add(
            session,
            actor=ACTOR,
            name=name,
            role=role,
            password=password,
            display_name=display_name,
            language=language,
        )
        typer.echo(f"{user.name}: added as {role}")


@users_app.command("list")
def list_users() -> None:
    """List all users."""
    import sqlalchemy as sa
    from rich.console import Console
    from rich.table import Table

    from serve.db.tables import User

    with _service() as service:
        with service.database.read() as session:
            rows = session.scalars(sa.select(User).order_by(User.name)).all()
        table = Table("name", "shown as", "role", "state", "since")
        for user in rows:
            state = "disabled" if user.disabled else "enabled"
            table.add_row(user.name, user.display_name, user.role, state, _day(user.created_at))
        Console().print(table)


@users_app.command("disable")
def disable_user(name: Name) -> None:
    """Keep a user out; all sessions end, tokens rest."""
    from serve.people import accounts

    with _service() as service, service.database.write() as session:
        user = accounts.find(session, name)
        accounts.change(session, user, actor=ACTOR, disabled=True)
        user.revision += 1
        typer.echo(f"{user.name}: disabled")


@users_app.command("enable")
def enable_user(name: Name) -> None:
    """Let a user in again."""
    from serve.people import accounts

    with _service() as service, service.database.write() as session:
        user = accounts.find(session, name)
        accounts.change(session, user, actor=ACTOR, disabled=False)
        user.revision += 1
        typer.echo(f"{user.name}: enabled")


@users_app.command("password")
def set_password(name: Name, password_stdin: FromStdin = False) -> None:
    """Give a user another password; all sessions and locks end."""
    from serve.people import accounts

    password = _password(from_stdin=password_stdin)
    with _service() as service, service.database.write() as session:
        user = accounts.find(session, name)
        accounts.set_password(session, user, password, actor=ACTOR)
        typer.echo(f"{user.name}: has a new password")


@tokens_app.command("add", epilog="Exit codes: 0 done, 2 wrong usage, 3 refused, 4 failed.")
def add_token(
    user: Annotated[str, typer.Argument(help="Whose token; it may no more than they may.")],
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(help="RESOURCE:read, RESOURCE:write or *; may be given several times."),
    ],
    days: Annotated[
        int | None, typer.Option(min=1, max=36500, help="Days it is good for; default: for ever.")
    ] = None,
) -> None:
    """Make a token and print it; it cannot be shown again."""
    from serve.app import ROUTERS
    from serve.db.tables import utc_now
    from serve.people import accounts, tokens

    resources = {tokens.METRICS, *(str(tag) for router in ROUTERS for tag in router.tags)}
    with _service() as service, service.database.write() as session:
        owner = accounts.find(session, user)
        scopes = tokens.check_scopes(scope, resources=resources)
        _, secret = tokens.create(
            session,
            owner,
            actor=ACTOR,
            name=name,
            scopes=scopes,
            expires_at=utc_now() + timedelta(days=days) if days else None,
        )
    # Alone on its line, so that it can be put into a variable.
    typer.echo(secret)


@tokens_app.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Argument(help="Only this user's.")] = None,
) -> None:
    """List tokens, without their secrets."""
    import sqlalchemy as sa
    from rich.console import Console
    from rich.table import Table

    from serve.db.tables import Token, User
    from serve.people import accounts

    with _service() as service:
        with service.database.read() as session:
            query = sa.select(Token, User.name).join(User, User.id == Token.user_id)
            if user is not None:
                query = query.where(Token.user_id == accounts.find(session, user).id)
            rows = session.execute(query.order_by(User.name, Token.id)).all()
        table = Table("id", "user", "name", "scopes", "state", "last used")
        for token, owner in rows:
            used = _day(token.last_used_at) if token.last_used_at else "never"
            table.add_row(token.id, owner, token.name, " ".join(token.scopes), _state(token), used)
        Console().print(table)


@tokens_app.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="Its id, as cityeye token list shows it.")],
) -> None:
    """Make a token useless."""
    from serve.people import tokens

    with _service() as service, service.database.write() as session:
        token = tokens.revoke(session, token_id, actor=ACTOR)
        typer.echo(f"{token.name}: revoked")


def _password(*, from_stdin: bool) -> str:
    from serve.people.accounts import MAX_PASSWORD_LENGTH

    with exit_codes():
        if from_stdin:
            return sys.stdin.readline(MAX_PASSWORD_LENGTH + 2).rstrip("\r\n")
        if not sys.stdin.isatty():
            raise InputError("no terminal to ask for the password; use --password-stdin")
    typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed


def _state(token: Token) -> str:
    from serve.db.tables import utc_now

    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is None:
        return "good"
    return "over" if token.expires_at < utc_now() else f"good until {_day(token.expires_at)}"


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d")
