"""Which of the hypotheses that a search found is given as the answer to a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain import DecodedHypothesis, DecodedSource, Task
from service.text.tokenizer import Tokenizer
from service.trust.guard import Problem, problems


@dataclass(frozen=True, slots=True)
class Written:
    """A hypothesis and what it says."""

    hypothesis: DecodedHypothesis
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What the answer to a sentence is.

    Attributes:
        written: In the order to give them: the answer first, the others by score; as many
            as were asked for.
        problems: What the guard sees in the answer.
        avoided: What it sees in the hypothesis of the best score, when that is not the answer.
    """

    written: tuple[Written, ...]
    problems: tuple[Problem, ...] = ()
    avoided: tuple[Problem, ...] = ()


class Judge:
    """Looks at what one bundle writes. Holds nothing that changes."""

    def __init__(self, task: Task, tokenizer: Tokenizer) -> None:
        self._task = task
        self._tokenizer = tokenizer

    def judge(self, source: str, decoded: DecodedSource) -> Judged:
        """Take the best-scored hypothesis, or when it has a problem, the first with the fewest.

        The same text has the same answer in any company: what a search found depends on its
        source and options alone.

        Args:
            source: The sentence.
            decoded: What the engine found for it.
        """
        written = [self._written(hypothesis) for hypothesis in decoded.hypotheses]
        found = self._problems(source, written[0])
        if not found:
            return Judged(tuple(written))
        candidates = [*written, *(self._written(hypothesis) for hypothesis in decoded.others())]
        return self._rescued(source, candidates, len(written))

    def _rescued(self, source: str, candidates: Sequence[Written], asked: int) -> Judged:
        least = best = self._problems(source, candidates[0])
        taken = 0
        for rank, candidate in enumerate(candidates[1:], start=1):
            found = self._problems(source, candidate)
            if len(found) < len(least):
                least, taken = found, rank
            if not least:
                break
        rest = [each for rank, each in enumerate(candidates) if rank != taken]
        return Judged((candidates[taken], *rest)[:asked], least, avoided=best if taken else ())

    def _written(self, hypothesis: DecodedHypothesis) -> Written:
        return Written(hypothesis, self._tokenizer.decode(hypothesis.token_ids))

    def _problems(self, source: str, written: Written) -> tuple[Problem, ...]:
        return problems(self._task, source, written.text)
