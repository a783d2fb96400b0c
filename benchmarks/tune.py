"""Which settings suit this machine: `python -m benchmarks.tune [models/NAME ...]`.

Every way to lay workers and threads out on the cores that may be used is tried with every size
of batch, in turn, in two regimes: *throughput*, where there is always more work than fits, and
*lone*, one request at a time, as an idle service meets it. Sources are the bundle's golden cases
over and over. It takes under two minutes, prints the table, and the `SEQ2SERVE_*` variables to
set for either regime.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from benchmarks.interleave import Contestant, Spread, interleave
from benchmarks.report import RESULTS, Report, Row
from service.bundle import Bundle, Provider, load_bundle
from service.bundle.golden import read_golden
from service.cores import usable_cores
from service.domain import DecodeRequest
from service.engine import Engine, EngineLimits
from service.loading import engine_limits
from service.settings import Settings, variable

_BATCHES = (4, 8, 16, 32)
_ROUNDS = 3
_LONE_REQUESTS = 20
_SECONDS = 80.0  # for all the measurements; loading bundles comes on top
_PLENTY = 1 << 40

# A setting has to be so much better than the one the service takes by itself to be worth setting.
_WORTH_IT = 1.05


@dataclass(frozen=True, slots=True)
class Layout:
    """How many workers decode, each with so many ONNX Runtime threads."""

    workers: int
    threads: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What a setting came to.

    Attributes:
        layout: Of workers and threads.
        max_batch_sources: What a worker decodes at the same time.
        sentences_per_second: With more work than fits, in each round.
        lone_ms: Median time of a request on an idle engine, in the best of all runs of the
            layout: there is no batch to be large or small.
    """

    layout: Layout
    max_batch_sources: int
    sentences_per_second: Spread
    lone_ms: float

    @property
    def row(self) -> Row:
        """As the table shows it."""
        return {
            "workers": self.layout.workers,
            "threads": self.layout.threads,
            "max_batch_sources": self.max_batch_sources,
            "sentences/s": self.sentences_per_second.median,
            "lowest": self.sentences_per_second.low,
            "highest": self.sentences_per_second.high,
            "lone request ms": self.lone_ms,
        }

    @property
    def variables(self) -> str:
        """The environment variables that make the service run like this."""
        values = {
            "workers": self.layout.workers,
            "threads": self.layout.threads,
            "max_batch_sources": self.max_batch_sources,
        }
        return " ".join(f"{variable(name)}={value}" for name, value in values.items())


