"""What the text's way costs: `python -m benchmarks.commandline BUNDLE FILE`.

One engine, and who asks it for the same sentences in turn: token ids that lie ready, texts
through the pipeline, and the command line's own code from the file it reads to the file it
writes, with the API in between. The command line asks for texts of like length together, so
token ids are asked in both orders. Shares are of the engine's figure from tokens in the file's
order in the same round. Beside time on the clock stands processor time, which a busy machine
changes less.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx

from benchmarks.interleave import Spread, ratio, turns
from benchmarks.report import Report, Row
from service.api.answers import PRIORITIES
from service.api.catalogue import Catalogue
from service.app import create_app
from service.bundle import Bundle, Provider, load_bundle
from service.cli.asking import Errand, ask_all
from service.cli.lines import Unit, texts_of, without_blocking
from service.cli.memory import settle_memory
from service.cli.output import opened
from service.cli.work import client_within, settings_for_one
from service.domain import DecodeRequest, Direction
from service.engine import Engine
from service.errors import ServiceError
from service.loading import engine_limits, serve
from service.metrics import Metrics
from service.pipeline import (
    Outcome,
    Pipeline,
    SearchOverrides,
    Submitter,
    TextLimits,
    TextRequest,
    run_in_windows,
)
from service.pipeline.options import resolve
from service.pipeline.plan import Planner
from service.pipeline.windows import Asked
from service.settings import Settings

# A beam that is named is all there is. With the bundle's own, None, a sentence with a problem is
# searched again and wider, which is work that the engine does not have from tokens.
_BEAMS = (1, 4, None)

# From tokens, so many groups of so many sentences are open: there is always work.
_GROUP = 64
_OPEN_GROUPS = 8

_WARM_UP_LINES = 256
TOKENS, TEXT, COMMAND = "engine, from tokens", "pipeline, from text", "command line"
BY_LENGTH = "engine, from tokens by length"
WAYS = (TOKENS, TEXT, BY_LENGTH, COMMAND)

Way = Callable[[], Awaitable[None]]


def main() -> int:
    """Measure, print the table, write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.commandline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, help="directory of a bundle that translates")
    parser.add_argument("file", type=Path, help="sentences, one a line")
    parser.add_argument("--from", dest="source", help="their language; else the bundle's first")
    parser.add_argument("--sentences", type=int, help="the first ones only")
    parser.add_argument("--rounds", type=int, default=5, help="turns of everybody")
    arguments = parser.parse_args()
    lines = arguments.file.read_text("utf-8").splitlines()[: arguments.sentences]
    bundle = load_bundle(arguments.bundle, Provider.CPU, threads=1)
    direction = next(
        each for each in bundle.manifest.prefixes if arguments.source in (None, each.source)
    )
    clock, processor = asyncio.run(_measured(bundle, direction, lines, arguments.rounds))
    part = "-part" if arguments.sentences else ""
    Report(
        f"commandline-{bundle.manifest.name}{part}",
        "Sentences a second (median), from tokens, from text and from a file to a file",
        {
            "bundle": bundle.manifest.name,
            "digest": bundle.manifest.digest[:12],
            "precision": bundle.precision.value,
            "direction": direction.in_words,
            "sentences": len(lines),
            "rounds": arguments.rounds,
        },
        [row(beam, name, clock, processor) for beam in _BEAMS for name in WAYS],
        [
            "share: of the engine's sentences a second from tokens, median over the rounds",
            "by length: sorted as a whole; the command line sorts what it reads at once, 64 KB",
            "own: the bundle's own beam; sentences with a problem are searched again, wider",
        ],
        [
            {"beam": _shown(beam), "who": name, "round": number, "sentences/s": sample}
            for (beam, name), spread in clock.items()
            for number, sample in enumerate(spread.samples, 1)
        ],
    ).publish()
    return 0


Figures = Mapping[tuple[int | None, str], Spread]


