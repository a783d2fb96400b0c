"""What one model does."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

from service.domain import Direction, FinishReason, Task
from service.trust.guard import Problem


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the metrics say of a model without asking it again."""

    name: str
    version: str
    task: Task
    directions: Sequence[Direction]
    digest: str
    provider: str
    max_queue_sources: int
    max_queue_tokens: int


@dataclass(frozen=True, slots=True)
class ModelMetrics:
    """One model's metrics; an `EngineObserver`."""

    queue_depth: Gauge
    queue_depth_tokens: Gauge
    stage_seconds: Mapping[str, Histogram]
    batch_sources: Histogram
    batch_tokens: Histogram
    padding_ratio: Histogram
    uncaptured: Counter
    decode_steps: Counter
    source_tokens: Counter
    generated_tokens: Counter
    finished_by: Mapping[FinishReason, Counter]
    count_failure: Callable[[str], None]
    marks: Mapping[tuple[bool, bool], Counter]
    rescued: Mapping[Problem, Counter]
    kept: Mapping[Problem, Counter]

    def queue_changed(self, *, items: int, tokens: int) -> None:
        """What waits now."""
        self.queue_depth.set(items)
        self.queue_depth_tokens.set(tokens)

    def encoded(
        self, *, sources: int, source_tokens: int, padded_tokens: int, seconds: float
    ) -> None:
        """Nothing: `advanced` sees the batch, `finished` the seconds."""

    def advanced(
        self,
        *,
        sources: int,
        rows: int,  # noqa: ARG002 - sources times the beam; sources say it all
        steps: int,
        source_tokens: int,
        padded_tokens: int,
        seconds: float,  # noqa: ARG002 - `finished` has it per sentence
        captured: bool | None = None,
    ) -> None:
        """One call of `advance`."""
        if captured is False:
            self.uncaptured.inc()
        self.batch_sources.observe(sources)
        self.batch_tokens.observe(source_tokens)
        self.padding_ratio.observe(1 - source_tokens / padded_tokens)
        self.decode_steps.inc(steps)

    def finished(
        self,
        *,
        reason: FinishReason,
        source_tokens: int,
        generated_tokens: int,
        queue_s: float,
        encode_s: float,
        decode_s: float,
    ) -> None:
        """One sentence was answered."""
        self.finished_by[reason].inc()
        self.source_tokens.inc(source_tokens)
        self.generated_tokens.inc(generated_tokens)
        self.stage_seconds["queue"].observe(queue_s)
        self.stage_seconds["encode"].observe(encode_s)
        self.stage_seconds["decode"].observe(decode_s)

    def failed(self, *, code: str) -> None:
        """One queued sentence was not answered."""
        self.count_failure(code)

    def died(self, *, error: BaseException) -> None:
        """Nothing: the engine logs it, and `seq2serve_model_ready` asks the engine."""

    def marked(self, *, is_copy: bool, is_held: bool) -> None:
        """A term, or something to be copied, was in a sentence."""
        self.marks[is_copy, is_held].inc()

    def guarded(self, *, kept: Iterable[Problem], avoided: Iterable[Problem]) -> None:
        """The guard saw something in a sentence: in its answer, or in one that was not given."""
        for problem in kept:
            self.kept[problem].inc()
        for problem in set(avoided) - set(kept):
            self.rescued[problem].inc()

    def text_finished(self, *, detokenise_s: float) -> None:
        """A text was put together from its decoded sentences."""
        self.stage_seconds["detokenise"].observe(detokenise_s)
