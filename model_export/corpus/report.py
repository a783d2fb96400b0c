"""corpus.json: what a run's data was made of, and why lines were dropped."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from model_export.corpus.cleaning import Reason, Split
from model_export.errors import CorpusError

REPORT_NAME = "corpus.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class InputReport(_Record):
    """One corpus of the recipe."""

    split: Split
    """The side it was listed under."""
    name: str
    licence: str
    origin: str
    sha256: dict[str, str]
    """Digest of each file by its path as the recipe writes it; empty for generated text."""
    lines_read: int
    kept: dict[Split, int]
    """Pairs kept by side; a training corpus may give some to dev."""
    dropped: dict[Reason, int]
    """Pairs dropped by reason, the reasons that occurred."""


class SplitTotals(_Record):
    """One side of the split, all corpora together."""

    pairs: int
    source_words: int
    target_words: int


class CorpusReport(_Record):
    """Everything that decides the prepared data, and what came of it."""

    settings: dict[str, Any]
    """The recipe's sections that decide the data."""
    inputs: tuple[InputReport, ...]
    totals: dict[Split, SplitTotals]
    outputs: dict[str, str]
    """Digest of each file written, by its path inside the run directory."""

    @property
    def training_text(self) -> dict[str, str]:
        """Those of `outputs` that hold the training split."""
        return {name: digest for name, digest in self.outputs.items() if "/train." in name}


def read_report(run: Path) -> CorpusReport:
    """The report of a run directory whose data is prepared.

    Raises:
        CorpusError: There is none, or it is not one of ours.
    """
    path = run / REPORT_NAME
    try:
        return CorpusReport.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; run `prepare` first") from error
    except ValidationError as error:
        raise CorpusError(f"{path}: {error}") from error
