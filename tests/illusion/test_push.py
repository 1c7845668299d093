"""Sending a set to a hub: with a stand-in for its client, and with the real client against the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from levelhead.errors import LevelheadError, UsageError
from levelhead.illusion import build, push, read_set
from tests.illusion.sets import CAPITAL, build_set
from tests.illusion.test_build_kinds import Studio
from tests.models.servers import Answer, Asked, ScriptedServer

huggingface_hub = pytest.importorskip("huggingface_hub")


class Hub:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def create_repo(self, **given: Any) -> None:
        self.calls.append(("create_repo", given))

    def upload_folder(self, **given: Any) -> SimpleNamespace:
        self.calls.append(("upload_folder", given))
        return SimpleNamespace(repo_url=f"https://hub/datasets/{given['repo_id']}")


def test_the_set_is_checked_its_repository_made_and_its_folder_sent(tmp_path: Path) -> None:
    data, hub = build_set(tmp_path / "set"), Hub()
    assert push(data, "me/cats", private=True, api=hub) == "https://hub/datasets/me/cats"
    (first, made), (second, sent) = hub.calls
    assert (first, second) == ("create_repo", "upload_folder")
    assert made == {"repo_id": "me/cats", "repo_type": "dataset", "private": True, "exist_ok": True}
    assert (sent["repo_id"], sent["repo_type"], sent["folder_path"]) == ("me/cats", "dataset", data)
    assert "14 pictures" in sent["commit_message"]


def test_a_set_that_is_not_whole_is_not_sent(tmp_path: Path) -> None:
    data, hub = build_set(tmp_path / "set"), Hub()
    read_set(data)[0].path.unlink()
    with pytest.raises(UsageError, match="is not there"):
        push(data, "me/cats", api=hub)
    assert hub.calls == []


def test_pictures_without_a_license_are_not_published(tmp_path: Path) -> None:
    build([CAPITAL], tmp_path, kinds=[Studio()])
    hub = Hub()
    with pytest.raises(UsageError, match="7 pictures have no license"):
        push(tmp_path, "me/cats", api=hub)
    assert hub.calls == []
    push(tmp_path, "me/cats", private=True, api=hub)
    assert len(hub.calls) == 2


@pytest.fixture
def refusing() -> Iterator[ScriptedServer]:
    def script(asked: Asked) -> Answer:
        return Answer({"error": "no"}, 401 if "bad" in asked.headers["authorization"] else 507)

    server = ScriptedServer(script)
    yield server
    server.close()


@pytest.mark.parametrize(
    ("token", "kind", "what"), [("hf_bad", UsageError, "HF_TOKEN"), ("hf_good", LevelheadError, "refuses")]
)
def test_what_the_hub_refuses_is_told(
    refusing: ScriptedServer, tmp_path: Path, token: str, kind: type[Exception], what: str
) -> None:
    endpoint = refusing.url.removesuffix("/v1")
    with pytest.raises(kind, match=what):
        push(build_set(tmp_path), "me/cats", api=huggingface_hub.HfApi(endpoint=endpoint, token=token))
    assert refusing.asked[0].path == "/api/repos/create"
    assert refusing.asked[0].body["name"] == "cats"


def test_a_hub_that_does_not_answer_is_told(tmp_path: Path) -> None:
    nowhere = huggingface_hub.HfApi(endpoint="http://127.0.0.1:9", token="hf_good")
    with pytest.raises(LevelheadError, match="cannot be reached"):
        push(build_set(tmp_path), "me/cats", api=nowhere)


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="OWNER/NAME"):
        push(build_set(tmp_path), "me/cats/and/dogs", api=huggingface_hub.HfApi(token="hf_good"))
