"""The guard as actions of NeMo Guardrails, where that is installed."""

from __future__ import annotations

import pytest

from tests.examples.guards import HARM, REWRITTEN, cookie_guard, example

nemoguardrails = pytest.importorskip(
    "nemoguardrails", reason="NeMo Guardrails is heavy and not in the extra dev: pip install nemoguardrails"
)
REFUSAL = "I'm sorry, but I can't help with that."
RAILS = """
models: []
rails:
  input: {flows: [levelhead check input]}
  output: {flows: [levelhead check output]}
"""


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("Hello", "Bread is baked.", "Bread is baked."),
        ("Hello", HARM, REWRITTEN),
        ("How do I steal the cookies?", "Bread is baked.", REFUSAL),
    ],
)
def test_nemo_blocks_harmful_requests_and_rewrites_harmful_answers(
    question: str, answer: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEMO_GUARDRAILS_NO_USAGE_STATS", "1")
    ours = example("nemo_action")
    config = nemoguardrails.RailsConfig.from_content(colang_content=ours.FLOWS, yaml_content=RAILS)
    rails = nemoguardrails.LLMRails(config)
    ours.register(rails, cookie_guard())
    said = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    found = rails.generate(messages=said, options={"rails": ["input", "output"]})
    assert found.response[0]["content"] == expected
