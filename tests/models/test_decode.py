"""The decoder against plain arithmetic: its choices, its log-probabilities, its shared prefixes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from levelhead.models import Sampling, _decode
from levelhead.models._decode import Decoder
from tests.models import checkpoints

ROWS = [list(range(10, 30)), [*range(10, 25), 40, 41], [*range(10, 25), 50], list(range(60, 63))]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    folder = checkpoints.build_text(tmp_path_factory.mktemp("network"))
    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()


def never(tokens: list[int]) -> bool:
    return False


def by_hand(network: Any, row: list[int], steps: int, end: int) -> tuple[list[int], list[float]]:
    """Greedy decoding without cache, batch or padding."""
    import torch

    tokens: list[int] = []
    log_probs: list[float] = []
    for _ in range(steps):
        with torch.inference_mode():
            distribution = network(torch.tensor([row + tokens])).logits[0, -1].log_softmax(-1)
        best = int(distribution.argmax())
        if best == end:
            break
        tokens.append(best)
        log_probs.append(float(distribution[best]))
    return tokens, log_probs


@pytest.mark.parametrize("rows", [ROWS, ROWS[:3], ROWS[:1]], ids=["mixed", "shared prefix", "alone"])
def test_greedy_decoding_equals_decoding_by_hand(network: Any, rows: list[list[int]]) -> None:
    emitted = Decoder(network, frozenset({2})).decode(rows, Sampling(max_new_tokens=7), never)
    for row, [one] in zip(rows, emitted, strict=True):
        tokens, log_probs = by_hand(network, row, 7, end=2)
        assert one.tokens == tokens
        assert one.log_probs == pytest.approx(log_probs, abs=1e-4)


def test_rows_that_end_leave_the_batch_and_the_others_go_on_unchanged(network: Any) -> None:
    free = Decoder(network, frozenset()).decode(ROWS, Sampling(max_new_tokens=6), never)
    end = free[1][0].tokens[1]  # row 1 ends after its first token
    emitted = Decoder(network, frozenset({end})).decode(ROWS, Sampling(max_new_tokens=6), never)
    for row, [one] in zip(ROWS, emitted, strict=True):
        assert one.tokens == by_hand(network, row, 6, end)[0]
    assert emitted[1][0].ended
    assert len(emitted[1][0].tokens) == 1


def test_a_stop_is_asked_after_every_token_and_keeps_it(network: Any) -> None:
    emitted = Decoder(network, frozenset()).decode(
        ROWS, Sampling(max_new_tokens=9), lambda tokens: len(tokens) == 3
    )
    assert [len(one.tokens) for [one] in emitted] == [3] * len(ROWS)
    assert all(one.ended for [one] in emitted)


CONTINUATIONS = [[[70]], [[70, 71], [72, 70, 71]], [[75, 76, 77]], [[80], [81, 82]]]


def test_a_score_is_what_the_network_gives_each_token_of_the_whole_row(network: Any) -> None:
    import torch

    scores = Decoder(network, frozenset({2})).score(ROWS, CONTINUATIONS)
    for head, own, given in zip(ROWS, CONTINUATIONS, scores, strict=True):
        for tokens, score in zip(own, given, strict=True):
            with torch.inference_mode():
                distribution = network(torch.tensor([head + tokens])).logits[0].log_softmax(-1)
            expected = [float(distribution[len(head) + at - 1, token]) for at, token in enumerate(tokens)]
            assert score == pytest.approx(expected, abs=1e-4)


def test_the_prefix_cache_is_not_changed_by_its_use(network: Any) -> None:
    decoder = Decoder(network, frozenset({2}))
    first = decoder.score(ROWS[:3], CONTINUATIONS[:3])
    decoder.decode(ROWS[:3], Sampling(max_new_tokens=5), never)
    assert decoder.score(ROWS[:3], CONTINUATIONS[:3]) == first


@pytest.mark.slow
@pytest.mark.parametrize("top_p", [0.7, 1.0])
def test_samples_follow_the_distribution_of_the_network_within_the_nucleus(
    network: Any, top_p: float
) -> None:
    import torch

    with torch.inference_mode():
        logits = network(torch.tensor([ROWS[0]])).logits[0, -1]
    warm = (logits / 0.8).softmax(-1)
    ranked, order = warm.sort(descending=True)
    count = min(int((ranked.cumsum(0) < top_p).sum()) + 1, len(warm))
    nucleus = {
        int(token): float(share / ranked[:count].sum())
        for token, share in zip(order[:count], ranked, strict=False)
    }
    drawn = Counter(
        one.tokens[0]
        for seed in range(8)
        for one in Decoder(network, frozenset()).decode(
            [ROWS[0]], Sampling(max_new_tokens=1, temperature=0.8, top_p=top_p, n=500, seed=seed), never
        )[0]
    )
    assert drawn.keys() <= nucleus.keys()
    for token, share in nucleus.items():
        spread = (share * (1 - share) / 4000) ** 0.5
        assert abs(drawn[token] / 4000 - share) < 4.5 * spread + 1e-9


def test_a_nucleus_wider_than_the_tokens_that_are_tried_is_drawn_from_all_the_same(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampling = Sampling(max_new_tokens=6, temperature=1.5, top_p=0.95, n=20, seed=3)
    wanted = Decoder(network, frozenset({2})).decode(ROWS, sampling, never)
    monkeypatch.setattr(_decode, "_NUCLEUS_TRIED", 2)
    found = Decoder(network, frozenset({2})).decode(ROWS, sampling, never)
    assert [[one.tokens for one in own] for own in found] == [[one.tokens for one in own] for own in wanted]
    assert len({token for own in found for one in own for token in one.tokens}) > 2


def test_a_draw_never_falls_on_a_token_without_a_chance() -> None:
    import torch

    chances = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]]).expand(5, -1)
    draws = torch.tensor([0.0, 0.29, 0.31, 0.99, 1.0])[:, None]
    assert _decode._drawn(chances, draws)[:, 0].tolist() == [1, 1, 3, 3, 3]
    assert _decode._drawn_of_nucleus(chances, draws, 0.6)[:, 0].tolist() == [3] * 5


def test_a_sample_does_not_depend_on_its_neighbours(network: Any) -> None:
    sampling = Sampling(max_new_tokens=6, temperature=1.0, n=2, seed=3)
    together = Decoder(network, frozenset({2})).decode(ROWS, sampling, never)
    for row, samples in zip(ROWS, together, strict=True):
        [alone] = Decoder(network, frozenset({2})).decode([row], sampling, never)
        assert [one.tokens for one in alone] == [one.tokens for one in samples]
