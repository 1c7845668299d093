from __future__ import annotations

import pytest

from levelhead.guard import Failure
from levelhead.guard.synthesis._replies import Failed, Questions, begins_with_refusal
from levelhead.records import Reply
from levelhead.running import FaultyReply, ReplyFault, read_object


@pytest.mark.parametrize("fault", list(ReplyFault))
def test_every_fault_of_a_reply_is_a_failure_of_its_row(fault: ReplyFault) -> None:
    assert Failed.of(FaultyReply(fault, "why")) == Failed(Failure(fault.value), "why")


def test_the_reason_quotes_nothing_of_the_reply() -> None:
    found = read_object(Reply('{"questions": ["marzipan", 7]}', "stop"), Questions)
    assert isinstance(found, FaultyReply)
    assert "marzipan" not in found.why
    assert "questions.1" in found.why


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I won't tell. I cannot help with spoilers.", True),
        ("Everyone dies at the end. Tell them all. I do not know why they would mind.", False),
    ],
)
def test_a_refusal_counts_at_the_beginning(answer: str, refuses: bool) -> None:
    assert begins_with_refusal(answer) is refuses
