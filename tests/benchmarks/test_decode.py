"""Everybody runs at its best setting and does the same work; the table says what came of it."""

from collections import Counter
from dataclasses import dataclass, field

import pytest

from benchmarks import seat
from benchmarks.decode import Outcome, details_of, latency_rows, throughput_rows
from benchmarks.entrants import OURS, Entrant, Words
from benchmarks.interleave import Spread
from benchmarks.peers.protocol import Job, Setting
from benchmarks.rate import Rates
from benchmarks.seat import Seat
from benchmarks.work import Task, Work

TASK = Task(source_tokens=5, target_tokens=4, beam=2)
WIDE, DEEP = Setting(2, 1, "int8"), Setting(1, 2, "int8")
RATES = Rates(int8_core=600.0, int8=1000.0, float32_core=60.0, float32=100.0)


def entrant(name: str) -> Entrant:
    return Entrant(
        name=name,
        command=[],
        load={},
        variants=("int8",),
        words=Words(range(4, 40), end_id=3),
        work=lambda task: Work(int8=10 * task.beam, float32=2 * task.beam),
    )


@dataclass
class TimedRunner:
    """A child whose speed is in a table: sentences a second by setting."""

    speeds: dict[Setting, float]
    jobs: list[Job] = field(default_factory=list)

    def run(self, job: Job) -> float:
        self.jobs.append(job)
        return len(job.sources) / self.speeds[job.setting]

    def latency(self, job: Job) -> list[float]:
        self.jobs.append(job)
        return [1 / self.speeds[job.setting]] * len(job.sources)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat, "usable_cores", lambda: 2)


@pytest.mark.parametrize(("wide", "deep", "best"), [(200.0, 90.0, WIDE), (80.0, 90.0, DEEP)])
@pytest.mark.parametrize("batch", [1, 16, 64])
def test_throughput_is_measured_at_the_best_setting(
    wide: float, deep: float, best: Setting, batch: int
) -> None:
    runner = TimedRunner({WIDE: wide, DEEP: deep})
    setting, contestant = Seat(entrant("a"), runner, run_s=1.0).throughput(TASK, batch)
    assert setting == best
    assert contestant.run() == pytest.approx(max(wide, deep))
    assert {job.setting for job in runner.jobs} == {WIDE, DEEP}, "both have to be tried"


@pytest.mark.parametrize("batch", [1, 16, 64])
@pytest.mark.parametrize("speed", [3.0, 333.0])
def test_every_worker_gets_whole_batches_of_sources_of_the_right_length(
    batch: int, speed: float
) -> None:
    runner = TimedRunner({WIDE: speed, DEEP: 1.0})
    _, contestant = Seat(entrant("a"), runner, run_s=1.0).throughput(TASK, batch)
    contestant.run()
    job = runner.jobs[-1]
    assert (job.batch, job.beam, job.target_tokens) == (batch, 2, 4)
    assert len(job.sources) % (2 * batch) == 0
    assert all(len(source) == 5 and source[-1] == 3 for source in job.sources)
    assert all(4 <= token < 40 for source in job.sources for token in source[:-1])


def test_settings_are_looked_for_once_for_all_large_batches() -> None:
    runner = TimedRunner({WIDE: 2.0, DEEP: 1.0})
    contender = Seat(entrant("a"), runner, run_s=1.0)
    for batch in (8, 16, 64):
        contender.throughput(TASK, batch)
    assert Counter(job.setting for job in runner.jobs) == {
        WIDE: 2,
        DEEP: 2,
    }  # a warm-up and a trial


def test_latency_is_measured_one_batch_at_a_time_at_the_best_number_of_threads() -> None:
    alone = Setting(1, 1, "int8")
    runner = TimedRunner({alone: 10.0, DEEP: 20.0})
    setting, contestant = Seat(entrant("a"), runner, run_s=1.0).latency(TASK)
    assert setting == DEEP
    assert contestant.run() == pytest.approx(1 / 20)
    assert len(runner.jobs[-1].sources) == 20


def outcome(batch: int, **figures: tuple[float, ...]) -> Outcome:
    names = {OURS if name == "ours" else name: values for name, values in figures.items()}
    return Outcome(
        TASK,
        batch,
        dict.fromkeys(names, WIDE),
        {name: Spread(values) for name, values in names.items()},
    )


def test_a_row_has_every_batch_and_compares_the_best_with_ours_at_its_best() -> None:
    outcomes = [
        outcome(1, ours=(2.0, 4.0, 3.0), peer=(2.0, 2.0, 2.0)),
        outcome(8, ours=(9.0, 8.0, 8.0), peer=(1.0, 1.0, 1.0)),
    ]
    field_ = {name: entrant(name) for name in (OURS, "peer")}
    ours, peer = throughput_rows(outcomes, field_, RATES)
    assert (ours["batch 1"], ours["batch 8"], ours["best"], ours["at batch"]) == (3.0, 8.0, 8.0, 8)
    assert (peer["best"], peer["at batch"], peer["setting"]) == (2.0, 1, "2x1 int8")
    assert (ours["ours is x"], peer["ours is x"]) == (1.0, 4.0)
    # Beam 2: 20 in int8 at 1000 a second and 4 in float32 at 100: 0.06 s a sentence.
    assert peer["of limit"] == pytest.approx(2.0 * 0.06)


def test_without_ours_there_is_no_ratio() -> None:
    (row,) = throughput_rows([outcome(1, peer=(1.0,))], {"peer": entrant("peer")}, RATES)
    assert row["ours is x"] is None
    (row,) = latency_rows([outcome(1, peer=(1.0,))])
    assert row["ours is x"] is None


def test_who_gave_up_is_missing_from_what_follows_only() -> None:
    outcomes = [outcome(1, ours=(1.0,), peer=(2.0,)), outcome(8, ours=(4.0,))]
    field_ = {name: entrant(name) for name in (OURS, "peer")}
    rows = throughput_rows(outcomes, field_, RATES)
    assert [row["who"] for row in rows] == [OURS, "peer"]
    assert "batch 8" not in rows[1]


def test_latencies_are_compared_round_by_round() -> None:
    ours, peer = latency_rows([outcome(1, ours=(0.001, 0.01, 0.002), peer=(0.003, 0.03, 0.004))])
    assert (ours["p50 ms"], ours["lowest"], ours["highest"]) == (2.0, 1.0, 10.0)
    assert peer["ours is x"] == pytest.approx(3.0)


def test_every_figure_is_kept() -> None:
    rows = details_of([outcome(8, ours=(4.0, 5.0))], "sentences/s")
    assert rows == [
        {
            "tokens": "5/4",
            "beam": 2,
            "batch": 8,
            "who": OURS,
            "setting": "2x1 int8",
            "round": number,
            "sentences/s": figure,
        }
        for number, figure in ((1, 4.0), (2, 5.0))
    ]
