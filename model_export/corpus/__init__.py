"""From the files a recipe names to clean, aligned, split text.

reading    files -> pairs, or an error that names file and line
letters    the toy corpus
cleaning   which pairs are kept, and on which side of the split
report     corpus.json: what went in, what came out, why lines were dropped
prepare    all of it, once per run directory
"""

from model_export.corpus.cleaning import Split
from model_export.corpus.prepare import (
    Line,
    prepare_corpus,
    read_corpora,
    read_dev_sample,
    read_split,
)
from model_export.corpus.report import CorpusReport, InputReport, SplitTotals, read_report

__all__ = [
    "CorpusReport",
    "InputReport",
    "Line",
    "Split",
    "SplitTotals",
    "prepare_corpus",
    "read_corpora",
    "read_dev_sample",
    "read_report",
    "read_split",
]
