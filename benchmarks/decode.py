"""How many sentences a second a bundle decodes: `python -m benchmarks.decode models/NAME`.

Sources are the bundle's golden cases, repeated, so no corpus is needed. They go through the
engine as the service runs it: workers side by side, sources admitted and retired in flight.
Every setting is run several times, all settings in turn, and the best run of each is printed:
on a shared machine the best is the one least disturbed.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from service.bundle import Bundle, Provider, load_bundle
from service.bundle.golden import read_golden
from service.domain import DecodeRequest
from service.engine import Engine, EngineLimits

_PLENTY = 1 << 40


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    workers: int
    max_batch_sources: int
    beam_size: int


@dataclass(frozen=True, slots=True)
class Result:
    """What a setting came to: its best run."""

    setting: Setting
    sentences_per_second: float
    target_tokens_per_second: float


def requests_of(bundle: Bundle, beam_size: int, count: int) -> list[DecodeRequest]:
    """`count` requests made of the golden sources, in turn."""
    cases = read_golden(bundle.directory / bundle.manifest.golden)
    options = replace(bundle.manifest.search, beam_size=beam_size, num_hypotheses=1)
    return [
        DecodeRequest(
            cases[number % len(cases)].source_ids,
            replace(options, max_decoding_length=2 * len(cases[number % len(cases)].source_ids)),
        )
        for number in range(count)
    ]


def measure(bundle: Bundle, setting: Setting, count: int) -> Result:
    """Submit `count` sources at once and time until the last is answered."""
    limits = EngineLimits(
        max_queue_items=_PLENTY,
        max_queue_tokens=_PLENTY,
        max_batch_sources=setting.max_batch_sources,
        max_batch_tokens=_PLENTY,
        workers=setting.workers,
    )
    engine = Engine(bundle.model, limits)
    engine.start()
    try:
        began_s = time.perf_counter()
        futures = engine.submit_many(requests_of(bundle, setting.beam_size, count))
        answers = [future.result() for future in futures]
        seconds = time.perf_counter() - began_s
    finally:
        engine.close()
    tokens = sum(len(answer.hypotheses[0].token_ids) for answer in answers)
    return Result(setting, len(answers) / seconds, tokens / seconds)


def main() -> int:
    """Measure every setting and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decode", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--provider", type=Provider, default=Provider.CPU, choices=list(Provider))
    parser.add_argument("--sources", type=int, default=480, help="sources of one run")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each setting")
    parser.add_argument("--json", type=Path, help="also write machine, commit and figures here")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle, arguments.provider, threads=1)
    cores = os.cpu_count() or 1
    settings = [
        Setting(workers, batch, beam)
        for workers in sorted({1, cores})
        for batch in (1, 8, 16, 32)
        for beam in (1, 4)
    ]
    runs = [
        measure(bundle, setting, arguments.sources)
        for _ in range(arguments.rounds)
        for setting in settings
    ]
    best = [
        max(
            (run for run in runs if run.setting == setting),
            key=lambda run: run.sentences_per_second,
        )
        for setting in settings
    ]
    print(f"{bundle.manifest.name}, {bundle.precision} on {bundle.device}")
    print("workers  batch  beam  sentences/s  target tokens/s")
    for result in best:
        setting = result.setting
        print(
            f"{setting.workers:7}  {setting.max_batch_sources:5}  {setting.beam_size:4}"
            f"  {result.sentences_per_second:11.1f}  {result.target_tokens_per_second:15.0f}"
        )
    if arguments.json:
        record = {
            "bundle": bundle.manifest.name,
            "digest": bundle.manifest.digest,
            "precision": bundle.precision,
            "device": bundle.device,
            "machine": {"processor": platform.processor() or platform.machine(), "cores": cores},
            "commit": _commit(),
            "results": [asdict(result) for result in best],
        }
        arguments.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def _commit() -> str:
    """The commit that is checked out, marked when the tree differs from it."""
    return subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
