"""Write a run directory's `data/`, once, and say in corpus.json what it was made of.

RUN/data/{train,dev,test}.{source,target}    one sentence a line, LF, UTF-8
RUN/data/{train,dev,test}.direction          the languages of each line, "en de"
RUN/corpus.json                              written last: its presence says "complete"
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from tqdm import tqdm

from model_export.config import CorpusConfig, DataConfig, ReversedLetters
from model_export.corpus.cleaning import Cleaner, Kept, Reason, Split
from model_export.corpus.letters import LettersReader
from model_export.corpus.reading import FilesReader, PairReader, file_sha256, read_lines
from model_export.corpus.report import (
    REPORT_NAME,
    CorpusReport,
    InputReport,
    SplitTotals,
    read_report,
)
from model_export.errors import CorpusError
from model_export.recipe import direction_of
from service.domain import Direction

logger = logging.getLogger(__name__)

# Goes up when the same recipe and files would give other lines than before: `prepare` then
# makes them again.
RULES_VERSION = 3

_SIDES = ("source", "target", "direction")


class Line(NamedTuple):
    """A prepared pair."""

    source: str
    target: str
    direction: Direction


def prepare_corpus(
    data: DataConfig, directions: Sequence[Direction], run: Path, environment: Mapping[str, str]
) -> CorpusReport:
    """Clean and split the corpora of a recipe; nothing is done if that has been done.

    The same recipe and files give the same bytes. An interrupted run leaves no corpus.json
    and is made again from the start.

    Args:
        data: The recipe's data section.
        directions: The recipe's.
        run: Run directory, made if needed.
        environment: Values for `${NAME}` in the recipe's paths.

    Returns:
        What was read, kept and dropped.

    Raises:
        RecipeError: A path cannot be expanded.
        CorpusError: A file is missing or broken; the message names file and line. Or nothing
            is left for training, or for the dev set that was asked for.
    """
    settings = {
        "rules_version": RULES_VERSION,
        "directions": [str(direction) for direction in directions],
        **data.model_dump(mode="json"),
    }
    # Tests first, then dev: `Cleaner` has to know what is held out.
    inputs = [
        _Input(split, corpus, direction_of(corpus, directions), environment)
        for split, corpora in (
            (Split.TEST, data.test),
            (Split.DEV, data.dev),
            (Split.TRAIN, data.train),
        )
        for corpus in corpora
    ]
    if (earlier := _earlier_report(run)) and _still_true(earlier, settings, inputs, run):
        logger.info("data is already prepared in %s", run)
        return earlier

    (run / REPORT_NAME).unlink(missing_ok=True)
    (run / "data").mkdir(parents=True, exist_ok=True)
    cleaner = Cleaner(data)
    with _Writer(run) as writer:
        reports = tuple(entry.copy(cleaner, writer) for entry in inputs)
    totals = writer.totals()
    _check_totals(totals, data)
    report = CorpusReport(
        settings=settings,
        inputs=reports,
        totals=totals,
        outputs={name: file_sha256(run / name) for name in _output_names()},
    )
    partial = run / f"{REPORT_NAME}.partial"
    partial.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(run / REPORT_NAME)
    return report


def read_split(run: Path, split: Split) -> Iterator[Line]:
    """Lines of a prepared run, in order.

    Train and dev are normalised; test is as published, to be normalised by what serves it.
    """
    columns = (read_lines(run / _name(split, side)) for side in _SIDES)
    known: dict[str, Direction] = {}
    for source, target, languages in zip(*columns, strict=True):
        if languages not in known:
            known[languages] = _direction(languages)
        yield Line(source, target, known[languages])


def read_corpora(run: Path, split: Split) -> Iterator[tuple[str, list[Line]]]:
    """Name and lines of each corpus of a split; the prepared files hold one after the other."""
    lines = read_split(run, split)
    for corpus in read_report(run).inputs:
        if count := corpus.kept.get(split, 0):
            yield corpus.name, list(islice(lines, count))


def read_dev_sample(run: Path, count: int) -> list[Line]:
    """Up to `count` dev lines of a prepared run, evenly spaced over all of them."""
    lines = list(read_split(run, Split.DEV))
    return lines[:: max(1, len(lines) // count)][:count]


def _direction(languages: str) -> Direction:
    first, _, second = languages.partition(" ")
    return Direction(source=first, target=second or None)


def _name(split: Split, side: str) -> str:
    return f"data/{split}.{side}"


def _output_names() -> list[str]:
    return [_name(split, side) for split in Split for side in _SIDES]


class _Input:
    """One corpus of the recipe on its way into the run directory."""

    def __init__(
        self,
        split: Split,
        corpus: CorpusConfig,
        direction: Direction,
        environment: Mapping[str, str],
    ) -> None:
        self.split = split
        self._direction = direction
        self._corpus = corpus
        self._domains: frozenset[str] = frozenset()
        self._repeat = 1
        self._reader: PairReader
        if isinstance(corpus, ReversedLetters):
            self._reader = LettersReader(corpus, purpose=split)
            self.sha256: dict[str, str] = {}
        else:
            self._reader = files = FilesReader(corpus, environment)
            self.sha256 = files.digests()
            self._domains = frozenset(corpus.keep_domains)
            self._repeat = corpus.repeat

    def copy(self, cleaner: Cleaner, writer: "_Writer") -> InputReport:
        """Write the pairs that `cleaner` keeps and report on all of them."""
        kept: Counter[Split] = Counter()
        dropped: Counter[Reason] = Counter()
        missing_domains = set(self._domains)
        lines = 0
        # disable=None: no bar where nobody looks, such as in a log file.
        label = f"{self.split} {self._corpus.name}"
        for pair in tqdm(self._reader, desc=label, unit=" lines", unit_scale=True, disable=None):
            lines += 1
            missing_domains.discard(pair.domain or "")
            verdict = cleaner.judge(pair, self.split, self._direction, self._reader, self._domains)
            if isinstance(verdict, Kept):
                times = self._repeat if verdict.split is Split.TRAIN else 1
                for _ in range(times):
                    writer.write(verdict, self._direction)
                kept[verdict.split] += times
            else:
                dropped[verdict] += 1
        if missing_domains:
            raise CorpusError(
                f"corpus {self._corpus.name!r}: no line is of domain {sorted(missing_domains)}"
            )
        return InputReport(
            split=self.split,
            name=self._corpus.name,
            licence=self._corpus.licence,
            origin=self._corpus.origin,
            sha256=self.sha256,
            lines_read=lines,
            kept=dict(sorted(kept.items())),
            dropped=dict(sorted(dropped.items())),
        )


class _Writer:
    """The nine files of `data/`, open, with a count of what went in."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._stack = ExitStack()
        self._files: dict[tuple[Split, str], BinaryIO] = {}
        self._counts: Counter[tuple[Split, str]] = Counter()

    def __enter__(self) -> Self:
        for split in Split:
            for side in _SIDES:
                path = self._run / _name(split, side)
                self._files[split, side] = self._stack.enter_context(path.open("wb"))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def write(self, pair: Kept, direction: Direction) -> None:
        for side, text in zip(_SIDES, (pair.source, pair.target, str(direction)), strict=True):
            self._files[pair.split, side].write(text.encode("utf-8") + b"\n")
            self._counts[pair.split, side] += len(text.split())
        self._counts[pair.split, "pairs"] += 1

    def totals(self) -> dict[Split, SplitTotals]:
        return {
            split: SplitTotals(
                pairs=self._counts[split, "pairs"],
                source_words=self._counts[split, "source"],
                target_words=self._counts[split, "target"],
            )
            for split in Split
        }


def _earlier_report(run: Path) -> CorpusReport | None:
    try:
        return read_report(run)
    except CorpusError:  # none, or an older format: made again
        return None


def _still_true(
    report: CorpusReport, settings: dict[str, object], inputs: list[_Input], run: Path
) -> bool:
    """Whether the same settings and files made what lies in the run directory unchanged."""
    return (
        report.settings == settings
        and [entry.sha256 for entry in report.inputs] == [entry.sha256 for entry in inputs]
        and all(
            (run / name).is_file() and file_sha256(run / name) == digest
            for name, digest in report.outputs.items()
        )
    )


def _check_totals(totals: Mapping[Split, SplitTotals], data: DataConfig) -> None:
    if totals[Split.TRAIN].pairs == 0:
        raise CorpusError("no training pair is left after cleaning")
    wants_dev = bool(data.dev) or data.dev_fraction > 0
    if wants_dev and totals[Split.DEV].pairs == 0:
        raise CorpusError(
            f"no dev pair is left: {totals[Split.TRAIN].pairs} training pairs, "
            f"dev_fraction {data.dev_fraction}, {len(data.dev)} dev corpora"
        )
