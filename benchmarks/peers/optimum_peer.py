"""ONNX Runtime through Hugging Face Optimum; runs in `.venv-peers-optimum`."""

import importlib.metadata
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from optimum.exporters.onnx import main_export
from optimum.onnxruntime import ORTModelForSeq2SeqLM, ORTQuantizer
from optimum.onnxruntime.configuration import AutoQuantizationConfig

from benchmarks.peers.protocol import Job, Setting, serve
from benchmarks.peers.shapes import TransformerShape
from benchmarks.peers.transformers_peer import batches_of, generated_tokens, random_model

_ENCODER = "encoder_model.onnx"
_DECODER = "decoder_model_merged.onnx"


class OptimumPeer:
    """An exported model in float32 and in int8 (dynamic, as Optimum quantises it)."""

    def __init__(self) -> None:
        self._directory = Path()
        self._setting: Setting | None = None
        self._models: list[Any] = []

    def load(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Export, unless the cache has it; takes `shape`, `vocabulary` and `cache`."""
        shape = TransformerShape(**settings["shape"])
        name = f"optimum-{shape.name}-{settings['vocabulary']}"
        self._directory = Path(settings["cache"]) / name
        if not (self._directory / "complete").is_file():
            export(self._directory, shape, settings["vocabulary"])
        versions = {name: importlib.metadata.version(name) for name in ("optimum", "optimum-onnx")}
        return {**versions, "onnxruntime": onnxruntime.__version__}

    def prepare(self, job: Job) -> Callable[[], Sequence[int]]:
        """See `Peer`."""
        models = list(self._workers(job.setting))
        shares = [list(batches_of(job))[number :: len(models)] for number in range(len(models))]

        def decode(number: int) -> list[int]:
            torch.set_num_threads(job.setting.threads)
            with torch.inference_mode():
                return [
                    tokens
                    for batch in shares[number]
                    for tokens in generated_tokens(models[number], batch, job)
                ]

        def work() -> list[int]:
            if len(models) == 1:
                return decode(0)
            with ThreadPoolExecutor(len(models)) as pool:
                answers = pool.map(decode, range(len(models)))
                return [tokens for share in answers for tokens in share]

        return work

    def _workers(self, setting: Setting) -> list[Any]:
        # A model keeps its cache between calls of one `generate`: one model for each worker.
        # Only one setting's models at a time: each has its own copy of the weights.
        if setting != self._setting:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = setting.threads
            # Encoder and decoder have a pool each; spinning, they take each other's cores.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            self._models.clear()
            self._models += [
                ORTModelForSeq2SeqLM.from_pretrained(
                    self._directory / setting.variant, session_options=options
                )
                for _ in range(setting.workers)
            ]
            self._setting = setting
        return self._models


def export(directory: Path, shape: TransformerShape, vocabulary: int) -> None:
    """Write the model as float32 and int8 graphs below `directory`."""
    shutil.rmtree(directory, ignore_errors=True)
    torch_model, float32, int8 = (directory / name for name in ("torch", "float32", "int8"))
    random_model(shape, vocabulary).save_pretrained(torch_model)
    main_export(
        str(torch_model), float32, task="text2text-generation-with-past", do_validation=False
    )
    for name in (_ENCODER, _DECODER):
        quantizer = ORTQuantizer.from_pretrained(float32, file_name=name)
        quantizer.quantize(
            save_dir=int8,
            quantization_config=AutoQuantizationConfig.avx512_vnni(
                is_static=False, per_channel=False
            ),
            file_suffix="",
        )
    for name in ("config.json", "generation_config.json"):
        shutil.copy(float32 / name, int8 / name)
    (directory / "complete").touch()


if __name__ == "__main__":
    serve(OptimumPeer())
