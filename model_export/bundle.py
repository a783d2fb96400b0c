"""The `export` step: a trained network as a bundle, not yet verified."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from model_export import checkpoint
from model_export.corpus import CorpusReport, read_report
from model_export.dataset import dev_sources, source_prefixes
from model_export.errors import CheckpointError
from model_export.export.advance import AdvanceConfig, advance_graph
from model_export.export.encode import encode_graph
from model_export.export.graph import WEIGHTS_NAME, WeightsFile
from model_export.export.half import halved
from model_export.export.linear import Rounding, round_weights
from model_export.export.network import DecoderStep, Embedding
from model_export.export.output import OutputLayer
from model_export.export.ranges import measure
from model_export.export.rearrange import rearrange_graph
from model_export.marks import mark_ids
from model_export.model.seq2seq import Seq2Seq
from model_export.recipe import Recipe
from model_export.shortlist import build_shortlist, lists_sources
from model_export.vocabulary import MODEL_NAME as VOCABULARY_NAME
from model_export.vocabulary import load_vocabulary
from service import __version__
from service.bundle.golden import write_golden
from service.bundle.manifest import (
    MANIFEST_NAME,
    SCHEMA_VERSION,
    Corpus,
    Graphs,
    Limits,
    Manifest,
    Precision,
    ServedDirection,
    Signature,
    Tensor,
    sha256,
)
from service.decoding.shortlist import Shortlist
from service.domain import SearchOptions, SpecialIds
from service.errors import BundleError
from service.text.tokenizer import Tokenizer

# Steps of one `advance`: the engine admits and retires between calls, so fewer steps mean a
# shorter wait and more of them fewer calls.
STEPS = 8

# Dev sources that the ranges of activations are measured on.
_MEASURED_SOURCES = 256

_GOLDEN_NAME = "golden.jsonl"
_REARRANGE_NAME = "rearrange.onnx"
_SHORTLIST_NAME = "shortlist.npz"


def load_rounded(recipe: Recipe, run: Path, tokenizer: Tokenizer) -> Seq2Seq:
    """The trained network of a run in evaluation mode, its weights rounded as they are exported.

    Raises:
        CheckpointError: There is no trained model, or it belongs to another recipe.
    """
    network = checkpoint.load_network(run, tokenizer)
    if network.config != recipe.model:
        raise CheckpointError(
            f"{run / checkpoint.MODEL_NAME} does not fit recipe {recipe.name}: "
            f"its network is {network.config}; the recipe's is {recipe.model}"
        )
    return round_weights(network)


def export_bundle(recipe: Recipe, run: Path, bundle: Path) -> Manifest:
    """Write a bundle directory from a run directory; a bundle that was there is replaced.

    Raises:
        CorpusError: The run is not prepared.
        CheckpointError: There is no trained model, or it belongs to another recipe.
        BundleError: `bundle` is a directory of something else, which stays as it is.
    """
    tokenizer = load_vocabulary(run)
    network = load_rounded(recipe, run, tokenizer)
    ids = tokenizer.special_ids
    if bundle.is_dir() and any(bundle.iterdir()):
        if not (bundle / MANIFEST_NAME).is_file():
            raise BundleError(f"{bundle} holds other files than a bundle; name another directory")
        shutil.rmtree(bundle)
    bundle.mkdir(parents=True, exist_ok=True)
    shortlist = build_shortlist(recipe.shortlist, run, tokenizer)
    sources = dev_sources(recipe, run, tokenizer, _MEASURED_SOURCES)
    graphs, signature = write_graphs(network, ids, bundle, shortlist, measure(network, sources))
    shutil.copyfile(run / VOCABULARY_NAME, bundle / VOCABULARY_NAME)
    write_golden(bundle / _GOLDEN_NAME, [])
    manifest = Manifest(
        schema_version=SCHEMA_VERSION,
        name=recipe.name,
        version=recipe.version,
        task=recipe.task,
        directions=tuple(
            ServedDirection(source=direction.source, target=direction.target, prefix=prefix)
            for direction, prefix in source_prefixes(recipe, tokenizer).items()
        ),
        marks=None if recipe.marks is None else mark_ids(tokenizer),
        description=recipe.card.description,
        limitations=recipe.card.limitations,
        licence=recipe.card.licence,
        attribution=recipe.card.attribution,
        data=_data(read_report(run)),
        recipe=recipe.model_dump(mode="json"),
        vocabulary=VOCABULARY_NAME,
        vocabulary_size=tokenizer.vocabulary_size,
        special_ids=ids,
        graphs=graphs,
        signature=signature,
        steps=STEPS,
        limits=Limits(**recipe.limits.model_dump()),
        search=SearchOptions(num_hypotheses=1, **recipe.search.model_dump()),
        golden=_GOLDEN_NAME,
        files=digests(bundle),
        verification=None,
    )
    manifest.write(bundle)
    return manifest


def write_graphs(
    network: Seq2Seq,
    ids: SpecialIds,
    directory: Path,
    shortlist: Shortlist | None,
    roundings: Mapping[str, Rounding],
) -> tuple[dict[Precision, Graphs], dict[str, Signature]]:
    """Write both graphs at both precisions and the weights they share.

    Args:
        network: With weights from `round_weights`.
        ids: The vocabulary's special ids.
        directory: Where the files go.
        shortlist: What the int8 graphs score; None to score the whole vocabulary.
        roundings: Of the encoder's layers, from `measure`.

    Returns:
        File names by precision, and the signature of each file.
    """
    weights = WeightsFile()
    embedding = Embedding(network)
    step = DecoderStep(network, embedding)
    frequent = None if shortlist is None else shortlist.frequent
    output = OutputLayer(network, embedding, ids, frequent)
    if shortlist is not None:
        assert not network.config.copies or lists_sources(shortlist), "sources can be copied"
        shortlist.save(directory / _SHORTLIST_NAME)
    graphs: dict[Precision, Graphs] = {}
    signature: dict[str, Signature] = {}
    models = {
        precision: _graphs(network, step, output, weights, precision=precision, roundings=roundings)
        for precision in (Precision.INT8, Precision.FLOAT)
    }
    floats = models[Precision.FLOAT]
    models[Precision.HALF] = (halved(floats[0]), halved(floats[1]))
    for precision, (encode, advance) in models.items():
        names = {}
        for graph, model in (("encode", encode), ("advance", advance)):
            names[graph] = f"{graph}.{precision}.onnx"
            _write_graph(model, directory / names[graph])
            signature[names[graph]] = _signature(model)
        integers = precision is Precision.INT8
        graphs[precision] = Graphs(
            **names,
            shortlist=_SHORTLIST_NAME if integers and shortlist is not None else None,
            rearrange=None if integers else _REARRANGE_NAME,
        )
    _write_graph(rearrange_graph(floats[0]), directory / _REARRANGE_NAME)
    weights.write(directory)
    for files in graphs.values():
        for name in (files.encode, files.advance):
            onnx.checker.check_model(str(directory / name))
    return graphs, signature


def _graphs(
    network: Seq2Seq,
    step: DecoderStep,
    output: OutputLayer,
    weights: WeightsFile,
    *,
    precision: Precision,
    roundings: Mapping[str, Rounding],
) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """`encode` and `advance`."""
    config = AdvanceConfig(
        steps=STEPS,
        # Integers are for the CPU, where a Loop can stop early; floats are for the GPU, where
        # control flow costs a wait for the host at every step.
        unrolled=precision is Precision.FLOAT,
        precision=precision,
    )
    return (
        encode_graph(network, step, weights, precision, roundings),
        advance_graph(step, output, weights, config),
    )


def _write_graph(model: onnx.ModelProto, path: Path) -> None:
    model.producer_version = __version__
    path.write_bytes(model.SerializeToString(deterministic=True))


def digests(bundle: Path) -> dict[str, str]:
    """sha256 of every file that is served."""
    served = [*bundle.glob("*.onnx"), *bundle.glob(_SHORTLIST_NAME)]
    served += [bundle / WEIGHTS_NAME, bundle / VOCABULARY_NAME]
    return {path.name: sha256(path) for path in sorted([*served, bundle / _GOLDEN_NAME])}


def _signature(model: onnx.ModelProto) -> Signature:
    def tensors(values: list[onnx.ValueInfoProto]) -> dict[str, Tensor]:
        return {value.name: _tensor(value.type.tensor_type) for value in values}

    return Signature(
        inputs=tensors(list(model.graph.input)), outputs=tensors(list(model.graph.output))
    )


def _tensor(kind: onnx.TypeProto.Tensor) -> Tensor:
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    return Tensor(
        dtype=dtype, shape=tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim)
    )


def _data(report: CorpusReport) -> tuple[Corpus, ...]:
    return tuple(
        Corpus(
            name=each.name,
            split=each.split.value,
            pairs=sum(each.kept.values()),
            licence=each.licence,
            origin=each.origin,
            sha256=each.sha256,
        )
        for each in report.inputs
    )
