"""The files for running a gateway: each is read by the program that it is for, where that is installed."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from levelhead.guard.gateway import config_reference, read_config
from levelhead.guard.gateway._serve import check_config
from tests.deploy.tools import DEPLOY, ROOT, program, said_by

UNIT, CONTAINER = DEPLOY / "levelhead-guard.service", DEPLOY / "Containerfile"


def blocks(page: str, language: str) -> list[str]:
    """The code of one language in a page of the docs."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_config_is_one_and_is_not_open_to_others_without_a_key() -> None:
    config = read_config(DEPLOY / "gateway.toml")
    check_config(config)
    assert not config.listen.local


@pytest.mark.parametrize("number", range(len(blocks("gateway.md", "toml"))))
def test_every_config_in_the_docs_is_one(tmp_path: Path, number: int) -> None:
    block = blocks("gateway.md", "toml")[number]
    if "[ui]" in block:
        block += '[audit]\nfolder = "audit"\n'
    (tmp_path / "gateway.toml").write_text(block)
    check_config(read_config(tmp_path / "gateway.toml"))


def test_the_reference_of_the_settings_in_the_docs_is_what_the_model_says() -> None:
    written = (ROOT / "docs" / "gateway_settings.md").read_text(encoding="utf-8")
    assert written.partition("\n\n")[2].partition("\n\n")[2] == config_reference(), (
        "run: levelhead guard serve --print-config-reference, and paste it below the first two paragraphs"
    )


@pytest.mark.parametrize("file", [UNIT, CONTAINER], ids=["unit", "container"])
def test_the_command_is_one_of_ours(file: Path) -> None:
    found = re.search(r"^(?:ExecStart=|ENTRYPOINT )(.*)$", file.read_text(), re.MULTILINE)
    assert found is not None
    words = json.loads(found[1]) if found[1].startswith("[") else found[1].split()
    assert Path(words[0]).name == "levelhead"
    command = [sys.executable, "-m", "levelhead", *words[1:3], "--help"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert all(word in told.stdout for word in words[3:] if word.startswith("--"))


def test_systemd_waits_longer_than_the_gateway_drains() -> None:
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert stop is not None
    listen = read_config(DEPLOY / "gateway.toml").listen
    assert int(stop[1]) > listen.lame_duck_seconds + listen.drain_seconds


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/levelhead/bin/levelhead", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr, done.stderr


def test_the_container_runs_as_nobody_and_tells_its_health() -> None:
    words = [line.split(maxsplit=1)[0] for line in CONTAINER.read_text().splitlines() if line[:1].isupper()]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "HEALTHCHECK" in words
    assert "USER 65534:65534" in CONTAINER.read_text()


def test_hadolint_finds_nothing_wrong_with_the_container_file() -> None:
    said_by([program("hadolint"), CONTAINER])


def test_extras_that_the_files_name_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.findall(r"levelhead\[([\w,]+)\]", CONTAINER.read_text())
    assert named
    assert {extra for one in named for extra in one.split(",")} <= set(extras)


def test_the_library_in_the_docs_does_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = (one for one in blocks("gateway.md", "python") if "Guard(" in one)
    found: dict[str, Any] = {}
    # The shipped encoder is not in every build; what is shown here is the guard.
    exec(compile(block.replace("encoder", "lexical"), "docs/gateway.md", "exec"), found)
    assert capsys.readouterr().out.startswith("allow ")
    assert asyncio.run(found["ask_later"]("Where is bread baked?")) == "Bread is baked in an oven."
