"""Several runs of one vocabulary as one model: the mean of what they find likely, at each step.

p(y_t | y_<t, x) = 1/M sum_m p_m(y_t | y_<t, x), the mean of the probabilities, not of their
logarithms: one member that is sure is heard, one that finds a token impossible has no veto.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from model_export import checkpoint
from model_export.errors import CheckpointError
from model_export.model.search import Next, SteppedDecoder, TorchDecoder
from model_export.vocabulary import MODEL_NAME as VOCABULARY_NAME
from model_export.vocabulary import load_vocabulary
from service.decoding.contract import BatchState
from service.domain import SearchOptions
from service.text.tokenizer import Tokenizer


class EnsembleDecoder(SteppedDecoder):
    """Members of any networks but one vocabulary, searched together.

    A member's arrays stand in the state under its number: "0.hidden", "1.hidden" ...
    """

    def __init__(self, members: Sequence[TorchDecoder]) -> None:
        """Search with `members`, at least one, in steps of the first one's number."""
        super().__init__(members[0].ids, members[0].steps)
        self.members = tuple(members)

    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        """See `DecoderModel.encode`."""
        states = [member.encode(sources, options, slots) for member in self.members]
        return replace(
            states[0],
            memory={
                f"{number}.{name}": array
                for number, state in enumerate(states)
                for name, array in state.memory.items()
            },
            decoder={
                f"{number}.{name}": array
                for number, state in enumerate(states)
                for name, array in state.decoder.items()
            },
        )

    def following(self, state: BatchState) -> Callable[[BatchState], Next]:
        """See `SteppedDecoder.following`."""
        asked = [
            member.following(_of_member(state, number))
            for number, member in enumerate(self.members)
        ]

        def following(state: BatchState) -> Next:
            return _mean([ask(_of_member(state, number)) for number, ask in enumerate(asked)])

        return following


def _of_member(state: BatchState, number: int) -> BatchState:
    """The state as one member knows it."""
    own = f"{number}."
    return replace(
        state,
        memory={
            name.removeprefix(own): array
            for name, array in state.memory.items()
            if name.startswith(own)
        },
        decoder={
            name.removeprefix(own): array
            for name, array in state.decoder.items()
            if name.startswith(own)
        },
    )


def _mean(found: Sequence[Next]) -> Next:
    log_probs = torch.stack([each.logits.log_softmax(-1) for each in found])
    attention = [each.attention for each in found if each.attention is not None]
    return Next(
        log_probs.logsumexp(0) - math.log(len(found)),
        {
            f"{number}.{name}": array
            for number, each in enumerate(found)
            for name, array in each.decoder.items()
        },
        torch.stack(attention).mean(0) if attention else None,
    )


def load_ensemble(runs: Sequence[Path]) -> tuple[SteppedDecoder, Tokenizer]:
    """The trained networks of one run or several, on the GPU where there is one.

    Args:
        runs: Run directories, at least one.

    Returns:
        What searches with them, and their vocabulary.

    Raises:
        CorpusError: A run is not prepared.
        CheckpointError: A run is not trained, or has another vocabulary than the first.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = load_vocabulary(runs[0])
    members = []
    for run in runs:
        load_vocabulary(run)
        if (run / VOCABULARY_NAME).read_bytes() != (runs[0] / VOCABULARY_NAME).read_bytes():
            raise CheckpointError(f"{run} has another vocabulary than {runs[0]}")
        network = checkpoint.load_network(run, tokenizer).to(device)
        members.append(TorchDecoder(network, tokenizer.special_ids))
    return (members[0] if len(members) == 1 else EnsembleDecoder(members)), tokenizer
