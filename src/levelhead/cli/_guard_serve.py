"""levelhead guard serve: an OpenAI-compatible gateway that judges what a model says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levelhead.cli import _guard_options as guard_options


def serve_gateway(
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", help="Base address of the model server: http://127.0.0.1:8080/v1"),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file with all settings; options go before it.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Address; one that others reach needs keys.  [127.0.0.1]")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one.  [8900]")] = None,
    detector: Annotated[
        str | None, typer.Option("--detector", help=f"What judges: {guard_options.DETECTORS}  [encoder]")
    ] = None,
    detoxifier: Annotated[
        str | None,
        typer.Option("--detoxifier", help=f"What rewrites: {guard_options.DETOXIFIERS}  [template]"),
    ] = None,
    reference: Annotated[
        bool, typer.Option("--print-config-reference", help="Print all settings as Markdown, and end.")
    ] = False,
) -> None:
    """Stand in front of a model server: judge, rewrite or refuse what goes in and comes out."""
    from levelhead.errors import UsageError
    from levelhead.guard.gateway import config_reference, read_config, serve

    if reference:
        typer.echo(config_reference(), nl=False)
        return
    if upstream is None and config is None:
        raise UsageError(
            "There is no model server to stand in front of. Give --upstream URL, or --config FILE."
        )
    given = {
        ("upstream", "url"): upstream,
        ("listen", "host"): host,
        ("listen", "port"): port,
        ("detector", "name"): detector,
        ("detoxifier", "name"): detoxifier,
    }
    overrides: dict[str, dict[str, object]] = {}
    for (section, field), value in given.items():
        if value is not None:
            overrides.setdefault(section, {})[field] = value
    settings = read_config(config, overrides)

    def announce(address: str) -> None:
        typer.echo(
            f"Guarding {settings.upstream.url} at {address} with the detector {settings.detector.name}."
        )
        for rail, on in settings.rails:
            if on is False:
                typer.echo(f"The rail {rail} is off: what it would look at is not inspected.")
        typer.echo("Ctrl-C or SIGTERM ends it, after the requests under way.")

    serve(settings, announce=announce)
