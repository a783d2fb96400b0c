"""The chunked loss against PyTorch's own, in value and in every gradient."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model_export.model import loss
from model_export.model.loss import smoothed_cross_entropy

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
    monkeypatch.setattr(loss, "CHUNK_ROWS", chunk_rows)
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
