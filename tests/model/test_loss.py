"""The chunked loss against PyTorch's own, in value and in every gradient."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model_export.model import chunked
from model_export.model.loss import Copying, smoothed_cross_entropy

N, D, V = 11, 6, 9


def case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(N, D, generator=generator, requires_grad=True)
    weight = torch.randn(V, D, generator=generator, requires_grad=True)
    bias = torch.randn(V, generator=generator, requires_grad=True)
    return features, weight, bias, torch.randint(0, V, (N,), generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("chunk_rows", [1, 4, N, 384])
def test_it_is_the_cross_entropy_of_pytorch(
    smoothing: float, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked, "CHUNK_ROWS", chunk_rows)
    features, weight, bias, targets = case()
    ours = smoothed_cross_entropy(features, weight, bias, targets, smoothing)
    # A factor, as when the cost is divided by the batch's tokens.
    (ours * 0.3).backward()  # type: ignore[no-untyped-call]  # torch has no types for it

    twins = [tensor.detach().clone().requires_grad_() for tensor in (features, weight, bias)]
    expected = F.cross_entropy(
        F.linear(*twins), targets, label_smoothing=smoothing, reduction="sum"
    )
    (expected * 0.3).backward()  # type: ignore[no-untyped-call]  # torch has no types for it

    torch.testing.assert_close(ours, expected)
    for tensor, twin in zip((features, weight, bias), twins, strict=True):
        torch.testing.assert_close(tensor.grad, twin.grad, atol=1e-5, rtol=1e-5)


def test_in_bfloat16_it_is_near_the_float32_one() -> None:
    features, weight, bias, targets = case()
    exact = smoothed_cross_entropy(features, weight, bias, targets, 0.1)
    rough = smoothed_cross_entropy(features.bfloat16(), weight, bias, targets, 0.1)
    assert rough.dtype is torch.float32
    torch.testing.assert_close(rough, exact, rtol=0.02, atol=0.0)
    rough.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    assert weight.grad is not None
    assert weight.grad.dtype is torch.float32


def test_no_target_costs_nothing() -> None:
    features, weight, bias, targets = case()
    cost = smoothed_cross_entropy(features[:0], weight, bias, targets[:0], 0.1)
    assert cost == 0


def copying_case() -> Copying:
    """Masses from none to nearly all, with gates nearly shut and nearly open."""
    mass = torch.tensor([0, 0.1, 0.5, 0.9, 1e-20, 0, 0.3, 1e-42, 0.7, 1, 0.2], requires_grad=True)
    odds = torch.linspace(-9, 9, N).requires_grad_()
    return Copying(odds, mass)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk_rows", [1, 4, N])
def test_of_a_mixture_it_is_the_cost_by_autograd(
    smoothing: float, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked, "CHUNK_ROWS", chunk_rows)
    features, weight, bias, targets = case()
    copying = copying_case()
    ours = smoothed_cross_entropy(features, weight, bias, targets, smoothing, copying)
    (ours * 0.3).backward()  # type: ignore[no-untyped-call]  # torch has no types for it

    leaves = (features, weight, bias, copying.odds, copying.mass)
    twins = [tensor.detach().double().requires_grad_() for tensor in leaves]
    log_probs = F.log_softmax(F.linear(*twins[:3]), dim=1)
    gate = torch.sigmoid(twins[3])
    generated = log_probs.gather(1, targets.unsqueeze(1)).squeeze(1)
    mixed = gate * generated.exp() + (1 - gate) * twins[4]
    share = (gate * generated.exp() / mixed).detach()
    expected = (share * smoothing * (generated - log_probs.mean(1)) - mixed.log()).sum()
    (expected * 0.3).backward()  # type: ignore[no-untyped-call]  # torch has no types for it

    torch.testing.assert_close(ours.double(), expected, rtol=1e-5, atol=0.0)
    for tensor, twin in zip(leaves[:4], twins[:4], strict=True):
        assert tensor.grad is not None
        torch.testing.assert_close(tensor.grad.double(), twin.grad, atol=1e-5, rtol=1e-4)
    # Where there is nothing to copy from, the gradient has nowhere to go.
    assert copying.mass.grad is not None
    assert twins[4].grad is not None
    some = copying.mass > 1e-30
    assert (copying.mass.grad[~some] == 0).all()
    torch.testing.assert_close(
        copying.mass.grad[some].double(), twins[4].grad[some], atol=1e-5, rtol=1e-4
    )


def test_an_open_gate_costs_what_generating_alone_does() -> None:
    features, weight, bias, targets = case()
    alone = smoothed_cross_entropy(features, weight, bias, targets, 0.1)
    open_gate = Copying(torch.full((N,), 60.0), torch.full((N,), 0.5))
    torch.testing.assert_close(
        smoothed_cross_entropy(features, weight, bias, targets, 0.1, open_gate), alone
    )


def test_the_surest_copy_costs_nothing_and_is_not_smoothed() -> None:
    features, weight, bias, targets = case()
    shut = Copying(torch.full((N,), -60.0), torch.ones(N))
    cost = smoothed_cross_entropy(features, weight, bias, targets, 0.1, shut)
    assert cost.abs() < 1e-5
