"""Hugging Face `generate` on a Marian Transformer of random weights; runs in `.venv-peers`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
import transformers
from transformers import MarianConfig, MarianMTModel

from benchmarks.peers.protocol import Job, serve
from benchmarks.peers.shapes import END, PAD, TransformerShape


class TransformersPeer:
    """One model in each precision that it is asked to run with."""

    def __init__(self) -> None:
        self._float32: Any = None
        self._models: dict[str, Any] = {}

    def load(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Draw the weights; takes `shape` and `vocabulary`."""
        shape = TransformerShape(**settings["shape"])
        self._float32 = random_model(shape, settings["vocabulary"])
        return {"version": transformers.__version__, "torch": torch.__version__}

    def prepare(self, job: Job) -> Callable[[], Sequence[int]]:
        """See `Peer`."""
        model = self._model(job.setting.variant)
        batches = list(batches_of(job))

        def decode(ids: torch.Tensor) -> list[int]:
            # The number of threads is each calling thread's own.
            torch.set_num_threads(job.setting.threads)
            with torch.inference_mode():
                return generated_tokens(model, ids, job)

        if job.setting.workers == 1:
            return lambda: [tokens for batch in batches for tokens in decode(batch)]

        def side_by_side() -> list[int]:
            with ThreadPoolExecutor(job.setting.workers) as pool:
                return [tokens for answers in pool.map(decode, batches) for tokens in answers]

        return side_by_side

    def _model(self, precision: str) -> Any:
        if precision not in self._models:
            model = MarianMTModel(self._float32.config)
            model.load_state_dict(self._float32.state_dict())
            self._models[precision] = model.eval().to(getattr(torch, precision))
        return self._models[precision]


def random_model(shape: TransformerShape, vocabulary: int) -> Any:
    """A Marian model of this shape, in evaluation mode."""
    torch.manual_seed(1)
    config = MarianConfig(
        vocab_size=vocabulary,
        d_model=shape.size,
        encoder_layers=shape.encoder_layers,
        decoder_layers=shape.decoder_layers,
        encoder_ffn_dim=shape.feed_forward,
        decoder_ffn_dim=shape.feed_forward,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        activation_function="relu",
        max_position_embeddings=1024,
        pad_token_id=PAD,
        bos_token_id=None,
        eos_token_id=END,
        forced_eos_token_id=None,
        decoder_start_token_id=PAD,
    )
    return MarianMTModel(config).eval()


def batches_of(job: Job) -> Iterator[torch.Tensor]:
    """The job's sources as ids [B, S]."""
    for first in range(0, len(job.sources), job.batch):
        yield torch.tensor(job.sources[first : first + job.batch])


def generated_tokens(model: Any, ids: torch.Tensor, job: Job) -> list[int]:
    """Decode ids [B, S]; returns how many tokens each answer has, the start mark not counted."""
    answers = model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        num_beams=job.beam,
        do_sample=False,
        use_cache=True,
        min_new_tokens=job.target_tokens,
        max_new_tokens=job.target_tokens,
    )
    return [int(answers.shape[1]) - 1] * int(answers.shape[0])


if __name__ == "__main__":
    serve(TransformersPeer())
