"""The decoder contract in eager PyTorch.

`TorchDecoder` is a `DecoderModel` like the exported graphs, so the serving engine can run on
it. It is what exported graphs are compared with, what golden answers come from, and what
scores the dev set during training. `SteppedDecoder` is the search alone, for whatever can say what
comes next.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model_export.config import AttentionKind
from model_export.model.copying import mixture
from model_export.model.decoder import Source
from model_export.model.encoder import source_mask
from model_export.model.seq2seq import Seq2Seq
from service.decoding.beginning import first_state, pad_sources
from service.decoding.contract import BatchState, Chunk, VocabularyModel
from service.decoding.ending import search_is_over
from service.decoding.host import HostModel
from service.domain import SearchOptions, SpecialIds


class Next(NamedTuple):
    """What may come next in each slot.

    Attributes:
        logits: Log-probabilities of the next token up to a constant, on the CPU, [B, K, V].
        decoder: New decoder state by the names of `BatchState.decoder`, on the CPU,
            [B, K, ...]; what does not change from step to step is left out.
        attention: Mean over heads, [B, K, S]; None without attention.
    """

    logits: Tensor
    decoder: dict[str, Tensor]
    attention: Tensor | None


class SteppedDecoder(VocabularyModel, HostModel, ABC):
    """Beam search as `service.decoding.contract` says, of what `following` finds likely."""

    def __init__(self, ids: SpecialIds, steps: int) -> None:
        """Search in the vocabulary of `ids`; `steps` is n of one `advance`."""
        self.ids = ids
        self.steps = steps
        # Tokens that are never produced.
        self.banned = [ids.pad_id, ids.unk_id, ids.start_id]

    @abstractmethod
    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        """See `DecoderModel.encode`."""

    @abstractmethod
    def following(self, state: BatchState) -> Callable[[BatchState], Next]:
        """What may come next in this state and in those that follow it in one `advance`."""

    @torch.inference_mode()
    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        """See `DecoderModel.advance`."""
        following = self.following(state)
        steps = []
        for _ in range(self.steps):
            state, step = self._step(following(state), state)
            steps.append(step)
        state = replace(state, finished=search_is_over(state))
        attention = [step.attention for step in steps if step.attention is not None]
        return state, Chunk(
            tokens=np.concatenate([step.tokens for step in steps]),
            parents=np.concatenate([step.parents for step in steps]),
            log_probs=np.concatenate([step.log_probs for step in steps]),
            attention=np.concatenate(attention) if attention else None,
        )

    def _step(self, upcoming: Next, state: BatchState) -> tuple[BatchState, Chunk]:
        """One step of beam search; the chunk has n = 1."""
        logits = upcoming.logits
        sources, slots, vocabulary = logits.shape
        rows = torch.arange(sources).unsqueeze(1)
        ended = torch.from_numpy(state.ended)
        frozen = ended | torch.from_numpy(state.finished).unsqueeze(1)
        lengths = torch.from_numpy(state.lengths)
        slot_log_probs = torch.from_numpy(state.log_probs)

        # Each slot offers its likeliest tokens; a frozen one offers itself, unchanged.
        logits[..., self.banned] = -torch.inf
        log_probs = torch.log_softmax(logits, dim=-1)
        too_short = lengths + 1 < torch.from_numpy(state.min_length).unsqueeze(1)
        log_probs[..., self.end_id].masked_fill_(too_short, -torch.inf)
        offered, tokens = log_probs.topk(min(slots, vocabulary), dim=-1)
        totals = slot_log_probs.unsqueeze(2) + offered
        totals[frozen] = -torch.inf
        totals[..., 0] = torch.where(frozen, slot_log_probs, totals[..., 0])
        tokens = tokens.masked_fill(frozen.unsqueeze(2), self.pad_id)

        # Frozen slots keep their order at the front; the others are filled best first.
        rank = totals.clone()
        rank[..., 0] = rank[..., 0].masked_fill(frozen, torch.inf)
        order = rank.flatten(1).sort(dim=1, descending=True, stable=True).indices[:, :slots]
        parents = order // offered.shape[2]
        tokens = tokens.flatten(1).gather(1, order)
        new_log_probs = totals.flatten(1).gather(1, order)
        beyond = torch.arange(slots) >= torch.from_numpy(state.beam_size).unsqueeze(1)
        new_log_probs = new_log_probs.masked_fill(beyond, -torch.inf)

        empty = new_log_probs == -torch.inf
        grew = ~frozen.gather(1, parents) & ~empty
        tokens = torch.where(grew, tokens, self.pad_id)
        new_lengths = lengths.gather(1, parents) + grew
        full = new_lengths >= torch.from_numpy(state.max_length).unsqueeze(1)
        new_ended = ended.gather(1, parents) & ~empty
        new_ended |= grew & ((tokens == self.end_id) | full)
        after = replace(
            state,
            # What is left out there is a source's own, the same in every slot.
            decoder=state.decoder
            | {name: new[rows, parents].numpy() for name, new in upcoming.decoder.items()},
            last_ids=tokens.numpy(),
            log_probs=new_log_probs.numpy(),
            lengths=new_lengths.numpy(),
            ended=new_ended.numpy(),
        )
        return after, Chunk(
            tokens=tokens.numpy()[np.newaxis],
            parents=parents.numpy()[np.newaxis],
            log_probs=after.log_probs[np.newaxis],
            attention=None
            if upcoming.attention is None
            else upcoming.attention.numpy()[np.newaxis],
        )


class TorchDecoder(SteppedDecoder):
    """A `Seq2Seq`, searched."""

    def __init__(self, network: Seq2Seq, ids: SpecialIds, steps: int = 8) -> None:
        """Wrap a network of the vocabulary of `ids`, which should be in evaluation mode."""
        super().__init__(ids, steps)
        self.network = network

    @torch.inference_mode()
    def encode(
        self, sources: Sequence[Sequence[int]], options: Sequence[SearchOptions], slots: int
    ) -> BatchState:
        """See `DecoderModel.encode`."""
        ids, widths = pad_sources(sources, self.pad_id)
        lengths = self._tensor(widths)
        decoder = self.network.decoder
        encoded = self.network.encode(self._tensor(ids), lengths)
        memory: dict[str, Tensor] = {}
        state = {"hidden": torch.tanh(decoder.initial(encoded.summary))}
        if decoder.attention is None:
            state["context"] = encoded.summary
        else:
            memory["values"] = encoded.memory
            real = source_mask(lengths, ids.shape[1]).unsqueeze(2)
            if decoder.attention.kind is not AttentionKind.DOT:
                memory["keys"] = decoder.attention.keys(encoded.memory) * real
            if decoder.copy_gate is not None:
                memory["ids"] = self._tensor(ids).unsqueeze(2) * real
        return first_state(
            memory={name: tensor.float().cpu().numpy() for name, tensor in memory.items()},
            source_lengths=widths,
            decoder={name: tensor.float().cpu().numpy() for name, tensor in state.items()},
            options=options,
            slots=slots,
            start_id=self.start_id,
        )

    def following(self, state: BatchState) -> Callable[[BatchState], Next]:
        """See `SteppedDecoder.following`."""
        return partial(self._next, self._source(state))

    def _next(self, source: Source, state: BatchState) -> Next:
        network = self.network
        embedded = network.embedding(self._tensor(state.last_ids))
        step = network.decoder.step(
            source,
            network.decoder.first.input(embedded),
            self._tensor(state.decoder["hidden"]),
        )
        outputs = network.decoder.outputs([step], embedded)
        logits = network.logits(outputs.features).float()
        if outputs.odds is not None and outputs.weights is not None:
            # What is never produced has no part in what is generated.
            logits[..., self.banned] = -torch.inf
            ids = self._tensor(state.memory["ids"].squeeze(2).astype(np.int64))
            logits = mixture(logits.log_softmax(-1), outputs.odds, outputs.weights, ids)
        return Next(
            logits.cpu(),
            {"hidden": step.state.float().cpu()},
            None if step.weights is None else step.weights.mean(1).cpu(),
        )

    def _source(self, state: BatchState) -> Source:
        decoder = self.network.decoder
        if decoder.attention is None:
            # The context is a source's own: every slot of it holds the same.
            return Source(None, None, None, self._tensor(state.decoder["context"][:, :1]))
        values = self._tensor(state.memory["values"])
        keys = self._tensor(state.memory.get("keys", state.memory["values"]))
        return decoder.source(keys, values, self._tensor(state.source_lengths))

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        """An array where the network is; the search itself is done on the CPU."""
        return torch.from_numpy(array).to(self.network.embedding.weight.device)
