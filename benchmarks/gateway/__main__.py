"""`python -m gateway install|run|plot`: see README.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from gateway.install import REQUIREMENTS, install
from gateway.plot import write_plot
from gateway.report import print_table
from gateway.run import Plan, measure


def main() -> int:
    parser = argparse.ArgumentParser(prog="gateway", description="Compare guards in front of a model server.")
    actions = parser.add_subparsers(dest="action", required=True)
    installing = actions.add_parser("install", help="make the environments of the guards")
    installing.add_argument("only", nargs="*", choices=[[], *REQUIREMENTS], help="environments; all if none")
    running = actions.add_parser("run", help="measure")
    running.add_argument("--detector", help="folder of an encoder for T2; without it T2 is left out")
    running.add_argument("--tiers", nargs="+", choices=Plan.tiers, default=Plan.tiers)
    running.add_argument("--minutes", type=float, default=7.5, help="about so long, all in all")
    running.add_argument("--starts", type=int, default=2, help="cold starts of each server at each tier")
    running.add_argument("--max-load", type=float, default=1.0, help="load average past which it refuses")
    running.add_argument("--seed", type=int, default=0)
    for one in (installing, running):
        one.add_argument("--environments", type=Path, required=True, help="folder, outside of the repository")
    plotting = actions.add_parser("plot", help="draw a result again, and print its table")
    for one in (running, plotting):
        one.add_argument("--out", type=Path, required=True, help="JSON file; the plot goes beside it as .svg")
    options = parser.parse_args()
    if options.action == "install":
        install(options.environments.resolve(), options.only or tuple(REQUIREMENTS))
        return 0
    if options.action == "run":
        plan = Plan(
            options.environments.resolve(),
            options.detector and f"lexical+encoder:{Path(options.detector).resolve()}",
            tuple(options.tiers),
            options.minutes * 60,
            options.starts,
            options.max_load,
            options.seed,
        )
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(measure(plan, Path(folder)))
        options.out.write_text(json.dumps(found, indent=1) + "\n")
    found = json.loads(options.out.read_text())
    write_plot(found, options.out.with_suffix(".svg"))
    print_table(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
