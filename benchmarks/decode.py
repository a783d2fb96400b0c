"""Decoding speed, ours and the peers': `python -m benchmarks.decode`.

The same numbers of source and target tokens for everybody: sources of random ids, searches that
can end at the last step only. Everybody runs at the best of its own settings (batches side by
side against threads in one, precisions), which is looked for first. Then all run in turn, and a
figure is the median over the rounds. `make bench-peers` installs the peers; who is missing is
named under the table.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.arithmetic import limit_per_s
from benchmarks.entrants import OURS, Entrant, entrants, scored_rows
from benchmarks.interleave import Contestant, Spread, interleave, ratio
from benchmarks.peers.protocol import Child, PeerError, Setting
from benchmarks.rate import Rates, measure_rates
from benchmarks.report import Report, Row, Value
from benchmarks.seat import Seat
from benchmarks.work import Task
from service.bundle import Manifest


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        batches: Batches by task, for throughput.
        lone: Tasks for the latency of one source alone.
        rounds: Turns of everybody.
        run_s: Length of one measurement, where a batch does not take longer.
    """

    batches: dict[Task, tuple[int, ...]]
    lone: tuple[Task, ...]
    rounds: int
    run_s: float


SHORT_GREEDY, SHORT, LONG = Task(24, 24, 1), Task(24, 24, 4), Task(256, 48, 4)
WHOLE = Plan(
    batches={SHORT_GREEDY: (1, 8, 16, 64), SHORT: (1, 8, 16, 64), LONG: (16,)},
    lone=(SHORT_GREEDY, SHORT, LONG),
    rounds=3,
    run_s=0.4,
)
QUICK = Plan(batches={SHORT: (1, 16)}, lone=(SHORT,), rounds=1, run_s=0.2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everybody's figures in one contest.

    Attributes:
        task: The sentences.
        batch: Sources of one batch.
        settings: What each ran with, by name.
        spreads: Each one's figures, by name.
    """

    task: Task
    batch: int
    settings: dict[str, Setting]
    spreads: dict[str, Spread]


def main() -> int:
    """Measure, print two tables, write two files."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decode",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, nargs="?", default=Path("models/tatoeba-en-de"))
    parser.add_argument("--only", nargs="+", default=["*"], metavar="NAME", help="such as 'CTr*'")
    parser.add_argument("--quick", action="store_true", help="a few figures in two minutes")
    parser.add_argument(
        "--shortlist", type=int, help="rows of the peers' shortlist; else our output layer's"
    )
    arguments = parser.parse_args()
    manifest = Manifest.read(arguments.bundle)
    shortlist = arguments.shortlist or scored_rows(arguments.bundle, SHORT.source_tokens)
    wanted = [
        entrant
        for entrant in entrants(arguments.bundle, shortlist)
        if any(fnmatch(entrant.name, pattern) for pattern in arguments.only)
    ]
    plan = QUICK if arguments.quick else WHOLE
    rates = measure_rates()  # before anybody else is here
    notes: list[str] = []
    with ExitStack() as stack:
        seats = list(_seated(wanted, plan, stack, notes))
        throughput = [
            _contest(seats, task, batch, plan.rounds, notes)
            for task, batches in plan.batches.items()
            for batch in batches
        ]
        latency = [_contest(seats, task, None, plan.rounds, notes) for task in plan.lone]
    # Only a whole run takes the place of a whole run.
    part = "-part" if arguments.quick or arguments.only != ["*"] else ""
    settings: dict[str, Value] = {
        "bundle": manifest.name,
        "digest": manifest.digest[:12],
        "rows of a shortlist": shortlist,
        "rounds": plan.rounds,
        **{f"{name} GMAC/s": rate / 1e9 for name, rate in asdict(rates).items()},
    }
    Report(
        f"decode{part}",
        "Sentences a second (median), all cores",
        settings,
        throughput_rows(throughput, {entrant.name: entrant for entrant in wanted}, rates),
        [*notes, "setting: batches side by side x threads of each", _LIMIT_NOTE],
        details_of(throughput, "sentences/s"),
    ).publish()
    Report(
        f"decode-latency{part}",
        "One sentence alone: p50 in ms (median of the rounds)",
        settings,
        latency_rows(latency),
        notes,
        details_of(latency, "p50 s"),
    ).publish()
    return 0


