"""How far BLEU can be trusted on so many sentences: sacreBLEU's paired bootstrap (Koehn 2004)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.significance import PairedTest, Result

RESAMPLINGS = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A system's BLEU and what resampling the sentences makes of it.

    Attributes:
        bleu: Of the sentences as they are.
        mean: Over the resamplings.
        reach: Half the width of the 95 % interval around `mean`.
        p_value: Chance of a difference from the baseline as large as this one if there were
            none; None of the baseline itself.
    """

    bleu: float
    mean: float
    reach: float
    p_value: float | None

    @property
    def ends(self) -> tuple[float, float]:
        """Lower and upper end of the interval."""
        return self.mean - self.reach, self.mean + self.reach


def intervals(
    outputs: Mapping[str, Sequence[str]], references: Sequence[str], baseline: str
) -> dict[str, Interval]:
    """BLEU of each system's outputs; the resamplings are the same for all and in every run.

    Args:
        outputs: A text for each reference, by system.
        references: Aligned with them.
        baseline: The system that the others are compared with.
    """
    order = [baseline, *(name for name in outputs if name != baseline)]
    test = PairedTest(
        [(name, outputs[name]) for name in order],
        {"BLEU": BLEU()},
        [references],
        test_type="bs",
        n_samples=RESAMPLINGS,
    )
    _, scores = test()
    return {name: _interval(result) for name, result in zip(order, scores["BLEU"], strict=True)}


def _interval(result: str | Result) -> Interval:
    assert isinstance(result, Result)
    assert result.mean is not None
    assert result.ci is not None
    return Interval(result.score, float(result.mean), float(result.ci), result.p_value)
