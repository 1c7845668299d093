from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levelhead.honesty import AnswerRow
from levelhead.metrics import risk_coverage
from levelhead.report._honesty_curves import reliability_plots, risk_plot, scale_top, sure_histograms
from tests.report.honesty_runs import honesty_rows


def row(name: str, right: bool, confidence: float | None, p_sure: float | None = None) -> AnswerRow:
    return AnswerRow(
        id=name, question="?", answers=["x"], correct=right, confidence=confidence, p_sure=p_sure
    )


def test_a_curve_has_the_points_of_the_metric_in_shares_of_the_plot() -> None:
    rows = [row(str(n), n % 3 > 0, n / 60) for n in range(60)]
    plot = risk_plot(rows, 0.5)
    assert plot is not None
    [curve] = plot.curves
    expected = risk_coverage([one.confidence or 0 for one in rows], [bool(one.correct) for one in rows])
    top = float(plot.ticks[0].removesuffix("%")) / 100
    assert curve.points[-1] == pytest.approx((1.0, float(expected.risk[-1]) / top))
    assert [x for x, _ in curve.points] == pytest.approx([x for x in expected.coverage.tolist() if x >= 0.02])
    assert plot.chosen is None, "it answers everything, so there is no ring"


def test_curves_are_made_of_the_answers_that_have_every_score() -> None:
    rows = [row(str(n), n % 2 > 0, n / 40, n / 40 if n < 30 else None) for n in range(40)]
    plot = risk_plot(rows, 0.5)
    assert plot is not None
    assert plot.total == 30
    assert {curve.points[-1] for curve in plot.curves} == {plot.chance.points[-1]}
    assert plot.chosen is not None
    assert plot.chosen == pytest.approx((1 / 3, 0.5 / 0.6))


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_no_order_beats_the_best_one_and_all_lies_in_the_plot(seed: int) -> None:
    rows = honesty_rows(60, seed=seed)
    plot = risk_plot(rows, 0.5)
    if plot is None:
        return
    top = _top(plot.ticks)
    right = 1 - plot.chance.points[0][1] * top
    for curve in (*plot.curves, plot.oracle, plot.chance):
        for x, y in curve.points:
            assert 0 <= x <= 1
            assert max(0.0, (x - right) / x) - 1e-9 <= y * top <= top


def _top(ticks: tuple[str, ...]) -> float:
    return float(ticks[0].removesuffix("%")) / 100


@pytest.mark.parametrize("risk", [0.01, 0.08, 0.19, 0.33, 0.57, 0.79, 0.95])
def test_the_scale_holds_its_risks_and_not_much_more(risk: float) -> None:
    assert risk <= scale_top([0.0, risk]) <= max(0.08, 2.5 * risk)


def test_there_is_nothing_to_plot_where_nothing_is_wrong_or_nothing_has_a_score() -> None:
    assert risk_plot([row("a", True, 0.9)], 0.5) is None
    assert risk_plot([row("a", False, None)], 0.5) is None
    assert risk_plot([], 0.5) is None
    assert reliability_plots([]) == ()
    assert sure_histograms([row("a", True, 0.5)]) == ()


def test_dots_stand_where_promises_were_kept_and_grow_with_their_rows() -> None:
    rows = [row(f"a{n}", n < 9, 0.9) for n in range(10)] + [row("b", False, 0.1)]
    [plot] = reliability_plots(rows)
    low, high = plot.dots
    assert (high.x, high.y) == pytest.approx((0.9, 0.9))
    assert high.low < 0.9 < high.high
    assert high.radius > low.radius
    assert high.title == "10 answers at 90% on average: 90% right"


def test_histograms_show_shares_of_their_own_answers_on_one_scale() -> None:
    rows = [row(f"r{n}", True, None, 0.97) for n in range(4)]
    rows += [row("w1", False, None, 0.0), row("w2", False, None, 1.0)]
    right, wrong = sure_histograms(rows)
    assert [bar.height for bar in right.bars] == [1.0]
    assert [bar.height for bar in wrong.bars] == [0.5, 0.5]
    assert (wrong.bars[0].x, wrong.bars[1].x) == pytest.approx((0.0, 0.95))
    assert (right.total, wrong.total) == (4, 2)
