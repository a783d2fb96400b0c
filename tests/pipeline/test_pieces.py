"""A text in pieces: nothing is lost, and the answers put together are the answer."""

import asyncio
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from service.pipeline import SearchOverrides, StageTimes, TextRequest, TextResponse
from service.pipeline.pieces import Piece, joined, pieces_of
from service.text.segment import split
from service.text.tokenizer import Tokenizer
from tests.pipeline import marked
from tests.pipeline.marked import MARKED_TEXT, MODELS, TERMS, Say
from tests.pipeline.scenes import ANY_TEXT, EN_DE, FakeEngine, pipeline

NO_TIME = StageTimes(0, 0, 0, 0, 0)
sizes = st.integers(1, 40)


@given(text=ANY_TEXT, sentences=st.integers(1, 4), characters=sizes)
def test_pieces_are_the_text(text: str, sentences: int, characters: int) -> None:
    pieces = list(pieces_of(text, "en", sentences=sentences, characters=characters))
    assert "".join(text[piece.start : piece.end] for piece in pieces) == text
    for piece in pieces:
        within = text[piece.start : piece.end]
        if len(within.splitlines()) > 1:
            assert piece.sentences <= sentences
            assert len(within) <= characters
    segments = split(text, "en").segments
    with_words = sum(any(map(str.isalpha, segment.text)) for segment in segments)
    assert sum(piece.sentences for piece in pieces) == with_words


@settings(max_examples=60)
@given(text=ANY_TEXT, sentences=st.integers(1, 4), characters=sizes, count=st.integers(1, 3))
def test_joined_answers_are_the_answer(
    tokenizer: Tokenizer, text: str, sentences: int, characters: int, count: int
) -> None:
    request = TextRequest(
        text,
        EN_DE,
        options=SearchOverrides(num_hypotheses=count),
        want_tokens=True,
        want_alignment=True,
    )
    translator = pipeline(tokenizer, FakeEngine())
    whole = asyncio.run(translator.run(request))
    pieces = list(pieces_of(text, "en", sentences=sentences, characters=characters))
    pieces = pieces or [Piece(0, 0, 0)]
    answers = [
        asyncio.run(translator.run(replace(request, text=text[piece.start : piece.end])))
        for piece in pieces
    ]
    assert replace(joined(pieces, answers), times=NO_TIME) == replace(whole, times=NO_TIME)


@settings(max_examples=60)
@given(text=MARKED_TEXT, say=MODELS, sentences=st.integers(1, 3), count=st.integers(1, 2))
def test_so_they_are_with_terms_and_copies_and_when_they_were_stored(
    marked_tokenizer: Tokenizer, text: str, say: Say, sentences: int, count: int
) -> None:
    request = TextRequest(
        text,
        EN_DE,
        options=SearchOverrides(num_hypotheses=count),
        want_alignment=True,
        glossaries=(TERMS,),
    )
    translator = marked.pipeline(marked_tokenizer, FakeEngine(marked.answering(say)))
    whole = asyncio.run(translator.run(request))
    pieces = list(pieces_of(text, "en", sentences=sentences, characters=1000)) or [Piece(0, 0, 0)]
    answers = [
        stored(asyncio.run(translator.run(replace(request, text=text[piece.start : piece.end]))))
        for piece in pieces
    ]
    assert replace(joined(pieces, answers), times=NO_TIME) == replace(whole, times=NO_TIME)


def stored(answer: TextResponse) -> TextResponse:
    kind = TypeAdapter(TextResponse)
    return kind.validate_json(kind.dump_json(answer))
