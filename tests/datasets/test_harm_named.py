from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.datasets import HARM_SETS, TRAINABLE, read_harm_set, require_trainable
from levelhead.errors import UsageError
from tests.datasets.files import write_jsonl


def test_seven_sets_may_be_trained_on() -> None:
    assert sorted(TRAINABLE) == [
        "diasafety",
        "gptfuzz",
        "halueval",
        "hh_rlhf_harmless",
        "jailbreakbench_artifacts",
        "llm_self_defense",
        "refusal_direction",
    ]
    require_trainable(TRAINABLE)


@pytest.mark.parametrize("name", sorted(HARM_SETS.keys() - TRAINABLE))
def test_every_other_set_is_refused_by_name_with_the_reason(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_trainable(["gptfuzz", name])
    assert f"Not for training: {name} ({HARM_SETS[name].forbidden})." in str(caught.value)


def test_an_unknown_set_is_refused_for_training_and_reading() -> None:
    with pytest.raises(UsageError, match=r"no harm set gptfuz\. There are: beavertails"):
        require_trainable(["gptfuz"])
    with pytest.raises(UsageError, match="no harm set gptfuz"):
        read_harm_set("gptfuz:folder")


def test_a_set_is_read_from_the_folder_after_its_name(tmp_path: Path) -> None:
    row = {"user_query": "Hm?", "chatgpt_response": "A.", "hallucination": "no", "hallucination_spans": []}
    write_jsonl(tmp_path / "general_data.json", [row])
    assert [one.source for one in read_harm_set(f"halueval:{tmp_path}")] == ["halueval"]


@pytest.mark.parametrize("name", ["halueval", "halueval:"])
def test_a_name_without_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="names no folder"):
        read_harm_set(name)
