"""An entrant at the start: its child runs, and the setting it is best at has been found."""

from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from statistics import median
from typing import Protocol

from benchmarks.entrants import Entrant
from benchmarks.interleave import Contestant
from benchmarks.peers.protocol import Job, Setting
from benchmarks.work import Task
from service.cores import usable_cores

# Settings are compared at this batch for all batches but that of 1, which is a case of its own.
_TRIAL_BATCH = 16
# Steps of a trial: enough to tell settings apart, few enough to try them all.
_TRIAL_TOKENS = 8
# Fewest and most sources whose median is one figure.
_LATENCY_SOURCES = (3, 40)


class Runner(Protocol):
    """The part of a `Child` that measures."""

    def run(self, job: Job) -> float: ...

    def latency(self, job: Job) -> list[float]: ...


@dataclass(slots=True)
class Seat:
    """One entrant and its child.

    Attributes:
        entrant: Who.
        child: Loaded.
        run_s: How long one measurement should take, where a batch does not take longer.
    """

    entrant: Entrant
    child: Runner
    run_s: float
    _best: dict[tuple[Task, int], tuple[Setting, float]] = field(default_factory=dict)
    _lone: dict[Task, tuple[Setting, float]] = field(default_factory=dict)

    def throughput(self, task: Task, batch: int) -> tuple[Setting, Contestant]:
        """The best setting, and a contestant whose figure is sentences a second.

        Every worker gets whole batches, the same number.
        """
        setting, rate = self._best_setting(task, 1 if batch == 1 else _TRIAL_BATCH)
        share = setting.workers * batch
        count = share * max(1, round(self.run_s * rate / share))
        job = self._job(setting, task, batch, count)
        return setting, Contestant(self.entrant.name, lambda: count / self.child.run(job))

    def latency(self, task: Task) -> tuple[Setting, Contestant]:
        """The best setting for one source alone, and a contestant whose figure is p50 in s."""
        setting, seconds = self._lone_setting(task)
        fewest, most = _LATENCY_SOURCES
        count = min(most, max(fewest, round(self.run_s / seconds)))
        job = self._job(setting, task, 1, count)
        return setting, Contestant(self.entrant.name, lambda: median(self.child.latency(job)))

    def _best_setting(self, task: Task, batch: int) -> tuple[Setting, float]:
        """The setting with most sentences a second, and how many."""
        if (task, batch) not in self._best:
            rates = {
                setting: self._trial(setting, task, batch)
                for setting in self.entrant.settings(usable_cores())
            }
            best = max(rates, key=rates.__getitem__)
            self._best[task, batch] = (best, rates[best])
        return self._best[task, batch]

    def _trial(self, setting: Setting, task: Task, batch: int) -> float:
        """Sentences a second, roughly: of a short search, scaled to the task's length."""
        short = replace(task, target_tokens=min(_TRIAL_TOKENS, task.target_tokens))
        job = self._job(setting, short, batch, setting.workers * batch)
        self.child.run(job)  # pays for memory and caches
        seconds = self.child.run(job) * task.target_tokens / short.target_tokens
        return len(job.sources) / seconds

    def _lone_setting(self, task: Task) -> tuple[Setting, float]:
        """The setting that answers one source soonest, and its seconds."""
        if task not in self._lone:
            seconds = {}
            for setting in self.entrant.lone_settings(usable_cores()):
                # The first pays for memory and caches.
                _, *later = self.child.latency(self._job(setting, task, 1, 4))
                seconds[setting] = median(later)
            best = min(seconds, key=seconds.__getitem__)
            self._lone[task] = (best, seconds[best])
        return self._lone[task]

    def _job(self, setting: Setting, task: Task, batch: int, count: int) -> Job:
        # Everybody gets words drawn alike, as far as vocabularies are alike.
        source = partial(self.entrant.words.source, Random(1), task.source_tokens)
        sources = tuple(source() for _ in range(count))
        return Job(setting, batch, task.beam, task.target_tokens, sources)
