"""What a GPU makes of a bundle: `python -m benchmarks.gpu`, one command for a bare machine.

First parity: a file of sentences, answered in float32 by the CPU and in every precision by the
device; how many texts are the same to the letter, and what that is in BLEU when there are
references. Then speed: sources of random ids, searches that can end at the last step only, in
batches of every size, with captured CUDA graphs and without, and CTranslate2 with Transformers
in float16 where it is installed. Everybody in turn, several rounds, median.

`--device cpu` runs the same code on the CPU, with little work: a rehearsal, whose figures mean
nothing. docs/gpu.md says how to bring all this to a machine.
"""

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.entrants import CACHE, Words
from benchmarks.interleave import Contestant, interleave, ratio
from benchmarks.peers.engine_peer import forced_length
from benchmarks.peers.shapes import BASE, END, FIRST_WORD, PUBLISHED_VOCABULARY, TINY
from benchmarks.report import REPOSITORY, Report, Row
from benchmarks.work import Task
from service.bundle import Manifest, Precision
from service.bundle.loader import load_device_model, load_model
from service.decoding.batch import decode
from service.decoding.buckets import Bucket
from service.decoding.contract import DecoderModel
from service.decoding.device import DeviceModel
from service.decoding.runtime import Device
from service.domain import DecodeRequest
from service.engine import Engine, EngineLimits
from service.text.tokenizer import Tokenizer

# Makes the sources, so many, and returns what decodes them.
Runner = Callable[[int], Callable[[], None]]

_PRECISIONS = (Precision.HALF, Precision.FLOAT)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        tasks: Sentences, by their lengths and beam.
        batches: Sources of one batch.
        rounds: Turns of everybody.
        run_s: Length of one measurement, where a batch does not take longer.
        parity: Sentences that are compared.
        alone: How many of them are decoded alone, too.
    """

    tasks: tuple[Task, ...]
    batches: tuple[int, ...]
    rounds: int
    run_s: float
    parity: int
    alone: int


WHOLE = Plan(
    tasks=(Task(24, 24, 1), Task(24, 24, 4), Task(256, 48, 4)),
    batches=(1, 4, 16, 64, 256),
    rounds=3,
    run_s=0.5,
    parity=10_000,
    alone=200,
)
REHEARSAL = Plan(tasks=(Task(24, 24, 4),), batches=(1, 4), rounds=1, run_s=0.05, parity=8, alone=4)


def main() -> int:
    """Compare, measure, print two tables, write two files."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("models/tatoeba-en-de"))
    parser.add_argument("--device", type=Device, choices=list(Device), default=Device.CUDA)
    parser.add_argument(
        "--sentences", type=Path, default=REPOSITORY / "benchmarks" / "sentences.txt"
    )
    parser.add_argument("--references", type=Path, help="lines that translate the sentences")
    arguments = parser.parse_args()
    device: Device = arguments.device
    plan = WHOLE if device is Device.CUDA else REHEARSAL
    machine = Bench(arguments.bundle, device)
    part = "" if device is Device.CUDA else "-part"
    settings = {
        "bundle": machine.manifest.name,
        "digest": machine.manifest.digest[:12],
        "device": device.value,
    }
    sentences = _lines(arguments.sentences)[: plan.parity]
    references = None
    if arguments.references is not None:
        references = _lines(arguments.references)[: plan.parity]
        if len(references) != len(sentences):
            parser.error(f"{len(sentences)} sentences and {len(references)} references")
    Report(
        f"gpu-parity{part}",
        "Texts of the device against those of the CPU in float32",
        {**settings, "beam": machine.manifest.search.beam_size},
        list(parity_rows(machine, sentences, references, plan.alone)),
        [] if references else ["no references, no BLEU: see --references"],
    ).publish()
    notes: list[str] = []
    rows = [
        row
        for task in plan.tasks
        for batch in plan.batches
        for row in speed_rows(machine, task, batch, plan, notes)
    ]
    Report(
        f"gpu{part}",
        "Sentences a second (median of the rounds); batch 1: one sentence after the other",
        {**settings, "rounds": plan.rounds},
        rows,
        sorted(set(notes)),
    ).publish()
    return 0


