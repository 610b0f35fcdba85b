"""``cityeye ledger``: the hash chain checked and written out, without the service running."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serve.cli_exit import exit_codes, read_settings
from vision.errors import InputError

if TYPE_CHECKING:
    from serve.db.engine import Database
    from serve.ledger_check import Verification

app = typer.Typer(
    name="ledger",
    help="The chain over every change and every view of a sealed original.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog="Exit codes: 0 the chain holds, 2 wrong usage, 3 it is broken or unreadable.")
def verify(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", help="An exported ledger; default: the database of the settings.",
            exists=True, dir_okay=False,
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", metavar="NUMBER:SHA256", help="An entry as noted before, which must be there."
        ),
    ] = None,
) -> None:  # fmt: skip
    """Check that nothing was changed, removed, put in or put in another order."""
    with exit_codes():
        from serve.ledger_check import verify_database, verify_file

        expected = _read_head(head) if head else None
        if file is not None:
            found = verify_file(file, expected=expected)
        else:
            database = _database()
            try:
                found = verify_database(database, expected=expected)
            finally:
                database.close()
        _report(found)


@app.command("export", epilog="Exit codes: 0 done, 2 wrong usage, 3 no ledger, 4 failed.")
def export_ledger(
    out: Annotated[Path, typer.Option("--out", help="File to write, JSON lines.", dir_okay=False)],
) -> None:
    """Write the ledger and its time stamps into a file that can be checked anywhere."""
    with exit_codes():
        from serve.ledger_check import export

        database = _database()
        try:
            count = export(database, out)
        finally:
            database.close()
        typer.echo(f"{out}: {count} entries")


def _database() -> Database:
    from serve.db.engine import Database

    settings = read_settings()
    if not settings.database_url and not (settings.data_dir / "cityeye.sqlite").exists():
        raise InputError(
            f"there is no database in {settings.data_dir}; set CITYEYE_DATA_DIR or "
            "CITYEYE_DATABASE_URL to the service's"
        )
    return Database(settings.effective_database_url)


def _read_head(text: str) -> tuple[int, str]:
    number, _, sha256 = text.partition(":")
    if not number.isdecimal() or len(sha256) != 64:
        raise typer.BadParameter("write it as NUMBER:SHA256", param_hint="--head")
    return int(number), sha256.lower()


def _report(found: Verification) -> None:
    for broken in found.breaks:
        typer.echo(f"{broken.number}: {broken.what}")
    if not found.holds:
        raise InputError(f"the ledger does not hold; see {len(found.breaks)} places above")
    proven = f", proven by time stamps up to {found.stamped_number}" if found.stamps else ""
    typer.echo(f"the chain of {found.entries} entries holds{proven}")
    typer.echo(f"head {found.head_number}:{found.head_sha256}")
