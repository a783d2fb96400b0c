"""CTranslate2 with a Transformer of random weights; runs in `.venv-peers`."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from ctranslate2.specs.transformer_spec import TransformerSpec

from benchmarks.peers.protocol import Job, Setting, serve
from benchmarks.peers.shapes import END, PAD, UNKNOWN, TransformerShape

_SPECIAL = {PAD: "<blank>", UNKNOWN: "<unk>", 2: "<s>", END: "</s>"}


class CTranslate2Peer:
    """One converted model; a translator for each setting it is asked to run with."""

    def __init__(self) -> None:
        self._directory = Path()
        self._shortlisted = False
        self._translators: dict[Setting, Any] = {}

    def load(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Convert, unless the cache has it.

        Args:
            settings: `shape`, `vocabulary`, `shortlist` (candidate rows, None for all) and
                `cache`, the directory of converted models.
        """
        shape = TransformerShape(**settings["shape"])
        rows = settings["shortlist"]
        self._shortlisted = rows is not None
        name = f"ctranslate2-{shape.name}-{settings['vocabulary']}-{rows or 'full'}"
        self._directory = Path(settings["cache"]) / name
        if not (self._directory / "model.bin").is_file():
            make_model(self._directory, shape, settings["vocabulary"], rows)
        return {"version": ctranslate2.__version__}

    def prepare(self, job: Job) -> Callable[[], Sequence[int]]:
        """See `Peer`."""
        translator = self._translator(job.setting)
        sources = [[token(number) for number in source] for source in job.sources]

        def work() -> list[int]:
            results = translator.translate_batch(
                sources,
                max_batch_size=job.batch,
                beam_size=job.beam,
                min_decoding_length=job.target_tokens,
                max_decoding_length=job.target_tokens,
                max_input_length=0,
                use_vmap=self._shortlisted,
            )
            return [len(result.hypotheses[0]) for result in results]

        return work

    def _translator(self, setting: Setting) -> Any:
        if setting not in self._translators:
            self._translators[setting] = ctranslate2.Translator(
                str(self._directory),
                device="cpu",
                compute_type=setting.variant,
                inter_threads=setting.workers,
                intra_threads=setting.threads,
            )
        return self._translators[setting]


def token(number: int) -> str:
    """The text of a vocabulary entry."""
    return _SPECIAL.get(number, f"t{number}")


def make_model(
    directory: Path, shape: TransformerShape, vocabulary: int, shortlist: int | None
) -> None:
    """Write an int8 model with random weights, post-norm and tied embeddings as Marian's.

    Args:
        directory: Where to.
        shape: Its sizes.
        vocabulary: Its entries, V.
        shortlist: Candidate rows of the output layer, the same for every source: as few as
            a shortlist can be, since one made of words is joined over a batch.
    """
    spec = TransformerSpec.from_config(
        (shape.encoder_layers, shape.decoder_layers), shape.heads, pre_norm=False
    )
    _fill(spec, shape, vocabulary)
    tokens = [token(number) for number in range(vocabulary)]
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.add_source_eos = False  # the sources bring it
    spec.config.decoder_start_token = _SPECIAL[END]
    directory.mkdir(parents=True, exist_ok=True)
    if shortlist is not None:
        # A line with an empty source side holds for all of them.
        listed = " ".join(tokens[:shortlist])
        mapping = directory / "mapping.txt"
        mapping.write_text(f"\t{listed}\n", encoding="utf-8")
        spec.register_vocabulary_mapping(str(mapping))
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(directory))


def _fill(spec: Any, shape: TransformerShape, vocabulary: int) -> None:
    draw = np.random.default_rng(1)
    size, inner = shape.size, shape.feed_forward

    def matrix(outputs: int, inputs: int) -> Any:
        return draw.normal(0, inputs**-0.5, (outputs, inputs)).astype(np.float32)

    def linear(layer: Any, outputs: int, inputs: int) -> None:
        layer.weight, layer.bias = matrix(outputs, inputs), np.zeros(outputs, np.float32)

    def norm(layer: Any) -> None:
        layer.gamma, layer.beta = np.ones(size, np.float32), np.zeros(size, np.float32)

    embeddings = matrix(vocabulary, size)
    for side in (spec.encoder, spec.decoder):
        entries = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
        entries.weight, entries.multiply_by_sqrt_depth = embeddings, True
        side.position_encodings.encodings = matrix(1024, size)
        for layer in side.layer:
            self_attention = layer.self_attention
            linear(self_attention.linear[0], 3 * size, size)
            linear(self_attention.linear[1], size, size)
            norm(self_attention.layer_norm)
            if side is spec.decoder:
                linear(layer.attention.linear[0], size, size)
                linear(layer.attention.linear[1], 2 * size, size)
                linear(layer.attention.linear[2], size, size)
                norm(layer.attention.layer_norm)
            linear(layer.ffn.linear_0, inner, size)
            linear(layer.ffn.linear_1, size, inner)
            norm(layer.ffn.layer_norm)
    spec.decoder.projection.weight = embeddings
    spec.decoder.projection.bias = np.zeros(vocabulary, np.float32)


if __name__ == "__main__":
    serve(CTranslate2Peer())