def layouts(cores: int) -> list[Layout]:
    """Ways to use so many cores: every power of two of threads, and workers for the rest.

    Worked case: 6 cores -> 6 x 1, 3 x 2, 1 x 4.
    """
    threads = [1 << power for power in range(cores.bit_length()) if 1 << power <= cores]
    return [Layout(cores // each, each) for each in threads]


def default_of(trials: Sequence[Trial], limits: EngineLimits) -> Trial:
    """The trial of what the service does when nothing is set."""
    return next(
        trial
        for trial in trials
        if trial.layout.workers == limits.workers
        and trial.max_batch_sources == limits.max_batch_sources
    )


def fastest(trials: Sequence[Trial], default: Trial) -> Trial:
    """The one of highest throughput; the default if that is nearly as high."""
    best = max(trials, key=lambda trial: trial.sentences_per_second.median)
    gain = best.sentences_per_second.median / default.sentences_per_second.median
    return best if gain > _WORTH_IT else default


def promptest(trials: Sequence[Trial], default: Trial) -> Trial:
    """The one that answers a lone request soonest; of nearly equal ones, the fastest."""
    soonest = min(trial.lone_ms for trial in trials)
    prompt = [trial for trial in trials if trial.lone_ms <= soonest * _WORTH_IT]
    return default if default in prompt else fastest(prompt, prompt[0])


def tune(directory: Path, cores: int, limits: EngineLimits, seconds: float) -> list[Trial]:
    """Try every setting with one bundle, within about `seconds`.

    Args:
        directory: The bundle.
        cores: To lay workers out on.
        limits: What the service does when nothing is set.
        seconds: For all the measurements.
    """
    places = layouts(cores)
    bundles = {
        layout.threads: load_bundle(directory, Provider.CPU, layout.threads) for layout in places
    }
    share_s = seconds / (len(places) * len(_BATCHES) * _ROUNDS)
    settings = {
        f"{layout.workers} x {layout.threads}, {batch}": (layout, batch)
        for layout in places
        for batch in _BATCHES
    }
    lone_ms: dict[Layout, list[float]] = {layout: [] for layout in places}

    def contestant(name: str) -> Contestant:
        layout, batch = settings[name]

        def run() -> float:
            bundle = bundles[layout.threads]
            tried = replace(limits, workers=layout.workers, max_batch_sources=batch)
            with started(bundle, tried) as engine:
                lone_ms[layout].append(lone_milliseconds(engine, bundle))
                return sentences_per_second(engine, bundle, layout.workers * batch, share_s)

        return Contestant(name, run)

    spreads = interleave([contestant(name) for name in settings], _ROUNDS)
    return [
        Trial(layout, batch, spreads[name], min(lone_ms[layout]))
        for name, (layout, batch) in settings.items()
    ]


@contextmanager
def started(bundle: Bundle, limits: EngineLimits) -> Iterator[Engine]:
    """An engine with a queue that is never full."""
    limits = replace(limits, max_queue_items=_PLENTY, max_queue_tokens=_PLENTY)
    engine = Engine(bundle.model, limits)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def requests_of(bundle: Bundle) -> Iterator[DecodeRequest]:
    """The golden sources with the bundle's usual search, without end."""
    cases = read_golden(bundle.directory / bundle.manifest.golden)
    for case in cycle(cases):
        longest = min(2 * len(case.source_ids) + 16, bundle.manifest.search.max_decoding_length)
        search = replace(case.options, max_decoding_length=longest)
        yield DecodeRequest(case.source_ids, search)


def lone_milliseconds(engine: Engine, bundle: Bundle) -> float:
    """Median time of one request after the other."""
    times_ms = []
    for request in islice(requests_of(bundle), _LONE_REQUESTS):
        began_s = time.perf_counter()
        engine.submit(request).result()
        times_ms.append((time.perf_counter() - began_s) * 1e3)
    return median(times_ms)


def sentences_per_second(engine: Engine, bundle: Bundle, at_once: int, seconds: float) -> float:
    """How much is answered when twice as much waits as is decoded."""
    requests = requests_of(bundle)
    waiting = engine.submit_many(list(islice(requests, 3 * at_once)))
    began_s = time.perf_counter()
    answered = 0
    while time.perf_counter() - began_s < seconds:
        group, waiting = waiting[:at_once], waiting[at_once:]
        waiting += engine.submit_many(list(islice(requests, at_once)))
        for future in group:
            future.result()
        answered += at_once
    rate = answered / (time.perf_counter() - began_s)
    for future in waiting:
        future.cancel()
    return rate


def report_of(bundle: str, trials: Sequence[Trial], default: Trial) -> Report:
    """The table, and what to set."""
    report = Report(
        name=f"tune-{bundle}",
        title=f"Workers, threads and batches for {bundle}",
        settings={"cores": usable_cores(), "rounds": _ROUNDS},
        rows=[trial.row for trial in trials],
    )
    for regime, chosen in (
        ("throughput", fastest(trials, default)),
        ("lone requests", promptest(trials, default)),
    ):
        usual = " (as without any setting)" if chosen == default else ""
        report.notes.append(f"for {regime}{usual}: {chosen.variables}")
    return report


def main() -> int:
    """Tune for every bundle that is named, or all that are shipped."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tune", description=__doc__)
    parser.add_argument("bundle", type=Path, nargs="*", help="default: all in models/")
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="for all of it")
    parser.add_argument("--results", type=Path, default=RESULTS, help="directory of JSON files")
    arguments = parser.parse_args()
    bundles = arguments.bundle or sorted(path.parent for path in Path("models").glob("*/*.json"))
    # Not what is in the environment: what is printed is to be set there.
    limits = engine_limits(Settings.model_construct())
    for directory in bundles:
        trials = tune(directory, usable_cores(), limits, arguments.seconds / len(bundles))
        default = default_of(trials, limits)
        report_of(directory.name, trials, default).publish(arguments.results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
