"""What the machine's arithmetic allows: `python -m benchmarks.arithmetic`.

A sentence takes so many multiply-accumulates, the machine does so many a second: no engine of
that model is faster than the one divided by the other. Counted are matrix products, in int8 at
the measured int8 rate and in float32 at the float32 rate, on all cores.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.entrants import scored_rows, typical_work
from benchmarks.peers.shapes import BASE, PUBLISHED_VOCABULARY, TINY
from benchmarks.rate import Rates, measure_rates
from benchmarks.report import Report
from benchmarks.work import Task, Work, transformer_work
from service.bundle import Manifest

TASKS = (Task(24, 24, 1), Task(24, 24, 4), Task(256, 48, 4))


def limit_per_s(work: Work, rates: Rates) -> float:
    """Sentences a second that the machine's arithmetic allows, all cores together."""
    return 1 / (work.int8 / rates.int8 + work.float32 / rates.float32)


def all_int8_limit_per_s(work: Work, rates: Rates) -> float:
    """The same if every product were in int8: a limit that no choice of precision moves."""
    return rates.int8 / work.total


def main() -> int:
    """Print the limits of a bundle and of the Transformers it is compared with."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.arithmetic",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("models/tatoeba-en-de"))
    bundle = parser.parse_args().bundle
    manifest = Manifest.read(bundle)
    listed = scored_rows(bundle, TASKS[0].source_tokens)
    models: dict[str, Callable[[Task], Work]] = {manifest.name: partial(typical_work, bundle)}
    for shape in (BASE, TINY):
        for rows in dict.fromkeys((PUBLISHED_VOCABULARY, manifest.vocabulary_size, listed)):
            models[f"{shape.name}, {rows} rows"] = partial(transformer_work, shape, rows)
    rates = measure_rates()
    report = Report(
        "arithmetic",
        "What the arithmetic allows",
        {f"{name} GMAC/s": rate / 1e9 for name, rate in asdict(rates).items()},
    )
    for task in TASKS:
        for name, count in models.items():
            work = count(task)
            report.rows.append(
                {
                    "tokens": f"{task.source_tokens}/{task.target_tokens}",
                    "beam": task.beam,
                    "model": name,
                    "int8 MMAC": work.int8 / 1e6,
                    "float32 MMAC": work.float32 / 1e6,
                    "limit/s": limit_per_s(work, rates),
                    "limit/s, all int8": all_int8_limit_per_s(work, rates),
                }
            )
    report.publish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
