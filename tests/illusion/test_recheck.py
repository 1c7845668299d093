"""The re-check of the bank says what was drawn, and its shares are counted from that."""

import random
from pathlib import Path

import pytest

from levelhead.illusion import bank_recheck, load_questions
from levelhead.illusion._recheck import FINDINGS
from levelhead.metrics import wilson

REPORT = Path(__file__).parents[2] / "results" / "bank_recheck.md"


def test_the_rows_that_were_read_are_those_that_the_seed_draws() -> None:
    recheck = bank_recheck()
    ids = [question.id for question in load_questions()]
    places = sorted(random.Random(recheck.seed).sample(range(len(ids)), 100))
    assert list(recheck.drawn) == [ids[place] for place in places]


def test_the_error_rate_is_the_share_of_rows_with_a_finding_and_its_wilson_interval() -> None:
    recheck = bank_recheck()
    rate = recheck.error_rate()
    assert rate.n == 100
    assert rate.value == pytest.approx(len(recheck.findings) / 100)
    assert (rate.low, rate.high) == pytest.approx(wilson(len(recheck.findings), 100))
    for finding in FINDINGS:
        of_kind = recheck.error_rate(finding)
        assert of_kind.value == pytest.approx(
            sum(finding in found for found in recheck.findings.values()) / 100
        )


def test_the_written_report_names_every_finding_and_every_changed_row() -> None:
    recheck = bank_recheck()
    text = REPORT.read_text(encoding="utf-8")
    assert recheck.findings.keys() <= set(recheck.drawn)
    for identity in (*recheck.findings, *recheck.asked_otherwise, *recheck.judged_otherwise):
        assert identity in text
    assert f"| any of these | {len(recheck.findings)} |" in text
