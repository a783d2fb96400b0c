"""Rounding of activations that nothing bounds: the ranges, and the encoder against a twin."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from model_export.config import AttentionKind, EncoderKind
from model_export.errors import CorpusError
from model_export.export.linear import Rounding
from model_export.export.ranges import measure
from service.bundle.manifest import Precision
from tests.export.graphs import exported
from tests.networks import loud_network, padded, random_sources, search_options, tiny_config

SOURCES = random_sources([5, 1, 17, 33, 9], seed=4)


def levels(value: Tensor, rounding: Rounding) -> Tensor:
    """The integers, 0 to 255, that stand for `value`."""
    scale = torch.tensor(rounding.scale, dtype=torch.float32)
    return torch.clamp(torch.round(value / scale) + rounding.zero, 0, 255)


def rounded(value: Tensor, rounding: Rounding) -> Tensor:
    """What the integers for `value` stand for."""
    return (levels(value, rounding) - rounding.zero) * rounding.scale


@given(
    values=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1),
    positive=st.booleans(),
)
def test_what_was_measured_is_rounded_and_not_cut(values: list[float], positive: bool) -> None:
    value = torch.tensor(values, dtype=torch.float32)
    value = value.abs() if positive else value
    rounding = Rounding.within(float(value.min()), float(value.max()))
    gap = (rounded(value, rounding) - value).abs().max()
    assert gap <= rounding.scale * 0.501
    assert rounding.zero == (0 if (value >= 0).all() else 128)
    assert levels(torch.zeros(1), rounding) == rounding.zero, "zero is exact"


def test_every_layer_is_measured_where_there_are_tokens() -> None:
    network = loud_network(tiny_config(EncoderKind.SELF_ATTENTION))
    together: dict[str, list[Tensor]] = {}
    for name, layer in network.encoder.named_modules():
        if isinstance(layer, nn.Linear):
            layer.register_forward_pre_hook(
                lambda _, given, name=name: together.setdefault(name, []).append(given[0])
            )
    roundings = measure(network, SOURCES)
    assert set(roundings) == set(together)
    for name, values in together.items():
        assert len(values) == len(SOURCES)
        least, largest = (
            float(limit(torch.stack([limit(each) for each in values])))
            for limit in (torch.min, torch.max)
        )
        assert roundings[name] == Rounding.within(least, largest)
        assert (roundings[name].zero == 0) == name.endswith("contract"), "of what ReLU gives"


def test_measuring_leaves_no_trace() -> None:
    network = loud_network(tiny_config(EncoderKind.SELF_ATTENTION))
    measure(network, SOURCES)
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_an_encoder_without_such_layers_needs_no_sources() -> None:
    assert measure(loud_network(tiny_config(EncoderKind.GRU)), []) == {}
    with pytest.raises(CorpusError, match="no dev set"):
        measure(loud_network(tiny_config(EncoderKind.SELF_ATTENTION)), [])


def test_the_int8_encoder_is_pytorch_with_rounded_inputs() -> None:
    """The twin multiplies in floats what the integers stand for; near ties round either way."""
    network = exported(EncoderKind.SELF_ATTENTION, AttentionKind.DOT)
    encoder = network.torch.network.encoder
    ids, lengths = padded(SOURCES, 48)
    with torch.inference_mode():
        unrounded = network.torch.network.encode(ids, lengths).memory.numpy()
        hooks = [
            layer.register_forward_pre_hook(
                lambda _, given, how=network.roundings[name]: (rounded(given[0], how),)
            )
            for name, layer in encoder.named_modules()
            if isinstance(layer, nn.Linear)
        ]
        twin = network.torch.network.encode(ids, lengths).memory.numpy()
        for hook in hooks:
            hook.remove()
    options = [search_options(1)] * len(SOURCES)
    actual = network.model(Precision.INT8).encode(SOURCES, options, 1).memory["values"]
    gap = np.abs(actual - twin)
    assert np.median(gap) < 1e-5
    assert gap.mean() < 0.1 * np.abs(unrounded - twin).mean()
