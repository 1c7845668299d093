"""Our verdicts as scores of Inspect."""

from __future__ import annotations

from inspect_ai.scorer import CORRECT, INCORRECT, NOANSWER, Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from levelhead.answers import paper_correct
from levelhead.illusion import Mode, judge_reply
from levelhead.inspect._messages import to_reply
from levelhead.inspect._metrics import illusion_numbers_of
from levelhead.inspect._samples import to_example
from levelhead.records import Verdict

_VALUES = {Verdict.CORRECT: CORRECT, Verdict.PICTURED: INCORRECT, Verdict.OTHER: INCORRECT}


@scorer(metrics=[illusion_numbers_of()])
def illusion_verdict(mode: Mode = "corrected") -> Scorer:
    """Judge a reply: correct, pictured, other, refused, empty or failed.

    The verdict stands in the score's metadata; its value is C for correct, I for pictured and other, and N
    for the rest.

    Args:
        mode: `corrected`, or `paper`: a reply is right if the right answer is a substring of it.
    """

    async def score(state: TaskState, target: Target) -> Score:
        example, reply = to_example(state.sample_id, state.metadata), to_reply(state.output)
        verdict = judge_reply(example, reply, mode)
        by_paper = reply.error is None and paper_correct(reply.text, str(example.metadata["gold"]))
        return Score(
            value=_VALUES.get(verdict, NOANSWER),
            answer=reply.text,
            explanation=reply.error or verdict.value,
            metadata={"verdict": verdict.value, "paper_correct": by_paper},
        )

    return score
