"""The joint SentencePiece vocabulary of a run.

Kudo and Richardson 2018 (SentencePiece); Sennrich et al. 2016 (byte-pair encoding of
subwords). Text is spelt by `service.text.normalise` before it gets here, so SentencePiece
changes nothing itself, and bytes stand in for characters it has not seen: every text can be
encoded and decodes to what it was.
"""

import hashlib
import io
import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from model_export.config import VocabularyConfig
from model_export.corpus import Split, read_report, read_split
from model_export.errors import CorpusError, RecipeError
from service.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

MODEL_NAME = "vocabulary.spm"
RECORD_NAME = "vocabulary.json"

PAD_ID, UNK_ID, START_ID, END_ID = range(4)

_FIXED: dict[str, Any] = {
    "model_type": "bpe",
    "normalization_rule_name": "identity",
    "byte_fallback": True,
    "split_digits": True,
    "add_dummy_prefix": True,
    "remove_extra_whitespaces": False,
    "pad_id": PAD_ID,
    "unk_id": UNK_ID,
    "bos_id": START_ID,
    "eos_id": END_ID,
    # A toy corpus has fewer pieces than asked for; it then gets those it has.
    "hard_vocab_limit": False,
    # All sentences in their order, in one thread: the same bytes every time.
    "input_sentence_size": 0,
    "shuffle_input_sentence": False,
    "num_threads": 1,
    # The default, 4192 bytes, skips longer lines without a word.
    "max_sentence_length": 1 << 20,
}


def prepare_vocabulary(config: VocabularyConfig, control_symbols: Sequence[str], run: Path) -> Path:
    """Train the vocabulary on both sides of a run's training data, unless that is done.

    Args:
        config: The recipe's vocabulary section.
        control_symbols: Pieces that no text is encoded to.
        run: Run directory with prepared data.

    Returns:
        Path of the SentencePiece model.

    Raises:
        RecipeError: The text needs more pieces than `size`; the message says how many.
        CorpusError: The run's data is not prepared.
    """
    made_of = {
        "settings": _settings(config, control_symbols),
        "text": read_report(run).training_text,
    }
    path, record_path = run / MODEL_NAME, run / RECORD_NAME
    if path.is_file() and record_path.is_file():
        earlier = json.loads(record_path.read_text(encoding="utf-8"))
        if earlier == {**made_of, "sha256": _sha256(path.read_bytes())}:
            logger.info("the vocabulary is already trained: %s", path)
            return path
    model = train_vocabulary(config, control_symbols, _training_text(run))
    path.write_bytes(model)
    # Last: a model whose record does not fit is trained again.
    record = {**made_of, "sha256": _sha256(model)}
    record_path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return path


def copy_vocabulary(
    start: Path, config: VocabularyConfig, control_symbols: Sequence[str], run: Path
) -> Path:
    """Take over the vocabulary of another run instead of training one.

    Control symbols that it lacks are put behind its last piece, so that every text is encoded as
    before.

    Args:
        start: The other run.
        config: The recipe's vocabulary section, which has to be that of the other run; `size`
            counts the symbols that are new.
        control_symbols: Those of the other run, and perhaps more after them.
        run: Run directory.

    Returns:
        Path of the SentencePiece model.

    Raises:
        CorpusError: The other run is not prepared.
        RecipeError: Its vocabulary is none of this recipe; the message says in what they differ.
    """
    record_path = start / RECORD_NAME
    if not record_path.is_file():
        raise CorpusError(f"start_from: {record_path} does not exist; prepare and train it first")
    record = json.loads(record_path.read_text(encoding="utf-8"))
    theirs, ours = record["settings"], _settings(config, control_symbols)
    known = theirs["control_symbols"]
    new = list(control_symbols[len(known) :])
    grown = theirs | {"control_symbols": known + new, "size": theirs["size"] + len(new)}
    for key in ours.keys() | grown.keys():
        if ours.get(key) != grown.get(key):
            raise RecipeError(
                f"start_from: the vocabulary of {start} has {key} {grown.get(key)}"
                f"{f' with {len(new)} new control symbols' if new else ''}; "
                f"the recipe's has {ours.get(key)}"
            )
    model = _with_control_symbols((start / MODEL_NAME).read_bytes(), new)
    (run / MODEL_NAME).write_bytes(model)
    record |= {"settings": ours, "sha256": _sha256(model)}
    (run / RECORD_NAME).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return run / MODEL_NAME


def load_vocabulary(run: Path) -> Tokenizer:
    """The vocabulary of a prepared run.

    Raises:
        CorpusError: The run is not prepared.
        BundleDamaged: The file is no vocabulary of ours.
    """
    path = run / MODEL_NAME
    if not path.is_file():
        raise CorpusError(f"{path} does not exist; run `prepare` first")
    return Tokenizer.load(path)


def train_vocabulary(
    config: VocabularyConfig, control_symbols: Sequence[str], sentences: Iterable[str]
) -> bytes:
    """A SentencePiece model of normalised sentences, as the bytes of its file.

    Sentences and model travel in memory, so no path of this machine ends up in the model.

    Raises:
        RecipeError: `size` is too small for the text's characters.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            vocab_size=config.size,
            character_coverage=config.character_coverage,
            control_symbols=list(control_symbols),
            minloglevel=2,  # errors only
            **_FIXED,
        )
    except RuntimeError as error:
        # "Vocabulary size is smaller than required_chars. 300 vs 392."
        if needed := re.search(r"required_chars\. \d+ vs (\d+)", str(error)):
            raise RecipeError(
                f"vocabulary.size is {config.size}; bytes, special pieces and the characters "
                f"alone are {needed[1]}: raise size or lower character_coverage, which is "
                f"{config.character_coverage}"
            ) from error
        raise RecipeError(f"vocabulary: {error}") from error
    return model.getvalue()


def _with_control_symbols(model: bytes, symbols: Sequence[str]) -> bytes:
    """A SentencePiece model with further control symbols, whose ids follow the last."""
    if not symbols:
        return model
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)  # type: ignore[attr-defined]  # made at import
    for symbol in symbols:
        proto.pieces.add(piece=symbol, score=0.0, type=proto.SentencePiece.CONTROL)
    proto.trainer_spec.control_symbols.extend(symbols)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    grown: bytes = proto.SerializeToString(deterministic=True)
    return grown


def _settings(config: VocabularyConfig, control_symbols: Sequence[str]) -> dict[str, Any]:
    """What a vocabulary is made with, as its record has it."""
    return {
        **_FIXED,
        **config.model_dump(mode="json"),
        "control_symbols": list(control_symbols),
    }


def _training_text(run: Path) -> Iterator[str]:
    for pair in read_split(run, Split.TRAIN):
        yield from (pair.source, pair.target)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