async def _measured(
    bundle: Bundle, direction: Direction, lines: Sequence[str], rounds: int
) -> tuple[Figures, Figures]:
    """Sentences a second, and microseconds of a processor a sentence, by beam and name."""
    settings = settings_for_one(Settings())
    served: list[tuple[Engine, Pipeline]] = []

    def load(settings: Settings, metrics: Metrics) -> Catalogue:
        model = serve(bundle, engine_limits(settings), settings, metrics)
        assert isinstance(model.engine, Engine)
        assert isinstance(model.pipeline, Pipeline)
        served.append((model.engine, model.pipeline))
        return Catalogue([model])

    app = create_app(settings, load=load)
    [(engine, pipeline)] = served
    clock: dict[tuple[int | None, str], list[float]] = {}
    processor: dict[tuple[int | None, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        async with client_within(app) as client:
            settle_memory()

            def ways(lines: Sequence[str]) -> dict[tuple[int | None, str], Way]:
                file = Path(directory) / f"{len(lines)}.txt"
                file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
                found: dict[tuple[int | None, str], Way] = {}
                for beam in _BEAMS:
                    decodes = _decodes(bundle, direction, beam, lines)
                    options = SearchOverrides(beam)
                    requests = [TextRequest(line, direction, options) for line in lines]
                    found[beam, TOKENS] = partial(_from_tokens, engine, decodes)
                    found[beam, TEXT] = partial(_from_text, pipeline, requests)
                    found[beam, BY_LENGTH] = partial(_from_tokens, engine, by_length(decodes))
                    found[beam, COMMAND] = partial(_by_command, client, direction, beam, file)
                return found

            for way in ways(lines[:_WARM_UP_LINES]).values():
                await way()
            contestants = list(ways(lines).items())
            for turn in turns(len(contestants), rounds):
                for number in turn:
                    name, way = contestants[number]
                    began_s, began_processor_s = time.perf_counter(), time.process_time()
                    await way()
                    took_s = time.perf_counter() - began_s
                    took_processor_s = time.process_time() - began_processor_s
                    clock.setdefault(name, []).append(len(lines) / took_s)
                    processor.setdefault(name, []).append(1e6 * took_processor_s / len(lines))
    return (
        {name: Spread(tuple(samples)) for name, samples in clock.items()},
        {name: Spread(tuple(samples)) for name, samples in processor.items()},
    )


def _decodes(
    bundle: Bundle, direction: Direction, beam: int | None, lines: Sequence[str]
) -> list[DecodeRequest]:
    """What the pipeline asks the engine at first."""
    manifest = bundle.manifest
    planner = Planner(
        manifest.task,
        manifest.prefixes,
        bundle.tokenizer,
        manifest.limits,
        TextLimits.refusing_nothing(),
        marks=manifest.marks,
    )
    options = resolve(SearchOverrides(beam), manifest.search, manifest.limits)
    plans = [planner.plan(TextRequest(line, direction), options) for line in lines]
    return [part.decode for plan in plans for part in plan.asked if part.decode is not None]


def by_length(decodes: Sequence[DecodeRequest]) -> list[DecodeRequest]:
    """As the command line asks: those of like length together, and all of it may wait."""
    patient = (replace(decode, priority=PRIORITIES["batch"]) for decode in decodes)
    return sorted(patient, key=lambda decode: len(decode.source_ids))


async def _from_tokens(engine: Submitter, decodes: Sequence[DecodeRequest]) -> None:
    """Off the loop, which has nothing else to do."""
    await asyncio.to_thread(decoded, engine, decodes)


def decoded(engine: Submitter, decodes: Sequence[DecodeRequest]) -> None:
    """Have all decoded, some groups at a time; waits."""
    groups = deque(decodes[first : first + _GROUP] for first in range(0, len(decodes), _GROUP))
    open_groups = deque(
        engine.submit_many(groups.popleft()) for _ in range(min(_OPEN_GROUPS, len(groups)))
    )
    while open_groups:
        for future in open_groups.popleft():
            future.result()
        if groups:
            open_groups.append(engine.submit_many(groups.popleft()))


async def _from_text(pipeline: Asked, requests: Sequence[TextRequest]) -> None:
    await run_in_windows(pipeline, requests, _check)


def _check(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, ServiceError):
            raise outcome


async def _by_command(
    client: httpx.AsyncClient, direction: Direction, beam: int | None, file: Path
) -> None:
    fields: dict[str, object] = {
        "source": direction.source,
        "target": direction.target,
        "priority": "batch",
    }
    if beam is not None:
        fields["options"] = {"beam_size": beam}
    errand = Errand("translate", "q", "translatedText", fields)
    name = str(file)
    with opened(file.with_suffix(".out"), [name]) as write:
        read = partial(texts_of, [name], Unit.LINE)
        await ask_all(client, errand, without_blocking(read), write)


def row(beam: int | None, name: str, clock: Figures, processor: Figures) -> Row:
    """A line of the table.

    Args:
        beam: None for the bundle's own.
        name: Who.
        clock: Sentences a second.
        processor: Microseconds a sentence.
    """
    samples = {who: spread for (at, who), spread in clock.items() if at == beam}
    return {
        "beam": _shown(beam),
        "who": name,
        "sentences/s": samples[name].median,
        "lowest": samples[name].low,
        "highest": samples[name].high,
        "share": ratio(samples, name, TOKENS),
        "processor us/sentence": processor[beam, name].median,
    }


def _shown(beam: int | None) -> str:
    return "own" if beam is None else str(beam)


if __name__ == "__main__":
    sys.exit(main())
