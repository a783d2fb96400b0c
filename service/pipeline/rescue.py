"""Which of the hypotheses that a search found is given as the answer to a sentence."""

from collections.abc import Sequence
from typing import NamedTuple

from service.domain import DecodedHypothesis, DecodedSource, Task
from service.pipeline.holding import MarkedSentence, Written
from service.text.tokenizer import Tokenizer
from service.trust.guard import Problem, is_copy, problems


class Judged(NamedTuple):
    """What the answer to a sentence is.

    Attributes:
        written: In the order to give them: the answer first, the others by score; as many
            as were asked for.
        problems: What the guard sees in the answer.
        is_rescued: The answer is not the hypothesis of the best score, which had more faults.
        avoided: What the guard sees in that one, when it is not the answer.
    """

    written: tuple[Written, ...]
    problems: tuple[Problem, ...] = ()
    is_rescued: bool = False
    avoided: tuple[Problem, ...] = ()


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

        Args:
            source: The sentence.
            decoded: What the engine found for it.
            marked: The sentence's marks, if it has some.
            later: The same of further searches, chosen from after the first.
        """
        written = [self._written(hypothesis, marked) for hypothesis in decoded.hypotheses]
        found = self._problems(source, written[0])
        if not found and not written[0].lacks and not later:
            return Judged(tuple(written))
        others = [self._written(hypothesis, marked) for hypothesis in decoded.others()]
        for again, marked_again in later:
            others += [
                self._written(hypothesis, marked_again)
                for hypothesis in (*again.hypotheses, *again.others())
            ]
        return self._rescued(source, [*written, *others], len(written))

    def _rescued(self, source: str, candidates: Sequence[Written], asked: int) -> Judged:
        taken = 0
        least = best = self._problems(source, candidates[0])
        faults = _faults(best, candidates[0])
        for rank, candidate in enumerate(candidates[1:], start=1):
            found = self._problems(source, candidate)
            if _faults(found, candidate) < faults:
                least, faults, taken = found, _faults(found, candidate), rank
            if not any(faults):
                break
        return Judged(
            (candidates[taken], *self._alternatives(source, candidates, taken, asked - 1)),
            least,
            is_rescued=taken > 0,
            avoided=best if taken else (),
        )

    def _alternatives(
        self, source: str, candidates: Sequence[Written], taken: int, asked: int
    ) -> list[Written]:
        """What else there is, by score; who has lost a number after all who have not."""
        others: dict[str, Written] = {}
        for rank, each in enumerate(candidates):
            if rank != taken and each.text != candidates[taken].text:
                others.setdefault(each.text, each)
        whole = sorted(
            others.values() if asked else (),
            key=lambda each: Problem.LOST_NUMBER in self._problems(source, each),
        )
        return whole[:asked]

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


def _faults(found: Sequence[Problem], written: Written) -> tuple[int, bool, int]:
    """What is compared first to last; less is better."""
    return len(found) + written.lacks, Problem.LOST_NUMBER in found, written.misplaced
