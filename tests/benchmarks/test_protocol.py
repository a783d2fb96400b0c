"""A child that prints does not disturb; one that refuses or dies says why."""

from collections.abc import Iterator
from dataclasses import asdict

import pytest

from benchmarks.peers.protocol import Child, Job, PeerError, Setting, python_module, this_python

SETTING = Setting(workers=2, threads=1, variant="int8")


def job(beam: int = 4) -> Job:
    return Job(SETTING, batch=2, beam=beam, target_tokens=3, sources=((5, 3), (6, 3), (7, 3)))


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child("noisy", python_module(this_python(), "tests.benchmarks.child"), {}) as started:
        yield started


def test_noise_is_not_taken_for_an_answer(child: Child) -> None:
    assert child.load({"shape": {"size": 2}}) == {"told": {"shape": {"size": 2}}}
    assert 0 <= child.run(job()) < 60
    seconds = child.latency(job())
    assert len(seconds) == len(job().sources)
    assert all(0 <= each < 60 for each in seconds)


def test_a_refusal_is_an_error_and_the_child_lives_on(child: Child) -> None:
    with pytest.raises(PeerError, match=r"noisy, asked to load: RuntimeError: no such model"):
        child.load({"fail": True})
    assert child.load({}) == {"told": {}}


def test_an_answer_of_another_length_is_an_error(child: Child) -> None:
    with pytest.raises(PeerError, match=r"3 answers of \[2\] tokens; 3 of 3 were asked for"):
        child.run(job(beam=9))


def test_a_child_that_dies_leaves_its_last_words() -> None:
    with Child("mortal", python_module(this_python(), "tests.benchmarks.child"), {}) as child:
        child.load({})
        with pytest.raises(
            PeerError, match=r"(?s)mortal ended with status 134: .*terminate called"
        ):
            child.run(job(beam=0))
        with pytest.raises(PeerError, match="mortal ended with status 134"):
            child.run(job())


def test_a_child_that_never_gets_ready_leaves_its_last_words() -> None:
    with (
        Child("absent", python_module(this_python(), "tests.benchmarks.nobody"), {}) as child,
        pytest.raises(PeerError, match=r"absent ended with status 1: .*nobody"),
    ):
        child.load({})


def test_a_missing_environment_is_an_error() -> None:
    with pytest.raises(PeerError, match=r"missing cannot be started: .*nowhere"):
        Child("missing", ["nowhere/bin/python"], {})


def test_a_job_survives_the_wire() -> None:
    assert Job.of_wire(asdict(job())) == job()
