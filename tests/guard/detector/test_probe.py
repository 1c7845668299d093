from __future__ import annotations

from pathlib import Path

import pytest

from levelhead.errors import ModelError, UsageError
from levelhead.guard import Pair, load_detector
from levelhead.guard.detector._probe import PROBE_FILE, LinearProbe, with_beginning
from levelhead.guard.detector._saved import SavedDetector
from levelhead.models._checkpoint import locate
from levelhead.models._classifier import fast_tokenizer
from tests.guard import toys

PAIRS = [Pair("1", "steal it", "how do i get it"), Pair("2", "share"), Pair("3", "buy the buns " * 3)]


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.build_probe(tmp_path_factory.mktemp("probe") / "detector")


def test_a_logit_is_that_of_the_mean_state_of_the_answer_after_the_named_layer(probe: Path) -> None:
    import torch
    from transformers import LlamaForCausalLM

    base = probe.parent / "detector-base"
    model = LlamaForCausalLM.from_pretrained(base)
    tokenizer = fast_tokenizer(str(base))
    line = LinearProbe.load(probe / PROBE_FILE, width=32)
    with load_detector(f"probe:{probe}", threads=1) as detector:
        found = detector.judge(PAIRS)
    for pair, one in zip(PAIRS, found, strict=True):
        head = f"Question: {pair.question}\n\nAnswer: " if pair.question else ""
        ids = tokenizer(head + pair.answer, add_special_tokens=False)["input_ids"]
        first = tokenizer.eos_token_id  # it has no token of its own for the beginning
        with torch.no_grad():
            states = model(torch.tensor([[first, *ids]]), output_hidden_states=True).hidden_states[1][0]
        mean = states[1 + len(head) :].mean(0, keepdim=True)  # a token is a character
        assert one.p_harm == pytest.approx(torch.sigmoid(line.logits(mean)).item(), abs=1e-5)


def test_the_mean_ignores_the_states_of_the_question_the_beginning_and_the_padding() -> None:
    import torch

    from levelhead.models._hidden import HiddenStates

    states = HiddenStates.__new__(HiddenStates)
    states._device, states._read_after, states._blocks = "cpu", (1,), [torch.nn.Identity()]

    def run(input_ids: torch.Tensor, **given: object) -> None:
        states._blocks[0](input_ids.unsqueeze(-1))

    states._model = run
    found = states.means([[900, 70, 1, 2, 6], [900, 4]], [(2, 5), (1, 2)])
    assert found.squeeze().tolist() == [3.0, 4.0]
    assert torch.isnan(states.means([[900]], [(1, 1)])).all()


def test_the_first_layers_alone_are_loaded(probe: Path) -> None:
    from levelhead.models._hidden import HiddenStates

    base = str(probe.parent / "detector-base")
    checkpoint = locate(base, base, dtype="float32", exact=False, threads=1)
    assert len(HiddenStates(checkpoint, [1])._blocks) == 1
    with pytest.raises(UsageError, match="2 layers, and layer 3"):
        HiddenStates(checkpoint, [1, 3])


def test_a_tokenizer_gets_a_beginning_exactly_if_it_writes_none(probe: Path) -> None:
    tokenizer = fast_tokenizer(str(probe.parent / "detector-base"))
    once = with_beginning(tokenizer, "base").encode("a").ids
    assert once[0] == tokenizer.eos_token_id
    assert with_beginning(tokenizer, "base").encode("a").ids == once
    nothing = fast_tokenizer(str(probe.parent / "detector-base"))
    nothing.eos_token = None
    with pytest.raises(UsageError, match="no token for the beginning"):
        with_beginning(nothing, "base")


def test_weights_that_are_no_numbers_give_no_verdict(tmp_path: Path) -> None:
    folder = toys.build_probe(tmp_path / "probe", weight=float("nan"))
    with load_detector(f"probe:{folder}", threads=1) as detector:
        assert not any(one.inspected for one in detector.judge(PAIRS))


def test_another_kind_another_base_and_damaged_files_are_refused(tmp_path: Path) -> None:
    folder = toys.build_probe(tmp_path / "probe")
    with pytest.raises(UsageError, match="Name it probe:"):
        load_detector(f"llm:{folder}", threads=1)
    other = toys.build_causal(tmp_path / "other", seed=5)
    with pytest.raises(UsageError, match="other weights"):
        load_detector(f"probe:{other}+{folder}", threads=1)
    with pytest.raises(UsageError, match="no folder"):
        load_detector(f"probe:{tmp_path / 'nowhere'}", threads=1)
    (folder / PROBE_FILE).write_bytes(b"nothing")
    with pytest.raises(ModelError, match="hash differs"):
        load_detector(f"probe:{folder}", threads=1)


def test_a_probe_of_another_width_is_refused(tmp_path: Path) -> None:
    folder = toys.build_probe(tmp_path / "probe", width=16)
    with pytest.raises(ModelError, match="have 32"):
        load_detector(f"probe:{folder}", threads=1)


def test_a_base_that_is_gone_is_told_with_the_way_to_name_it(tmp_path: Path) -> None:
    folder = toys.build_probe(tmp_path / "probe")
    (tmp_path / "probe-base").rename(tmp_path / "moved")
    with pytest.raises(UsageError, match=r"probe:BASE\+"):
        load_detector(f"probe:{folder}", threads=1)
    with load_detector(f"probe:{tmp_path / 'moved'}+{folder}", threads=1) as detector:
        assert detector.judge(PAIRS)[0].inspected


def test_detectors_that_are_no_probes_keep_the_fingerprint_that_their_calibrations_name() -> None:
    saved = SavedDetector.model_validate(
        {
            "kind": "encoder",
            "format": {"version": 1, "question": True, "picture_text": True},
            "window": 64,
            "files": {},
        }
    )
    # As it was before there were probes.
    assert saved.fingerprint() == "780b6f31f71ac292573218631828fbc7e7f1a04b28cc7c66db482d486d5745ca"
    with pytest.raises(ValueError, match="kind probe"):
        saved.model_validate({**saved.model_dump(), "kind": "probe"})