class Bench:
    """A bundle, and the ways of running it."""

    def __init__(self, directory: Path, device: Device) -> None:
        self.directory = directory
        self.device = device
        self.manifest = Manifest.read(directory)
        self.tokenizer = Tokenizer.load(directory / self.manifest.vocabulary)
        first = max(asdict(self.manifest.special_ids).values()) + 1
        ids = range(first, self.manifest.vocabulary_size)
        self.words = Words(ids, self.manifest.special_ids.end_id)
        self._loaded: dict[Precision, DeviceModel] = {}

    def reference(self) -> DecoderModel:
        """The float32 graphs on the CPU."""
        return load_model(self.directory, self.manifest, Precision.FLOAT, Device.CPU, threads=0)

    def on_device(self, precision: Precision, buckets: Sequence[Bucket]) -> DecoderModel:
        """The graphs of a precision on the device, loaded once.

        Raises:
            RuntimeError: They run somewhere else: there is nothing to measure.
        """
        if precision not in self._loaded:
            model = load_device_model(
                self.directory, self.manifest, precision, self.device, threads=0, buckets=()
            )
            if model.device is not self.device:
                raise RuntimeError(f"{self.device} was asked for; the graphs run on {model.device}")
            self._loaded[precision] = model
        loaded = self._loaded[precision]
        return DeviceModel(loaded.graphs, loaded.ids, buckets)


def parity_rows(
    bench: Bench, sentences: Sequence[str], references: Sequence[str] | None, alone: int
) -> Iterator[Row]:
    """A row for the CPU, and for every precision on the device in company and alone."""
    began_s = time.perf_counter()
    expected = translate(bench, bench.reference(), sentences)
    yield _parity("cpu, float", expected, expected, references, time.perf_counter() - began_s)
    beam = bench.manifest.search.beam_size
    for precision in _PRECISIONS:
        model = bench.on_device(precision, [Bucket.of(64, 64, beam)]).for_worker()
        began_s = time.perf_counter()
        texts = translate(bench, model, sentences)
        seconds = time.perf_counter() - began_s
        yield _parity(f"{bench.device}, {precision}", texts, expected, references, seconds)
        began_s = time.perf_counter()
        lone = translate(bench, model, sentences[:alone], batch_sources=1)
        seconds = time.perf_counter() - began_s
        name = f"{bench.device}, {precision}, alone against in company"
        yield _parity(name, lone, texts[:alone], None, seconds)


def _parity(
    name: str,
    texts: Sequence[str],
    expected: Sequence[str],
    references: Sequence[str] | None,
    seconds: float,
) -> Row:
    equal = sum(one == other for one, other in zip(texts, expected, strict=True))
    return {
        "who": name,
        "sentences": len(texts),
        "equal texts": equal,
        "share": equal / len(texts),
        "BLEU": None if references is None else _bleu(texts, references),
        "seconds": seconds,
    }


def translate(
    bench: Bench, model: DecoderModel, sentences: Sequence[str], batch_sources: int = 64
) -> list[str]:
    """The best text for each sentence, cut where the model's limit is."""
    limit = bench.manifest.limits.max_source_tokens - 1
    end_id = bench.tokenizer.end_id
    sources = [[*bench.tokenizer.encode(text)[:limit], end_id] for text in sentences]
    found = decode(model, sources, bench.manifest.search, batch_sources)
    return [bench.tokenizer.decode(hypotheses[0].token_ids) for hypotheses in found]


