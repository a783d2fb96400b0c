"""What the tuner tries and what it concludes; speeds are made up."""

from benchmarks.interleave import Spread
from benchmarks.tune import Layout, Trial, default_of, fastest, layouts, promptest, report_of
from service.loading import engine_limits
from service.settings import Settings


def trial(workers: int, threads: int, batch: int, speed: float, lone_ms: float) -> Trial:
    return Trial(Layout(workers, threads), batch, Spread((speed,)), lone_ms)


def test_layouts_use_the_cores_and_no_more() -> None:
    assert layouts(1) == [Layout(1, 1)]
    assert layouts(2) == [Layout(2, 1), Layout(1, 2)]
    assert layouts(6) == [Layout(6, 1), Layout(3, 2), Layout(1, 4)]


def test_what_is_hardly_better_than_the_default_is_not_worth_setting() -> None:
    default = trial(2, 1, 16, 1000, 10.0)
    little = trial(2, 1, 32, 1040, 10.0)
    much = trial(2, 1, 8, 1100, 10.0)
    assert fastest([default, little], default) is default
    assert fastest([default, little, much], default) is much


def test_lone_requests_want_the_soonest_answer_and_then_the_highest_throughput() -> None:
    default = trial(2, 1, 16, 1000, 10.0)
    prompt = trial(1, 2, 16, 700, 7.0)
    prompt_and_fast = trial(1, 2, 8, 800, 7.2)
    assert promptest([default, prompt, prompt_and_fast], default) is prompt_and_fast
    assert promptest([default, trial(1, 2, 8, 800, 9.9)], default) is default


def test_what_the_service_does_by_itself_is_among_what_is_tried() -> None:
    limits = engine_limits(Settings.model_construct(workers=2))
    trials = [trial(2, 1, batch, 1000, 10.0) for batch in (8, 16, 32)]
    assert default_of(trials, limits) is trials[1]


def test_the_report_says_what_to_set() -> None:
    default = trial(2, 1, 16, 1000, 10.0)
    report = report_of("toy", [default, trial(1, 2, 16, 700, 7.0)], default)
    usual = "SEQ2SERVE_WORKERS=2 SEQ2SERVE_THREADS=1 SEQ2SERVE_MAX_BATCH_SOURCES=16"
    other = "SEQ2SERVE_WORKERS=1 SEQ2SERVE_THREADS=2 SEQ2SERVE_MAX_BATCH_SOURCES=16"
    assert report.notes == [
        f"for throughput (as without any setting): {usual}",
        f"for lone requests: {other}",
    ]
