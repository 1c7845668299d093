"""How a guard command ends that went to its end, but not for every line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levelhead.errors import FailedRowsError

if TYPE_CHECKING:
    from levelhead.guard import JudgingReport, RewritingReport


def complain_of_failures(report: JudgingReport | RewritingReport) -> None:
    """End with an error if lines were no pairs or answers got no verdict: all else is done and written.

    Raises:
        FailedRowsError: If there were such.
    """
    said = []
    if report.bad_lines:
        shown = [f"  {line}" for line in report.first_bad_lines]
        hidden = report.bad_lines - len(shown)
        said += [f"{report.bad_lines:,} lines are no pairs; they have no line in the output:", *shown]
        said += [f"  ... and {hidden:,} more"] if hidden else []
        said.append("Mend them and start the same command again: only they are judged then.")
    if report.not_inspected:
        said.append(
            f"{report.not_inspected:,} of {report.rows:,} answers were not inspected, so they have no "
            f"verdict. The first is {report.first_reason}"
        )
    if said:
        raise FailedRowsError("\n".join(said))
