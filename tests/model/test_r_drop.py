"""The chunked cost of R-Drop against PyTorch's own, in value and in every gradient."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from model_export.model import chunked
from model_export.model.loss import smoothed_cross_entropy
from model_export.model.r_drop import r_drop_cross_entropy

N, D, V = 11, 6, 9


def case() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Features of two passes [2, N, D], weight, bias and targets."""
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(2, N, D, generator=generator, requires_grad=True)
    weight = torch.randn(V, D, generator=generator, requires_grad=True)
    bias = torch.randn(V, generator=generator, requires_grad=True)
    return features, weight, bias, torch.randint(0, V, (N,), generator=generator)


def r_drop_twin(logits: Tensor, targets: Tensor, smoothing: float, alpha: float) -> Tensor:
    """Half of Liang et al. 2021, eq. 4, of whole logits [2, N, V]."""
    p, q = F.log_softmax(logits, 2)
    costs = F.cross_entropy(
        logits.flatten(0, 1), targets.repeat(2), label_smoothing=smoothing, reduction="sum"
    )
    divergences = [
        F.kl_div(input=theirs, target=ours, log_target=True, reduction="sum")
        for ours, theirs in ((p, q), (q, p))
    ]
    return (costs + alpha * (divergences[0] + divergences[1]) / 2) / 2


@pytest.mark.parametrize("alpha", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("chunk_rows", [1, 4, 384])
def test_r_drop_is_its_papers_cost(
    alpha: float, chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunked, "CHUNK_ROWS", chunk_rows)
    features, weight, bias, targets = case()
    ours = r_drop_cross_entropy(features, weight, bias, targets, 0.1, alpha)
    (ours * 0.3).backward()  # type: ignore[no-untyped-call]  # torch has no types for it

    twins = [tensor.detach().clone().requires_grad_() for tensor in (features, weight, bias)]
    expected = r_drop_twin(F.linear(*twins), targets, 0.1, alpha)
    (expected * 0.3).backward()  # type: ignore[no-untyped-call]  # torch has no types for it

    torch.testing.assert_close(ours, expected)
    for tensor, twin in zip((features, weight, bias), twins, strict=True):
        torch.testing.assert_close(tensor.grad, twin.grad, atol=1e-5, rtol=1e-5)


def test_equal_passes_are_not_apart() -> None:
    """So that without dropout R-Drop is the plain cost, whatever its weight."""
    features, weight, bias, targets = case()
    one = features.detach()[0].requires_grad_()
    features = torch.stack([one.detach(), one.detach()]).requires_grad_()
    cost = r_drop_cross_entropy(features, weight, bias, targets, 0.1, 5.0)
    cost.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    plain = smoothed_cross_entropy(one, weight, bias, targets, 0.1)
    plain.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
    torch.testing.assert_close(cost, plain)
    assert features.grad is not None
    torch.testing.assert_close(features.grad.sum(0), one.grad, atol=1e-6, rtol=1e-5)