_LIMIT_NOTE = (
    "of limit: share of what the arithmetic of the model allows on all cores, with products by "
    "weights in int8, whatever the engine computes in"
)


def _seated(
    wanted: Sequence[Entrant], plan: Plan, stack: ExitStack, notes: list[str]
) -> Iterator[Seat]:
    """Start and load everybody; who cannot is noted."""
    for entrant in wanted:
        try:
            child = stack.enter_context(Child(entrant.name, entrant.command, {}))
            about = child.load(entrant.load)
        except PeerError as error:
            notes.append(f"missing: {error} (make bench-peers)")
            continue
        print(f"{entrant.name}: {about}", file=sys.stderr)
        yield Seat(entrant, child, plan.run_s)


def _contest(
    seats: list[Seat], task: Task, batch: int | None, rounds: int, notes: list[str]
) -> Outcome:
    """Everybody in turn at one task; `batch` is None for one source alone.

    Who fails while settings are tried is noted, and takes part in nothing any more.
    """
    print(f"{task}, batch {batch or 'alone'}", file=sys.stderr)
    settings: dict[str, Setting] = {}
    contestants: list[Contestant] = []
    for seat in list(seats):
        try:
            setting, contestant = (
                seat.latency(task) if batch is None else seat.throughput(task, batch)
            )
        except PeerError as error:
            notes.append(f"given up: {error}")
            seats.remove(seat)
            continue
        settings[seat.entrant.name] = setting
        contestants.append(contestant)
    return Outcome(task, batch or 1, settings, interleave(contestants, rounds))


def throughput_rows(
    outcomes: Sequence[Outcome], field: dict[str, Entrant], rates: Rates
) -> list[Row]:
    """A row for each entrant at each task: all batches, the best of them, and the ratio."""
    rows: list[Row] = []
    for task in dict.fromkeys(outcome.task for outcome in outcomes):
        here = [outcome for outcome in outcomes if outcome.task == task]
        ours = _best(here, OURS)
        for name in here[0].spreads:
            best = _best(here, name)
            if best is None:
                continue
            speed = best.spreads[name].median
            rows.append(
                {
                    **_task_columns(task),
                    "who": name,
                    **{
                        f"batch {outcome.batch}": outcome.spreads[name].median
                        for outcome in here
                        if name in outcome.spreads
                    },
                    "best": speed,
                    "at batch": best.batch,
                    "setting": _shown(best.settings[name]),
                    "ours is x": None if ours is None else ours.spreads[OURS].median / speed,
                    "of limit": speed / limit_per_s(field[name].work(task), rates),
                }
            )
    return rows


def latency_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """A row for each entrant at each task."""
    return [
        {
            **_task_columns(outcome.task),
            "who": name,
            "p50 ms": spread.median * 1e3,
            "lowest": spread.low * 1e3,
            "highest": spread.high * 1e3,
            "setting": _shown(outcome.settings[name]),
            "ours is x": ratio(outcome.spreads, name, OURS) if OURS in outcome.spreads else None,
        }
        for outcome in outcomes
        for name, spread in outcome.spreads.items()
    ]


def details_of(outcomes: Sequence[Outcome], figure: str) -> list[Row]:
    """Every figure of every round."""
    return [
        {
            **_task_columns(outcome.task),
            "batch": outcome.batch,
            "who": name,
            "setting": _shown(outcome.settings[name]),
            "round": number,
            figure: sample,
        }
        for outcome in outcomes
        for name, spread in outcome.spreads.items()
        for number, sample in enumerate(spread.samples, 1)
    ]


def _best(outcomes: Sequence[Outcome], name: str) -> Outcome | None:
    """The outcome in which `name` was fastest."""
    return max(
        (outcome for outcome in outcomes if name in outcome.spreads),
        key=lambda outcome: outcome.spreads[name].median,
        default=None,
    )


def _task_columns(task: Task) -> Row:
    return {"tokens": f"{task.source_tokens}/{task.target_tokens}", "beam": task.beam}


def _shown(setting: Setting) -> str:
    return f"{setting.workers}x{setting.threads} {setting.variant}"


if __name__ == "__main__":
    sys.exit(main())
