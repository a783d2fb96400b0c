"""seq2serve's own engine, on a bundle's graphs or on the same network in eager PyTorch.

Runs in our environment. PyTorch gets random weights: its speed does not depend on them.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.protocol import Job, Setting, serve
from service.bundle import Manifest, Provider, load_bundle
from service.decoding.contract import DecoderModel
from service.domain import DecodeRequest, SearchOptions
from service.engine import Engine, EngineLimits


class EnginePeer:
    """One engine for each way of running it; each keeps its workers, idle between jobs."""

    def __init__(self) -> None:
        self._bundle = Path()
        self._eager = False
        self._engines: dict[tuple[Setting, int], Engine] = {}

    def load(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take `bundle`, its directory, and `eager`, whether PyTorch is to compute."""
        self._bundle, self._eager = Path(settings["bundle"]), settings["eager"]
        manifest = Manifest.read(self._bundle)
        return {"bundle": manifest.name, "digest": manifest.digest}

    def prepare(self, job: Job) -> Callable[[], Sequence[int]]:
        """See `Peer`."""
        engine = self._engine(job.setting, job.batch)
        options = forced_length(job.beam, job.target_tokens)
        requests = [DecodeRequest(source, options) for source in job.sources]

        def work() -> list[int]:
            futures = engine.submit_many(requests)
            return [future.result().decode_steps for future in futures]

        return work

    def _engine(self, setting: Setting, batch: int) -> Engine:
        key = (setting, batch)
        if key not in self._engines:
            limits = EngineLimits.refusing_nothing(batch, workers=setting.workers)
            self._engines[key] = Engine(self._model(setting.threads), limits)
            self._engines[key].start()
        return self._engines[key]

    def _model(self, threads: int) -> DecoderModel:
        if self._eager:
            return eager_model(Manifest.read(self._bundle), threads)
        return load_bundle(self._bundle, Provider.CPU, threads).model


def forced_length(beam: int, steps: int) -> SearchOptions:
    """A search of exactly `steps` decoder steps: the last may bring the end mark, none before."""
    return SearchOptions(
        beam_size=beam,
        num_hypotheses=1,
        length_penalty=1.0,
        min_decoding_length=steps - 1,
        max_decoding_length=steps - 1,
    )


def eager_model(manifest: Manifest, threads: int) -> DecoderModel:
    """The network that a bundle was made of, in eager PyTorch, with random weights."""
    import torch

    from model_export.model.search import TorchDecoder
    from model_export.model.seq2seq import Seq2Seq
    from model_export.recipe import parse_recipe

    # Threads that are started from now on take this number over.
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    ids = manifest.special_ids
    network = Seq2Seq(
        parse_recipe(manifest.recipe).model,
        manifest.vocabulary_size,
        pad_id=ids.pad_id,
        unk_id=ids.unk_id,
    )
    return TorchDecoder(network.eval(), ids, manifest.steps)


if __name__ == "__main__":
    serve(EnginePeer())
