"""The optimizer of the tower."""

from __future__ import annotations

import copy

import pytest
import torch

from embedded_vision.muon import Muon, Optimizers, inner_matrices, orthogonal


@pytest.mark.parametrize("shape", [(12, 12), (8, 50), (50, 8)])
def test_a_matrix_comes_near_to_its_own_rotation(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    # None of the singular values is so small that five rounds would not lift it.
    matrix = left @ torch.diag(torch.linspace(0.05, 1, min(shape))) @ right
    found = orthogonal(matrix)
    values = torch.linalg.svdvals(found)
    assert found.shape == shape
    assert values.min() > 0.6
    assert values.max() < 1.3
    # Its singular vectors stay: in them it is diagonal.
    inner = left.T @ found @ right.T
    assert (inner - torch.diag(inner.diagonal())).abs().max() < 1e-4


def test_the_length_of_the_gradient_does_not_matter() -> None:
    torch.manual_seed(0)
    matrix = torch.randn(6, 20)
    assert torch.allclose(orthogonal(matrix), orthogonal(1000 * matrix), atol=1e-4)
    assert not orthogonal(torch.zeros(6, 20)).any()


def test_a_step_is_about_as_long_as_one_of_adamw() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(64, 32, 3, 3))
    weight.grad = torch.randn_like(weight)
    Muon([weight], lr=0.01, weight_decay=0).step()
    assert weight.detach().square().mean().sqrt() == pytest.approx(0.01 * 0.2, rel=0.2)
    assert (weight.detach() * weight.grad).sum() < 0


def test_weights_without_a_gradient_stay_and_others_decay() -> None:
    still, other = (torch.nn.Parameter(torch.ones(4, 4)) for _ in range(2))
    other.grad = torch.zeros(4, 4)
    Muon([still, other], lr=0.1, weight_decay=0.5).step()
    assert torch.equal(still.detach(), torch.ones(4, 4))
    assert torch.allclose(other.detach(), torch.full((4, 4), 0.95))


def test_two_optimizers_go_on_as_one_from_their_saved_states() -> None:
    def made() -> tuple[list[torch.nn.Parameter], Optimizers]:
        torch.manual_seed(0)
        weights = [torch.nn.Parameter(torch.randn(4, 6)), torch.nn.Parameter(torch.randn(4))]
        return weights, Optimizers(Muon(weights[:1]), torch.optim.AdamW(weights[1:]))

    def step(weights: list[torch.nn.Parameter], optimizers: Optimizers) -> None:
        optimizers.zero_grad()
        assert all(weight.grad is None for weight in weights)
        (weights[0] @ torch.ones(6) - weights[1]).square().sum().backward()
        optimizers.step()

    (first, one), (second, two) = made(), made()
    assert len(one.param_groups) == 2
    step(first, one)
    with torch.no_grad():
        for weight, other in zip(first, second, strict=True):
            other.copy_(weight)
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    step(first, one)
    step(second, two)
    assert all(torch.equal(weight, other) for weight, other in zip(first, second, strict=True))


def test_muon_is_for_the_inner_matrices_and_convolutions_of_a_tower(tiny: str) -> None:
    from transformers import DPTModel, LlamaConfig

    from embedded_vision.tower import SIZES, llava_config

    tower = DPTModel(llava_config(SIZES[tiny], LlamaConfig(), image_token_id=0).vision_config)
    matrices, others = inner_matrices(tower)
    assert len(matrices) + len(others) == len(list(tower.parameters()))
    named = {id(weight): name for name, weight in tower.named_parameters()}
    kinds = {weight.dim() for weight in matrices}
    assert kinds == {2, 4}
    assert all("encoder." in named[id(weight)] for weight in matrices if weight.dim() == 2)
    first = [weight for weight in others if weight.dim() == 4]
    assert [weight.shape[1] for weight in first] == [3]
