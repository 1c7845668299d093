"""levelhead guard audit: check the gateway's audit log, export what people marked in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levelhead.errors import LevelheadError

app = typer.Typer(
    help="Check the audit log of a gateway; export what people marked on its page.", no_args_is_help=True
)

LogFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder of the log: `audit.folder`.", show_default=False)
]


@app.command("verify")
def verify_audit(
    folder: LogFolder,
    head: Annotated[
        str | None, typer.Option("--head", help="Hash of a row, noted earlier, that must stand in the log.")
    ] = None,
) -> None:
    """Check that no row was edited, deleted or moved; name the first that was. The log may be in use."""
    from levelhead.guard import verify_audit_log

    found = verify_audit_log(folder, head=head)
    typer.echo(
        f"{found.last - found.first + 1:,} rows in {found.files:,} files hold together, from row "
        f"{found.first:,} to row {found.last:,}."
    )
    if found.first > 1:
        typer.echo(f"Rows before {found.first:,} stood in files that are not here any more.")
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
    folder: LogFolder,
    out: Annotated[Path, typer.Option("--out", help="PAIRS.jsonl: id, question, answer, label ...")],
) -> None:
    """Write decisions that people marked right or wrong, and whose texts were kept, as training data."""
    from levelhead.guard import export_marks

    report = export_marks(folder, out)
    typer.echo(
        f"{report.pairs:,} marked decisions written, {report.harmful:,} of them harmful; "
        f"{report.without_texts:,} left out, since their texts were not kept.\nPairs: {out}"
    )
