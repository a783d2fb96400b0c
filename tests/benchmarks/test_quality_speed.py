"""Whoever translates, however it is batched: the same lines come back in the same order."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.interleave import Spread
from benchmarks.quality_speed import Entry, best_manner, evenly_spaced, verdicts
from benchmarks.translators import Manner, Ours, Peer
from service.domain import Direction, SearchOptions, Task
from service.text.tokenizer import Tokenizer
from service.trust.confidence import Calibration
from tests.fakes import TableModel, echo_table

EN_DE = Direction("en", "de")
SEARCH = SearchOptions(
    beam_size=4,
    num_hypotheses=1,
    length_penalty=0.7,
    min_decoding_length=1,
    max_decoding_length=64,
)
LINES = [f"Tom sees {'the dog ' * (7 * number % 5)}{number}." for number in range(70)]


@dataclass(frozen=True)
class Limits:
    max_source_tokens: int = 64
    max_target_tokens: int = 64
    max_beam_size: int = 4


@dataclass(frozen=True)
class Manifest:
    task: Task = Task.TRANSLATION
    prefixes: Mapping[Direction, tuple[int, ...]] = field(default_factory=lambda: {EN_DE: (7,)})
    calibrations: Mapping[Direction, Calibration] = field(default_factory=dict)
    limits: Limits = Limits()
    search: SearchOptions = SEARCH
    marks: None = None


@pytest.mark.parametrize("from_text", [True, False])
def test_our_answers_are_those_of_the_lines_in_every_manner(
    tokenizer: Tokenizer, from_text: bool
) -> None:
    echo = echo_table(tokenizer.vocabulary_size)
    model = TableModel(lambda source, prefix: echo(source[1:], prefix))  # what is behind the 7
    with closing(Ours(Manifest(), EN_DE, tokenizer, model)) as ours:
        for manner in (Manner(1, 16, "in order"), Manner(2, 16, "by length")):
            seconds, texts = ours.translate(manner, LINES, from_text=from_text)
            assert texts == LINES
            assert seconds > 0


@dataclass
class Asked:
    """A child that notes what it is asked."""

    jobs: list[Mapping[str, Any]] = field(default_factory=list)

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert question["do"] == "translate"
        self.jobs.append(question["job"])
        return {"seconds": 2.0, "texts": [line.upper() for line in question["job"]["lines"]]}


@pytest.mark.parametrize("shortlist", [True, False])
def test_a_peer_searches_as_we_do(shortlist: bool) -> None:
    child = Asked()
    peer = Peer(child, SEARCH, shortlist=shortlist)
    assert peer.translate(Manner(2, 512, "tokens"), ["a", "b"], from_text=False) == (2, ["A", "B"])
    [job] = child.jobs
    assert (job["beam"], job["batch"], job["batch_type"]) == (2, 512, "tokens")
    assert (job["length_penalty"], job["max_decoding_length"]) == (0.7, 64)
    assert (job["shortlist"], job["from_text"]) == (shortlist, False)


@dataclass
class Paced:
    """Translates as fast as a table says, in seconds a line."""

    name: str
    paces: dict[Manner, float]

    def manners(self, beam: int) -> Iterator[Manner]:
        yield from (manner for manner in self.paces if manner.beam == beam)

    def translate(
        self, manner: Manner, lines: Sequence[str], *, from_text: bool
    ) -> tuple[float, list[str]]:
        return self.paces[manner] * len(lines) * (1.5 if from_text else 1.0), list(lines)


SMALL, LARGE = Manner(4, 16, "examples"), Manner(4, 64, "examples")


@pytest.mark.parametrize(("paces", "best"), [((1.0, 2.0), SMALL), ((2.0, 1.0), LARGE)])
def test_the_fastest_manner_is_taken(paces: tuple[float, float], best: Manner) -> None:
    who = Paced("a", {SMALL: paces[0], LARGE: paces[1], Manner(1, 8, "examples"): 0.1})
    assert best_manner(who, 4, LINES) == best


def test_verdicts_take_the_ratio_within_a_round_and_begin_with_text() -> None:
    ours, theirs = Paced(Ours.name, {SMALL: 0.01}), Paced("peer", {SMALL: 0.02})
    entries = [
        Entry(who, SMALL, from_text, LINES) for who in (ours, theirs) for from_text in (True, False)
    ]
    scores = {entry.name: 30.0 for entry in entries}
    rounds = {Ours.name: (100.0, 300.0, 200.0), "peer": (50.0, 60.0, 80.0)}
    spreads = {entry.name: Spread(rounds[entry.who.name]) for entry in entries}
    first, second = verdicts(entries, scores, spreads)
    # Ratios 2, 5, 2.5: the middle one, and not 200 / 60.
    assert first.startswith("BLEU 30.00 or better from text: 2.50 times as fast")
    assert second.startswith("BLEU 30.00 or better from tokens: 2.50 times as fast")


def test_the_speed_of_an_entry_is_in_sentences_and_its_texts_are_kept() -> None:
    entry = Entry(Paced("a", {SMALL: 0.25}), SMALL, from_text=False, lines=LINES)
    assert entry.run() == 4.0
    assert entry.texts == LINES


@pytest.mark.parametrize(("count", "kept"), [(3, [0, 2, 4]), (7, [*range(7)]), (9, [*range(7)])])
def test_a_part_of_the_lines_is_spread_over_all(count: int, kept: list[int]) -> None:
    pairs = [(str(number), "") for number in range(7)]
    assert evenly_spaced(pairs, count) == [pairs[number] for number in kept]
