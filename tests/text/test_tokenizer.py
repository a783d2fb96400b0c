"""Laws of the tokenizer: text comes back, offsets point at the text that a token stands for."""

import io
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import example, given
from hypothesis import strategies as st

from service.errors import BundleDamaged
from service.text.normalise import normalise
from service.text.tokenizer import Tokenizer

# Words the tiny model knows, and everything it does not.
ANY_TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            ["the dog", " ", "\n", "Katzen", "<unk>", "</s>", "<0x41>", "\u2581", "e\u0301"]
        ),
        st.text(max_size=6),
        st.text(st.characters(categories=["Cs"]), max_size=1),
    ),
    max_size=8,
).map("".join)
VOCABULARY = 480
ANY_IDS = st.lists(st.one_of(st.integers(0, VOCABULARY - 1), st.integers(4, 259)), max_size=12)


@given(text=ANY_TEXT)
def test_text_comes_back_normalised(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == normalise(text)


@given(text=ANY_TEXT)
def test_encode_uses_no_special_id(tokenizer: Tokenizer, text: str) -> None:
    special = {tokenizer.pad_id, tokenizer.unk_id, tokenizer.start_id, tokenizer.end_id}
    assert special.isdisjoint(tokenizer.encode(text))


@given(text=ANY_TEXT)
def test_offsets_of_encode(tokenizer: Tokenizer, text: str) -> None:
    ids, spans = tokenizer.encode_with_offsets(text)
    assert ids == tokenizer.encode(text)
    assert_orderly(spans, text, len(ids))
    # Nothing visible lies outside all spans.
    covered = {place for start, end in spans for place in range(start, end)}
    rest = "".join(character for place, character in enumerate(text) if place not in covered)
    assert not any(character.isalnum() for character in normalise(rest))


@given(text=ANY_TEXT)
def test_a_span_of_encode_holds_what_its_piece_says(tokenizer: Tokenizer, text: str) -> None:
    ids, spans = tokenizer.encode_with_offsets(text)
    for piece, (start, end) in zip(tokenizer.pieces(ids), spans, strict=True):
        spelt = piece.lstrip("\u2581")
        if not piece.startswith("<0x"):
            assert normalise(text[start:end]) == normalise(spelt)


@given(ids=ANY_IDS)
def test_any_ids_become_normal_text(tokenizer: Tokenizer, ids: list[int]) -> None:
    text = tokenizer.decode(ids)
    assert text == normalise(text)
    text.encode()  # valid Unicode


@given(ids=ANY_IDS)
@example(ids=[199, 0, 132])  # a padding between the two bytes of a character
def test_offsets_of_decode(tokenizer: Tokenizer, ids: list[int]) -> None:
    text, spans = tokenizer.decode_with_offsets(ids)
    assert text == tokenizer.decode(ids)
    assert_orderly(spans, text, len(ids))
    covered = {place for start, end in spans for place in range(start, end)}
    assert all(text[place] == " " for place in set(range(len(text))) - covered)


@given(ids=ANY_IDS)
def test_the_slow_twin_of_decode_is_sentencepiece(
    sentencepiece_file: Path, tokenizer: Tokenizer, ids: list[int]
) -> None:
    twin = sentencepiece.SentencePieceProcessor(model_file=str(sentencepiece_file))
    special = {tokenizer.unk_id, tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id}
    plain = [id_ for id_ in ids if id_ not in special]
    assert tokenizer.decode(plain) == normalise(twin.decode(plain))


@given(ids=ANY_IDS)
def test_control_ids_are_nothing(tokenizer: Tokenizer, ids: list[int]) -> None:
    # SentencePiece lets them part the bytes of a character; here they are not there at all.
    control = {tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id}
    assert tokenizer.decode(ids) == tokenizer.decode([id_ for id_ in ids if id_ not in control])


def assert_orderly(spans: list[tuple[int, int]], text: str, count: int) -> None:
    assert len(spans) == count
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)
    assert [end for _, end in spans] == sorted(end for _, end in spans)


def test_worked_case(tokenizer: Tokenizer) -> None:
    #       0123456789
    text = "  the\tdog\u2019s \U0001f415"
    ids, spans = tokenizer.encode_with_offsets(text)
    seen = {text[start:end] for start, end in spans}
    assert {"the", "dog", "\u2019"} <= seen
    # The emoji is four byte tokens with one place, after a space token without any.
    assert spans[-4:] == [(12, 13)] * 4
    assert tokenizer.decode_with_offsets(ids)[0] == "the dog's \U0001f415"


def test_bytes_that_are_no_character_become_replacement_characters(tokenizer: Tokenizer) -> None:
    emoji = tokenizer.encode("\U0001f415")
    text, spans = tokenizer.decode_with_offsets(emoji[:-1] + tokenizer.encode("Tom"))
    assert text == "\ufffd\ufffd\ufffd Tom"
    assert spans[-1] == (4, 7)
    assert tokenizer.decode([tokenizer.unk_id]) == "\ufffd"
    assert tokenizer.decode([tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id]) == ""


def test_special_ids(tokenizer: Tokenizer) -> None:
    assert (tokenizer.pad_id, tokenizer.unk_id) == (0, 1)
    assert (tokenizer.start_id, tokenizer.end_id) == (2, 3)
    assert tokenizer.vocabulary_size == VOCABULARY


def train(path: Path, options: dict[str, Any]) -> Path:
    model = io.BytesIO()
    defaults: dict[str, Any] = {
        "vocab_size": 290,
        "normalization_rule_name": "identity",
        "model_type": "bpe",
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["Ab aa 1990 ba", "ab b9 Ba"] * 20),
        model_writer=model,
        hard_vocab_limit=False,
        minloglevel=2,
        **(defaults | options),
    )
    path.write_bytes(model.getvalue())
    return path


SPECIAL = {"pad_id": 0, "unk_id": 1, "bos_id": 2, "eos_id": 3}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"byte_fallback": True}, "has no pad_id"),
        ({**SPECIAL, "vocab_size": 20}, "does not give text back"),
        ({**SPECIAL, "byte_fallback": True, "normalization_rule_name": "nfkc"}, "does not give"),
    ],
)
def test_load_refuses_a_model_trained_otherwise(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(BundleDamaged, match=reason):
        Tokenizer.load(train(tmp_path / "other.spm", options))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x0a\xff\xff\xff"])
def test_load_refuses_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.spm"
    path.write_bytes(content)
    with pytest.raises(BundleDamaged, match=r"broken\.spm is not a SentencePiece model"):
        Tokenizer.load(path)


def test_load_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        Tokenizer.load(tmp_path / "absent.spm")


@given(ids=ANY_IDS, more=ANY_IDS)
def test_a_beginning_is_one_whatever_follows(
    tokenizer: Tokenizer, ids: list[int], more: list[int]
) -> None:
    assert tokenizer.decode([*ids, *more]).startswith(tokenizer.decode_beginning(ids))


def test_a_character_of_several_tokens_is_shown_when_it_is_whole(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("\U0001f415 the")
    assert len(ids) > 4
    shown = [tokenizer.decode_beginning(ids[:end]) for end in range(len(ids) + 1)]
    assert shown[:5] == [""] * 5  # the four bytes, and a letter that an accent may follow
    assert shown[-1] == "\U0001f415 th"
