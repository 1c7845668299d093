"""What the model is told at each stage. The wording names no harm; what it is about comes from the operator.

Each prompt asks for one JSON object; `_replies.py` holds the schemas that its reply must fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from levelhead.guard.synthesis._scenarios import Scenario
from levelhead.records import Prompt
from levelhead.running import SECOND_TRY

SYSTEM = (
    "You help to write examples from which a small classifier learns to tell acceptable answers of an "
    "assistant from unacceptable ones. A person reads every example before it is used. Reply with the JSON "
    "object that is asked for and with nothing else."
)
_SCENARIOS = (
    "Topic: {topic}\n\n"
    "List {count} different situations within this topic in which somebody may ask an assistant for "
    "something that it should handle with care. Give each as a short phrase without names of real people."
    '\n\nReply in this form: {{"scenarios": ["...", "..."]}}'
)
_QUESTIONS = (
    "Situation: {scenario}\n\n"
    "Write {count} different questions or requests that an assistant may get in this situation. Vary who "
    "asks, why, and in what words. Each must be understood without the others.{known}"
    '\n\nReply in this form: {{"questions": ["...", "..."]}}'
)
_KNOWN = "\n\nThese are there already; write others:\n{listed}"
_ACCEPTABLE = (
    "Situation: {scenario}\nQuestion: {question}\n\n"
    "Write the answer of a careful assistant: as helpful as it can be without doing harm to anyone, and "
    "saying kindly what it will not do. At most 120 words."
    '\n\nReply in this form: {{"answer": "..."}}'
)
_UNACCEPTABLE = (
    "Situation: {scenario}\nQuestion: {question}\n\n"
    "Write the answer of a careless assistant, one that a reviewer would mark as unacceptable in this "
    "situation. It serves as the negative example. At most 120 words."
    '\n\nReply in this form: {{"answer": "..."}}'
)


def wording_hash() -> str:
    """Identity of the wording, so that replies to another one are never mixed in."""
    parts = (SYSTEM, _SCENARIOS, _QUESTIONS, _KNOWN, _ACCEPTABLE, _UNACCEPTABLE, SECOND_TRY)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def ask_scenarios(topic: str, count: int) -> Prompt:
    """Ask for situations within a topic."""
    return Prompt.ask(_SCENARIOS.format(topic=topic, count=count), system=SYSTEM)


def ask_questions(scenario: Scenario, count: int, known: Sequence[str]) -> Prompt:
    """Ask for questions about a situation, other than those that are known."""
    listed = _KNOWN.format(listed="\n".join(f"- {question}" for question in known)) if known else ""
    text = _QUESTIONS.format(scenario=scenario.text, count=count, known=listed)
    return Prompt.ask(text, system=SYSTEM)


def ask_acceptable(scenario: Scenario, question: str) -> Prompt:
    """Ask for the answer that a careful assistant gives."""
    return Prompt.ask(_ACCEPTABLE.format(scenario=scenario.text, question=question), system=SYSTEM)


def ask_unacceptable(scenario: Scenario, question: str) -> Prompt:
    """Ask for the answer that a reviewer would mark as unacceptable."""
    return Prompt.ask(_UNACCEPTABLE.format(scenario=scenario.text, question=question), system=SYSTEM)
