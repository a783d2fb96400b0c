"""The decoder contract in eager PyTorch.

`TorchDecoder` is a `DecoderModel` like the exported graphs, so the serving engine can run on
it. It is what exported graphs are compared with, what golden answers come from, and what
scores the dev set during training.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from model_export.config import AttentionKind
from model_export.model.decoder import Source
from model_export.model.encoder import source_mask
from model_export.model.seq2seq import Seq2Seq
from service.decoding.contract import (
    BatchState,
    Chunk,
    HostModel,
    first_state,
    pad_sources,
    search_is_over,
)
from service.domain import SearchOptions


class TorchDecoder(HostModel):
    """A `Seq2Seq` searched as `service.decoding.contract` says."""

    def __init__(self, network: Seq2Seq, *, start_id: int, end_id: int, steps: int = 8) -> None:
        """Wrap `network`, which should be in evaluation mode; `steps` is n of one `advance`."""
        self.network = network
        self.pad_id = network.pad_id
        self.start_id = start_id
        self.end_id = end_id
        self.steps = steps

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
            if decoder.attention.kind is not AttentionKind.DOT:
                real = source_mask(lengths, ids.shape[1]).unsqueeze(2)
                memory["keys"] = decoder.attention.keys(encoded.memory) * real
        return first_state(
            memory={name: tensor.float().cpu().numpy() for name, tensor in memory.items()},
            source_lengths=widths,
            decoder={name: tensor.float().cpu().numpy() for name, tensor in state.items()},
            options=options,
            slots=slots,
            start_id=self.start_id,
        )

    @torch.inference_mode()
    def advance(self, state: BatchState) -> tuple[BatchState, Chunk]:
        """See `DecoderModel.advance`."""
        source = self._source(state)
        steps = []
        for _ in range(self.steps):
            state, step = self._step(source, state)
            steps.append(step)
        state = replace(state, finished=search_is_over(state))
        attention = [step.attention for step in steps if step.attention is not None]
        return state, Chunk(
            tokens=np.concatenate([step.tokens for step in steps]),
            parents=np.concatenate([step.parents for step in steps]),
            log_probs=np.concatenate([step.log_probs for step in steps]),
            attention=np.concatenate(attention) if attention else None,
        )

    def next_logits(
        self, source: Source, state: BatchState
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Logits [B, K, V], new hidden state [B, K, D] and mean attention [B, K, S]."""
        network = self.network
        embedded = network.embedding(self._tensor(state.last_ids))
        step = network.decoder.step(
            source,
            network.decoder.first.input(embedded),
            self._tensor(state.decoder["hidden"]),
        )
        logits = network.logits(network.decoder.features(step.state, step.context, embedded))
        weights = None if step.weights is None else step.weights.mean(1).cpu()
        return logits.float().cpu(), step.state.float().cpu(), weights

    def _source(self, state: BatchState) -> Source:
        decoder = self.network.decoder
        if decoder.attention is None:
            # The context is a source's own: every slot of it holds the same.
            return Source(None, None, None, self._tensor(state.decoder["context"][:, :1]))
        values = self._tensor(state.memory["values"])
        keys = self._tensor(state.memory.get("keys", state.memory["values"]))
        mask = source_mask(self._tensor(state.source_lengths), values.shape[1])
        bias = torch.zeros(mask.shape, device=mask.device)
        bias = bias.masked_fill_(~mask, -torch.inf)[:, None, None]
        return Source(decoder.attention.split(keys), decoder.attention.split(values), bias, None)

    def _tensor(self, array: npt.NDArray[Any]) -> Tensor:
        """An array where the network is; the search itself is done on the CPU."""
        return torch.from_numpy(array).to(self.network.embedding.weight.device)

    def _step(self, source: Source, state: BatchState) -> tuple[BatchState, Chunk]:
        """One step of beam search; the chunk has n = 1."""
        logits, hidden, weights = self.next_logits(source, state)
        sources, slots, vocabulary = logits.shape
        rows = torch.arange(sources).unsqueeze(1)
        ended = torch.from_numpy(state.ended)
        frozen = ended | torch.from_numpy(state.finished).unsqueeze(1)
        lengths = torch.from_numpy(state.lengths)
        slot_log_probs = torch.from_numpy(state.log_probs)

        # Each slot offers its likeliest tokens; a frozen one offers itself, unchanged.
        logits[..., [self.pad_id, self.network.unk_id, self.start_id]] = -torch.inf
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
            decoder={
                name: hidden[rows, parents].numpy()
                if name == "hidden"
                else array  # a source's own context is the same in every slot
                for name, array in state.decoder.items()
            },
            last_ids=tokens.numpy(),
            log_probs=new_log_probs.numpy(),
            lengths=new_lengths.numpy(),
            ended=new_ended.numpy(),
        )
        return after, Chunk(
            tokens=tokens.numpy()[np.newaxis],
            parents=parents.numpy()[np.newaxis],
            log_probs=after.log_probs[np.newaxis],
            attention=None if weights is None else weights.numpy()[np.newaxis],
        )
