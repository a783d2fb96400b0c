"""Who is measured by `benchmarks.decode`, and with what."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

from benchmarks.peers.protocol import Setting, python_module, this_python
from benchmarks.peers.shapes import (
    BASE,
    END,
    FIRST_WORD,
    PUBLISHED_VOCABULARY,
    TINY,
    TransformerShape,
)
from benchmarks.report import REPOSITORY
from benchmarks.work import Task, Work, bundle_work, transformer_work
from service.bundle import Manifest, Precision
from service.decoding.shortlist import Shortlist

CACHE = REPOSITORY / "benchmarks" / ".cache"
OURS = "seq2serve"

PEERS_PYTHON = REPOSITORY / ".venv-peers" / "bin" / "python"
_OPTIMUM_PYTHON = REPOSITORY / ".venv-peers-optimum" / "bin" / "python"

# Random sources that work and shortlists are averaged over.
_TYPICAL = 8


@dataclass(frozen=True, slots=True)
class Words:
    """Ids to make sources of.

    Attributes:
        ids: Ordinary tokens.
        end_id: The end mark.
    """

    ids: range
    end_id: int

    def source(self, draw: Random, tokens: int) -> tuple[int, ...]:
        """A source of `tokens` tokens, the end mark included."""
        return (*draw.choices(self.ids, k=tokens - 1), self.end_id)


@dataclass(frozen=True, slots=True)
class Entrant:
    """An engine with a model.

    Attributes:
        name: For the table.
        command: Starts its child.
        load: Settings it is loaded with.
        variants: What it may choose from, beside workers and threads.
        words: Its vocabulary.
        work: What a sentence takes, for the arithmetic limit.
    """

    name: str
    command: list[str]
    load: Mapping[str, Any]
    variants: tuple[str, ...]
    words: Words
    work: Callable[[Task], Work]

    def settings(self, cores: int) -> Iterator[Setting]:
        """Every way of running it on so many cores: batches side by side, or threads in one."""
        for variant in self.variants:
            for workers, threads in sorted({(cores, 1), (1, cores)}):
                yield Setting(workers, threads, variant)

    def lone_settings(self, cores: int) -> Iterator[Setting]:
        """Every way of running it for one source alone."""
        for variant in self.variants:
            for threads in sorted({1, cores}):
                yield Setting(1, threads, variant)


def words_of(manifest: Manifest) -> Words:
    """The vocabulary of a bundle; random pieces are as good as any."""
    first = max(asdict(manifest.special_ids).values()) + 1
    return Words(range(first, manifest.vocabulary_size), manifest.special_ids.end_id)


def scored_rows(bundle: Path, tokens: int) -> int:
    """Rows of the bundle's output layer that a source of so many tokens needs, in the mean."""
    manifest = Manifest.read(bundle)
    file = manifest.graphs[_best_precision(manifest)].shortlist
    if file is None:
        return manifest.vocabulary_size
    shortlist = Shortlist.load(bundle / file)
    sources = _typical_sources(manifest, tokens)
    return len(shortlist.frequent) + round(
        mean(len(shortlist.candidates(source)) for source in sources)
    )


@cache
def typical_work(bundle: Path, task: Task) -> Work:
    """What a sentence takes in a bundle, in the mean over some sources."""
    manifest = Manifest.read(bundle)
    sources = _typical_sources(manifest, task.source_tokens)
    return bundle_work(bundle, _best_precision(manifest), task, sources)


def _typical_sources(manifest: Manifest, tokens: int) -> list[tuple[int, ...]]:
    words, draw = words_of(manifest), Random(1)
    return [words.source(draw, tokens) for _ in range(_TYPICAL)]


def _best_precision(manifest: Manifest) -> Precision:
    return Precision.INT8 if Precision.INT8 in manifest.graphs else Precision.FLOAT


def entrants(bundle: Path, shortlist: int) -> list[Entrant]:
    """Everybody: ours first.

    Transformers have the vocabulary of published students, and ours too, so that nobody can say
    that the vocabulary did it.

    Args:
        bundle: The model of ours.
        shortlist: Candidate rows of the peers that have a shortlist.
    """
    manifest = Manifest.read(bundle)
    own = manifest.vocabulary_size
    found = [
        _engine(OURS, bundle, manifest, eager=False),
        _engine("eager PyTorch", bundle, manifest, eager=True),
    ]
    for shape in (BASE, TINY):
        found += [
            _ctranslate2(shape, PUBLISHED_VOCABULARY, None),
            _ctranslate2(shape, own, None),
            _ctranslate2(shape, PUBLISHED_VOCABULARY, shortlist),
        ]
    for shape in (BASE, TINY):
        found += [_transformers(shape), _optimum(shape)]
    return found


def _engine(name: str, bundle: Path, manifest: Manifest, *, eager: bool) -> Entrant:
    return Entrant(
        name=name,
        command=python_module(this_python(), "benchmarks.peers.engine_peer"),
        load={"bundle": str(bundle.resolve()), "eager": eager},
        variants=("float32" if eager else _best_precision(manifest).value,),
        words=words_of(manifest),
        work=partial(typical_work, bundle),
    )


def _ctranslate2(shape: TransformerShape, vocabulary: int, shortlist: int | None) -> Entrant:
    rows = shortlist or vocabulary
    listed = "" if shortlist is None else f", {shortlist} listed"
    return Entrant(
        name=f"CTranslate2 {shape.name}, V {vocabulary}{listed}",
        command=python_module(PEERS_PYTHON, "benchmarks.peers.ctranslate2_peer"),
        load=_transformer_settings(shape, vocabulary) | {"shortlist": shortlist},
        variants=("int8",),
        words=Words(range(FIRST_WORD, vocabulary), END),
        work=partial(transformer_work, shape, rows),
    )


def _transformers(shape: TransformerShape) -> Entrant:
    command = python_module(PEERS_PYTHON, "benchmarks.peers.transformers_peer")
    return _published("Transformers", shape, command, ("float32", "bfloat16"))


def _optimum(shape: TransformerShape) -> Entrant:
    command = python_module(_OPTIMUM_PYTHON, "benchmarks.peers.optimum_peer")
    return _published("Optimum", shape, command, ("float32", "int8"))


def _published(
    toolkit: str, shape: TransformerShape, command: list[str], variants: tuple[str, ...]
) -> Entrant:
    """A Transformer with the vocabulary that published ones have."""
    return Entrant(
        name=f"{toolkit} {shape.name}, V {PUBLISHED_VOCABULARY}",
        command=command,
        load=_transformer_settings(shape, PUBLISHED_VOCABULARY),
        variants=variants,
        words=Words(range(FIRST_WORD, PUBLISHED_VOCABULARY), END),
        work=partial(transformer_work, shape, PUBLISHED_VOCABULARY),
    )


def _transformer_settings(shape: TransformerShape, vocabulary: int) -> dict[str, Any]:
    return {"shape": asdict(shape), "vocabulary": vocabulary, "cache": str(CACHE)}