def speed_rows(bench: Bench, task: Task, batch: int, plan: Plan, notes: list[str]) -> Iterator[Row]:
    """A row for everybody at one task and one batch."""
    with ExitStack() as stack:
        runs: dict[str, Runner] = {}
        for precision in _PRECISIONS:
            bucket = Bucket.of(batch, task.source_tokens, task.beam)
            for buckets, way in (([bucket], "graph"), ([], "no graph")):
                model = bench.on_device(precision, buckets)
                engine = stack.enter_context(_engine(model, batch))
                runs[f"{precision}, {way}"] = partial(_ours, engine, bench.words, task, batch)
        runs |= _peers(bench.device, task, batch, notes)
        contestants = []
        for name, run in runs.items():
            count = _count(run, batch, plan.run_s)
            contestants.append(Contestant(name, partial(_speed, run, count)))
        spreads = interleave(contestants, plan.rounds)
    print(f"{task}, batch {batch}", file=sys.stderr)
    first = next(iter(spreads))
    for name, spread in spreads.items():
        yield {
            "source": task.source_tokens,
            "target": task.target_tokens,
            "beam": task.beam,
            "batch": batch,
            "who": name,
            "sentences/s": spread.median,
            "lowest": spread.low,
            "highest": spread.high,
            "ms a batch": 1000 * batch / spread.median,
            f"{first} is faster by": ratio(spreads, first, name),
        }


@contextmanager
def _engine(model: DecoderModel, batch: int) -> Iterator[Engine]:
    limits = EngineLimits.refusing_nothing(batch, workers=1)
    engine = Engine(model, limits)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def _ours(engine: Engine, words: Words, task: Task, batch: int, count: int) -> Callable[[], None]:
    """All at once, or one after the other when batches are of one."""
    draw = Random(count)
    options = forced_length(task.beam, task.target_tokens)
    requests = [
        DecodeRequest(words.source(draw, task.source_tokens), options) for _ in range(count)
    ]

    def run() -> None:
        for wave in [requests] if batch > 1 else [[request] for request in requests]:
            for future in engine.submit_many(wave):
                steps = future.result().decode_steps
                assert steps == task.target_tokens, f"{steps} steps, not {task.target_tokens}"

    return run


def _peers(device: Device, task: Task, batch: int, notes: list[str]) -> dict[str, Runner]:
    """CTranslate2 with Transformers of random weights, where it is installed and runs."""
    if importlib.util.find_spec("ctranslate2") is None:
        notes.append("CTranslate2 is not installed here")
        return {}
    import ctranslate2

    from benchmarks.peers.ctranslate2_peer import make_model, token

    words = Words(range(FIRST_WORD, PUBLISHED_VOCABULARY), END)

    def prepare(translator: Any, count: int) -> Callable[[], None]:
        draw = Random(count)
        sources = [
            [token(number) for number in words.source(draw, task.source_tokens)]
            for _ in range(count)
        ]

        def run() -> None:
            for wave in [sources] if batch > 1 else [[source] for source in sources]:
                translator.translate_batch(
                    wave,
                    max_batch_size=batch,
                    beam_size=task.beam,
                    min_decoding_length=task.target_tokens,
                    max_decoding_length=task.target_tokens,
                    max_input_length=0,
                )

        return run

    runs: dict[str, Runner] = {}
    for shape in (TINY, BASE):
        directory = CACHE / f"ctranslate2-{shape.name}-{PUBLISHED_VOCABULARY}-full"
        if not (directory / "model.bin").is_file():
            make_model(directory, shape, PUBLISHED_VOCABULARY, None)
        kind = "float16" if device is Device.CUDA else "int8"
        try:
            translator = ctranslate2.Translator(
                str(directory), device=device.value, compute_type=kind
            )
        except (RuntimeError, ValueError) as error:
            notes.append(f"CTranslate2 {shape.name} does not run here: {error}")
            continue
        runs[f"CTranslate2 {shape.name}, {kind}"] = partial(prepare, translator)
    return runs


def _count(prepare: Runner, batch: int, run_s: float) -> int:
    """Whole batches that take about `run_s` seconds; this is the warm-up, too."""
    prepare(batch)()
    seconds = min(batch / _speed(prepare, batch) for _ in range(3))
    return batch * max(1, round(run_s / seconds))


def _speed(prepare: Runner, count: int) -> float:
    """Sentences a second."""
    run = prepare(count)
    began_s = time.perf_counter()
    run()
    return count / (time.perf_counter() - began_s)


def _bleu(texts: Sequence[str], references: Sequence[str]) -> float:
    import sacrebleu

    return float(sacrebleu.corpus_bleu(list(texts), [list(references)]).score)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    sys.exit(main())
