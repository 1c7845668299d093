"""levelhead guard audit: check the gateway's audit log, export what people marked in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levelhead.errors import LevelheadError, UsageError

if TYPE_CHECKING:
    from levelhead.guard import AuditDatabase

app = typer.Typer(
    help="Check the audit log of a gateway; export what people marked on its page.", no_args_is_help=True
)

LogFolder = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="Folder of the log: `audit.folder`.", show_default=False),
]
LogDatabase = Annotated[
    str | None,
    typer.Option(
        "--database-env",
        metavar="NAME",
        help="In place of a folder, the environment variable with the address of the database: "
        "`audit.database_env`.",
    ),
]


@app.command("verify")
def verify_audit(
    folder: LogFolder = None,
    database_env: LogDatabase = None,
    head: Annotated[
        str | None, typer.Option("--head", help="Hash of a row, noted earlier, that must stand in the log.")
    ] = None,
) -> None:
    """Check that no row was edited, deleted or moved; name the first that was. The log may be in use."""
    from levelhead.guard import verify_audit_log

    found = verify_audit_log(_place(folder, database_env), head=head)
    place = "the database" if found.files is None else f"{found.files:,} files"
    typer.echo(
        f"{found.last - found.first + 1:,} rows in {place} hold together, from row {found.first:,} to row "
        f"{found.last:,}."
    )
    if found.first > 1:
        gone = "were removed" if found.files is None else "stood in files that are not here any more"
        typer.echo(f"Rows before {found.first:,} {gone}.")
    if found.lost:
        typer.echo(f"By its own account, {found.lost:,} decisions could not be recorded.")
    if found.contents or found.deleted_contents:
        typer.echo(
            f"The texts of {found.contents:,} decisions are kept; those of {found.deleted_contents:,} were "
            "deleted."
        )
    if found.broken is not None:
        raise LevelheadError(f"The chain breaks at {found.broken}.")
    typer.echo(f"\nHash of the last row: {found.hash}\nNote it elsewhere; later, --head looks for it.")


@app.command("export")
def export_audit(
    out: Annotated[Path, typer.Option("--out", help="PAIRS.jsonl: id, question, answer, label ...")],
    folder: LogFolder = None,
    database_env: LogDatabase = None,
) -> None:
    """Write decisions that people marked right or wrong, and whose texts were kept, as training data."""
    from levelhead.guard import export_marks

    report = export_marks(_place(folder, database_env), out)
    typer.echo(
        f"{report.pairs:,} marked decisions written, {report.harmful:,} of them harmful; "
        f"{report.without_texts:,} left out, since their texts were not kept.\nPairs: {out}"
    )


def _place(folder: Path | None, database_env: str | None) -> Path | AuditDatabase:
    from levelhead.guard import AuditDatabase

    if (folder is None) == (database_env is None):
        raise UsageError("Give either the folder of the log or --database-env, the variable of its database.")
    return folder or AuditDatabase(database_env or "")
