"""The config file: closed to what it does not know, and with a reference that cannot lag behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.errors import UsageError
from levelhead.guard.gateway._config import GatewayConfig
from levelhead.guard.gateway._config_file import read_config
from levelhead.guard.gateway._config_reference import config_reference

WHOLE = """
[upstream]
url = "http://127.0.0.1:8000/v1/"
key_env = "UPSTREAM_KEY"
[listen]
port = 9000
[[keys]]
id = "first"
env = "FIRST_KEY"
[policy]
harmful = "block"
[policy.categories.weapons]
response = "block"
threshold = 0.3
[stream]
hold_back = 80
[media]
schemes = ["data"]
[audit]
folder = "audit"
[ui]
key_env = "UI_KEY"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.toml"
    path.write_text(text)
    return path


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, WHOLE))
    assert config.upstream.url == "http://127.0.0.1:8000/v1"
    assert config.policy.categories["weapons"].threshold == 0.3
    assert config.stream.hold_back == 80
    assert config.media.schemes == ("data",)


def test_options_go_before_the_file(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, WHOLE), {"listen": {"port": 1}, "detector": {"name": "lexical"}})
    assert (config.listen.port, config.detector.name, config.upstream.key_env) == (
        1,
        "lexical",
        "UPSTREAM_KEY",
    )


def test_without_a_file_the_gateway_is_closed_where_it_cannot_judge() -> None:
    config = GatewayConfig()
    assert (config.policy.on_uninspected, config.policy.on_failure) == ("block", "block")
    assert all((config.rails.input, config.rails.output, config.rails.pictures))
    assert config.listen.local


WRONG = {
    "unknown-section": ("[rail]\ninput = true", "there is no setting rail"),
    "unknown-field": ("[rails]\ninpt = true", "there is no setting rails.inpt"),
    "unknown-field-of-the-media": ("[media]\nmax_image = 1", "there is no setting media.max_image"),
    "unknown-role": ('[rails]\ninput_roles = ["root"]', "rails.input_roles"),
    "unknown-response": ('[policy]\nharmful = "shrug"', "policy.harmful"),
    "threshold-over-1": ("[detector]\nthreshold = 1.5", "detector.threshold"),
    "infinite-time": ("[upstream]\ntotal_seconds = inf", "upstream.total_seconds"),
    "no-address": ('[upstream]\nurl = "ftp://x"', "upstream.url"),
    "address-with-a-key": ('[upstream]\nurl = "http://user:secret-word@x/v1"', "key_env"),
    "blank-refusal": ('[detoxifier]\nrefusal = " "', "detoxifier.refusal"),
    "key-in-the-file": ('[[keys]]\nid = "a"\nkey = "secret-word"', "there is no setting keys.0.key"),
    "key-from-nowhere": ('[[keys]]\nid = "a"', "exactly one of env and file"),
    "two-keys-of-one-name": ('[[keys]]\nid="a"\nenv="A"\n[[keys]]\nid="a"\nenv="B"', "same id"),
    "page-without-audit": ('[ui]\nkey_env = "A"', r"add a section \[audit\]"),
    "audit-nowhere": ("[audit]\ncontent = true", "exactly one of folder and database_env"),
    "audit-in-two-places": ('[audit]\nfolder = "a"\ndatabase_env = "A"', "exactly one of folder and"),
    "audit-in-a-database-with-files": (
        '[audit]\ndatabase_env = "A"\nkeep_files = 3\nsynchronous = "full"',
        "keep_files and synchronous cannot be set for a log in a database",
    ),
    "audit-in-files-with-days": (
        '[audit]\nfolder = "a"\nkeep_days = 3',
        "keep_days cannot be set for a log in a f",
    ),
    "audit-with-an-address": (
        '[audit]\ndatabase_env = "postgresql://u:secret-word@h/n"',
        "audit.database_env",
    ),
    "no-toml": ("[upstream", "no TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_by_the_name_of_the_field_and_without_its_value(
    tmp_path: Path, name: str
) -> None:
    text, expected = WRONG[name]
    with pytest.raises(UsageError, match=expected) as refused:
        read_config(written(tmp_path, text))
    assert "secret-word" not in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_config(tmp_path / "none.toml")


def test_the_reference_tells_every_setting_with_its_default() -> None:
    reference = config_reference()
    for section in GatewayConfig.model_fields:
        assert f"`[{section}]`" in reference or f"`[[{section}]]`" in reference
    assert "### `[policy.categories.NAME]`" in reference
    rows = [line for line in reference.splitlines() if line.startswith("| `")]
    assert len(rows) > 90
    assert all(row.split(" | ")[2].strip(" |") for row in rows), "a setting has no description"
