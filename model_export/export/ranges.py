"""Ranges of activations that nothing bounds: measured once, when a model is exported.

What a decoder step multiplies lies in [-1, 1] by construction. Inside a self-attention encoder
nothing does: the inputs of its layers are as large as training made them. Each layer's input
gets the scale at which the largest value that was met is the largest of its integers; what is
larger when the model serves is cut. The scales are constants of the graph, so that a text is
rounded the same way in any batch.

Jacob et al. 2018, sec. 3, with largest values in place of moving averages.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from model_export.errors import CorpusError
from model_export.export.linear import Rounding
from model_export.model.seq2seq import Seq2Seq


@torch.inference_mode()
def measure(network: Seq2Seq, sources: Sequence[Sequence[int]]) -> Mapping[str, Rounding]:
    """How to round the inputs of the encoder's layers.

    Args:
        network: In evaluation mode.
        sources: Token ids with the end mark, like those that will be served.

    Returns:
        By name of the `nn.Linear` within the encoder; empty for an encoder without any.

    Raises:
        CorpusError: There are such layers and no sources.
    """
    layers = {
        name: layer
        for name, layer in network.encoder.named_modules()
        if isinstance(layer, nn.Linear)
    }
    if layers and not sources:
        raise CorpusError("the run has no dev set; the encoder's activations are measured on it")
    least = dict.fromkeys(layers, 0.0)
    largest = dict.fromkeys(layers, 0.0)

    def note(name: str, value: Tensor) -> None:
        least[name] = min(least[name], float(value.min()))
        largest[name] = max(largest[name], float(value.max()))

    hooks = [
        layer.register_forward_pre_hook(lambda _, given, name=name: note(name, given[0]))
        for name, layer in layers.items()
    ]
    try:
        for source in sources if layers else ():  # one by one: padding is not to count
            network.encode(torch.tensor([source]), torch.tensor([len(source)]))
    finally:
        for hook in hooks:
            hook.remove()
    return {name: Rounding.within(least[name], largest[name]) for name in layers}
