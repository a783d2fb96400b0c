"""Which of the hypotheses that a search found is given as the answer to a sentence."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from service.domain import DecodedHypothesis, DecodedSource, Task
from service.pipeline.holding import MarkedSentence, Written
from service.text.tokenizer import Tokenizer
from service.trust.guard import Problem, is_copy, problems

_WRONG_NUMBERS = frozenset({Problem.LOST_NUMBER, Problem.UNSUPPORTED_NUMBER})


class Judged(NamedTuple):
    """What the answer to a sentence is.

    Attributes:
        written: In the order to give them: the answer first, the others by score; at most as
            many as were asked for.
        problems: What the guard sees in the answer.
        is_rescued: The answer is not the hypothesis of the best score, which had more faults.
        avoided: What the guard sees in that one, when it is not the answer.
    """

    written: tuple[Written, ...]
    problems: tuple[Problem, ...] = ()
    is_rescued: bool = False
    avoided: tuple[Problem, ...] = ()


class _Candidate(NamedTuple):
    """What may be the answer to a sentence, and what the guard sees in it."""

    written: Written
    problems: tuple[Problem, ...]

    @property
    def is_faultless(self) -> bool:
        """Nothing is wrong with it."""
        return not (self.problems or self.written.lacks or self.written.misplaced)

    @property
    def faults(self) -> tuple[int, bool, int]:
        """What is compared first to last; less is better."""
        lacks, has_lost = self.written.lacks, Problem.LOST_NUMBER in self.problems
        return len(self.problems) + lacks, has_lost, self.written.misplaced


class Judge:
    """Looks at what one bundle writes. Holds nothing that changes."""

    def __init__(self, task: Task, tokenizer: Tokenizer) -> None:
        self._task = task
        self._tokenizer = tokenizer

    def judge(
        self,
        source: str,
        decoded: DecodedSource,
        marked: MarkedSentence | None = None,
        later: Sequence[tuple[DecodedSource, MarkedSentence | None]] = (),
    ) -> Judged:
        """Take the best-scored hypothesis, or when it has a fault, the first with the fewest.

        A fault is a problem that the guard sees, a term that is not there, or a copy that the
        model did not write just once. Of equal faults, whoever has all numbers goes before one
        that has lost some, and a number where the model put it before one that was put in. The
        same text has the same answer in any company: what a search found depends on its source
        and options alone.

        Of the others, those that have a number wrong are left out, if the answer has them right.

        Args:
            source: The sentence.
            decoded: What the engine found for it.
            marked: The sentence's marks, if it has some.
            later: The same of further searches, chosen from after the first.
        """
        found = list(self._candidates(source, decoded.hypotheses, marked))
        first, asked = found[0], len(found)
        if asked == 1 and first.is_faultless and not later:  # nearly always
            return Judged((first.written,))
        found += self._candidates(source, decoded.others(), marked)
        for again, marked_again in later:
            hypotheses = (*again.hypotheses, *again.others())
            found += self._candidates(source, hypotheses, marked_again)
        answer = next((each for each in found if each.is_faultless), None)
        if answer is None:
            answer = min(found, key=lambda each: each.faults)
        others = _others(found, answer)[: asked - 1] if asked > 1 else []
        return Judged(
            tuple(each.written for each in (answer, *others)),
            answer.problems,
            is_rescued=answer is not first,
            avoided=() if answer is first else first.problems,
        )

    def _candidates(
        self,
        source: str,
        hypotheses: Sequence[DecodedHypothesis],
        marked: MarkedSentence | None,
    ) -> Iterator[_Candidate]:
        for hypothesis in hypotheses:
            written = self._written(hypothesis, marked)
            yield _Candidate(written, self._problems(source, written))

    def _written(self, hypothesis: DecodedHypothesis, marked: MarkedSentence | None) -> Written:
        if marked is not None:
            return marked.written(hypothesis)
        return Written(hypothesis, self._tokenizer.decode(hypothesis.token_ids))

    def _problems(self, source: str, written: Written) -> tuple[Problem, ...]:
        found = problems(self._task, source, written.text)
        if Problem.SOURCE_COPY in found and not is_copy(*_besides_copies(source, written)):
            return tuple(problem for problem in found if problem is not Problem.SOURCE_COPY)
        return found


def _besides_copies(source: str, written: Written) -> tuple[str, str]:
    """A sentence and its translation without what was to be copied."""
    output = written.text
    for use in written.uses:
        if use.is_copy and use.target is not None:
            copied = written.text[slice(*use.target)]
            source, output = (each.replace(copied, " ", 1) for each in (source, output))
    return source, output


def _others(found: Sequence[_Candidate], answer: _Candidate) -> list[_Candidate]:
    """What else there is, by score, each text once."""
    others: dict[str, _Candidate] = {}
    for each in found:
        if each.written.text != answer.written.text:
            others.setdefault(each.written.text, each)
    worse = _WRONG_NUMBERS.difference(answer.problems)
    return [each for each in others.values() if worse.isdisjoint(each.problems)]
