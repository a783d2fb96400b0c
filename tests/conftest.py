"""What several test areas share: a tiny SentencePiece model, and no clock in Hypothesis."""

import io
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import settings

from service.text.normalise import normalise
from service.text.tokenizer import Tokenizer

# A busy machine is no failure: Hypothesis measures the time of every example otherwise.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_SUBJECTS = ("Tom", "Mary", "the dog", "der Hund", "the teacher", "der Lehrer", "she", "er", "wir")
_VERBS = ("sees", "likes", "mag", "sieht", "is looking for", "sucht", "bought", "kaufte", "fand")
_OBJECTS = (
    "a house.",
    "das Haus.",
    "two cats!",
    "zwei Katzen!",
    "the café?",
    "12 Äpfel.",
    "keys, too.",
)


_MARKS = ("<term>", "</term>", "<x1>", "<x2>", "<x3>")


def _trained(control_symbols: Sequence[str] = ()) -> bytes:
    """A SentencePiece model as the training half makes it, 480 pieces."""
    draw = random.Random(7)
    lines = [
        normalise(" ".join(map(draw.choice, (_SUBJECTS, _VERBS, _OBJECTS)))) for _ in range(800)
    ]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=480,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        byte_fallback=True,
        split_digits=True,
        character_coverage=1.0,
        control_symbols=list(control_symbols),
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
    )
    return model.getvalue()


@pytest.fixture(scope="session")
def sentencepiece_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tiny.spm"
    path.write_bytes(_trained())
    return path


@pytest.fixture(scope="session")
def tokenizer(sentencepiece_file: Path) -> Tokenizer:
    return Tokenizer.load(sentencepiece_file)


@pytest.fixture(scope="session")
def marked_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    """A tokenizer whose vocabulary has `MARK_IDS`."""
    path = tmp_path_factory.mktemp("tokenizer") / "marked.spm"
    path.write_bytes(_trained(_MARKS))
    tokenizer = Tokenizer.load(path)
    assert tuple(tokenizer.pieces(range(4, 9))) == _MARKS
    return tokenizer
