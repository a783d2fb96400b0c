"""The table of mean and spread over runs, and what it refuses to put together."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from model_export.__main__ import main
from model_export.errors import EvaluationError
from model_export.evaluation import Evaluation
from model_export.spread import spread_table
from service.bundle.manifest import Precision, Score


def measured(value: float, metric: str = "BLEU", *, beam_size: int = 4) -> Score:
    return Score(
        corpus="flickr",
        metric=metric,
        value=value,
        better="higher",
        signature="tok:13a",
        sentences=1000,
        precision=Precision.INT8,
        beam_size=beam_size,
    )


def evaluated(run: Path, scores: Sequence[Score]) -> Path:
    """A run directory with these scores of a model of its own."""
    run.mkdir()
    Evaluation(digest=run.name, scores=tuple(scores)).write(run)
    return run


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_a_worked_case(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # 40, 41, 45: mean 42, squared distances 4 + 1 + 9, divided by n - 1: 7. In any order.
    runs = [
        evaluated(tmp_path / "a", [measured(40), measured(60, "chrF")]),
        evaluated(tmp_path / "b", [measured(60, "chrF"), measured(41)]),
        evaluated(tmp_path / "c", [measured(45), measured(60, "chrF")]),
    ]
    assert main(["spread", *map(str, runs)]) == 0
    head, _, *rows = cells(capsys.readouterr().out)
    assert head[-4:] == ["n", "mean", "spread", "each"]
    assert rows == [
        [
            *("flickr (1000)", "BLEU", "higher", "int8, 4"),
            *("3", "42.00", f"{7**0.5:.2f}", "40.00, 41.00, 45.00"),
        ],
        [
            *("flickr (1000)", "chrF", "higher", "int8, 4"),
            *("3", "60.00", "0.00", "60.00, 60.00, 60.00"),
        ],
    ]


def test_scores_of_different_kinds_are_not_put_together(tmp_path: Path) -> None:
    one = evaluated(tmp_path / "one", [measured(40)])
    wider = evaluated(tmp_path / "wider", [measured(40, beam_size=8)])
    more = evaluated(tmp_path / "more", [measured(40), measured(60, "chrF")])
    with pytest.raises(EvaluationError, match=r"not scored alike: only one has .*, beam 4"):
        spread_table([one, wider])
    with pytest.raises(EvaluationError, match="not scored alike: only one has flickr: chrF"):
        spread_table([one, more])


def test_a_model_counts_once(tmp_path: Path) -> None:
    one = evaluated(tmp_path / "one", [measured(40)])
    other = evaluated(tmp_path / "other", [measured(41)])
    (other / "evaluation.json").write_bytes((one / "evaluation.json").read_bytes())
    with pytest.raises(EvaluationError, match=r"one and .*other have the scores of the same model"):
        spread_table([one, other])
    with pytest.raises(EvaluationError, match="two runs or more, not 1"):
        spread_table([one])


def test_a_run_that_was_not_evaluated_is_one_line_and_status_1(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = evaluated(tmp_path / "one", [measured(40)])
    assert main(["spread", str(one), str(tmp_path / "two")]) == 1
    (record,) = caplog.records
    assert record.message.startswith("error: ")
    assert "evaluation.json cannot be read" in record.message
