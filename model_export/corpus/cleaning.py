"""Which pairs are kept, and the law of the split.

The law: a source sentence stands on one side of its direction's split only. Sources are
compared by their words (`fold`), since "Come in!" in training answers "Come in." in a test.
Tests are never changed: where a sentence is wanted twice, dev gives way to test and train to
both.
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from model_export.config import DataConfig
from model_export.corpus.reading import Pair, PairReader
from model_export.errors import CorpusError
from service.domain import Direction
from service.text.normalise import normalise

_NOT_WORDS = re.compile(r"[\W_]+")


class Split(StrEnum):
    """What a pair is for."""

    TRAIN = "train"
    DEV = "dev"
    TEST = "test"


class Reason(StrEnum):
    """Why a pair was dropped."""

    DOMAIN = "other_domain"
    EMPTY = "empty_side"
    LONG = "too_long"
    RATIO = "length_ratio"
    HELD_OUT = "source_in_dev_or_test"
    HELD_OUT_TARGET = "target_in_dev_or_test"
    DUPLICATE = "duplicate_pair"


@dataclass(frozen=True, slots=True)
class Kept:
    """A pair that is kept; the texts hold no line feed."""

    split: Split
    source: str
    target: str


class Cleaner:
    """Judges pairs one at a time; owns what it has to remember of the earlier ones.

    Call it with all test pairs first, then with dev, then with train: what is held out has
    to be known before it can be kept out.
    """

    def __init__(self, data: DataConfig) -> None:
        self._data = data
        self._test_sources: set[bytes] = set()
        self._dev_sources: set[bytes] = set()
        self._held_out_targets: set[bytes] = set()
        self._train_pairs: set[bytes] = set()
        # Without dev files, a share of the training sources becomes the dev set.
        self._dev_share = 0.0 if data.dev else data.dev_fraction

    def judge(
        self,
        pair: Pair,
        split: Split,
        direction: Direction,
        reader: PairReader,
        domains: frozenset[str],
    ) -> Kept | Reason:
        """Keep a pair, perhaps on the dev side, or say why not.

        Args:
            pair: As read.
            split: The side that its corpus was listed under.
            direction: Of the corpus; a source is held out of its own direction only.
            reader: Says where the pair stands, for the error.
            domains: Domains to keep; empty keeps everything.

        Returns:
            The pair as it is to be written: normalised, but verbatim in a test, whose
            references must stay the published ones (what serves normalises its sources).

        Raises:
            CorpusError: A side has no visible text and the recipe does not say `drop_empty`.
        """
        if domains and pair.domain not in domains:
            return Reason.DOMAIN
        source, target = normalise(pair.source), normalise(pair.target)
        if not source or not target:
            if self._data.drop_empty:
                return Reason.EMPTY
            raise CorpusError(f"{reader.place(pair, target=bool(source))}: empty side")
        sentence = fold(source)
        key = _key(f"{direction}\n{sentence}")
        if split is not Split.TRAIN and self._data.hold_out_targets:
            self._held_out_targets.add(_key(fold(target)))
        if split is Split.TEST:
            self._test_sources.add(key)
            return Kept(split, pair.source, pair.target)
        if key in self._test_sources:
            return Reason.HELD_OUT
        if split is Split.DEV:
            self._dev_sources.add(key)
            return Kept(split, source, target)
        if key in self._dev_sources:
            return Reason.HELD_OUT
        in_dev = _fraction(_key(sentence)) < self._dev_share
        return self._judge_train(source, target, Split.DEV if in_dev else Split.TRAIN)

    def _judge_train(self, source: str, target: str, split: Split) -> Kept | Reason:
        if self._held_out_targets and _key(fold(target)) in self._held_out_targets:
            return Reason.HELD_OUT_TARGET
        words = sorted((len(source.split()), len(target.split())))
        if words[1] > self._data.max_words:
            return Reason.LONG
        ratio = self._data.max_length_ratio
        if ratio is not None and words[1] > ratio * words[0]:
            return Reason.RATIO
        if self._data.deduplicate:
            # A line feed cannot stand in either side.
            pair_key = _key(f"{source}\n{target}")
            if pair_key in self._train_pairs:
                return Reason.DUPLICATE
            self._train_pairs.add(pair_key)
        return Kept(split, source, target)


def fold(text: str) -> str:
    """The words of `text` without case and punctuation: what counts as the same sentence.

    A text of nothing but punctuation stands for itself.
    """
    return _NOT_WORDS.sub(" ", text.casefold()).strip() or text


def _key(text: str) -> bytes:
    # 16 bytes keep a million sentences in some 60 MB; a clash is out of the question.
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()


def _fraction(key: bytes) -> float:
    """A number in [0, 1) that depends on the sentence alone, not on its place in a file."""
    return int.from_bytes(key[:6], "big") / 2**48
