"""A text as its leading sentences."""

from hypothesis import given
from hypothesis import strategies as st

from service.domain import DecodeRequest, Task
from service.pipeline import TextResponse
from service.text.normalise import normalise
from service.text.segment import split
from service.text.tokenizer import Tokenizer
from tests.pipeline.scenes import ANY_TEXT, ask, narrow

TEXT = "The dog sees Tom. She likes cats!\n\nTom found keys. Mary sees a house."


def summary(
    tokenizer: Tokenizer, text: str, room: int
) -> tuple[TextResponse, list[list[DecodeRequest]]]:
    response, engine = ask(tokenizer, text, narrow(room, Task.SUMMARIZATION))
    return response, engine.submitted


def test_a_text_that_fits_is_read_whole_and_once(tokenizer: Tokenizer) -> None:
    response, submitted = summary(tokenizer, TEXT, 200)
    assert [len(batch) for batch in submitted] == [1]
    assert response.text == normalise(TEXT)
    assert response.use is not None
    assert (response.use.sentences, len(response.use.used)) == (4, 4)
    assert not response.use.last_is_cut
    assert len(response.sentences) == 1


def test_a_long_text_gives_its_leading_sentences_and_says_which(tokenizer: Tokenizer) -> None:
    two = "The dog sees Tom. She likes cats!"
    response, _ = summary(tokenizer, TEXT, len(tokenizer.encode(two)) + 1)
    assert response.text == two
    assert response.use is not None
    assert response.use.sentences == 4
    assert [TEXT[slice(*span)] for span in response.use.used] == [
        "The dog sees Tom.",
        "She likes cats!",
    ]
    assert response.sentences[0].source_span == (0, len(two))
    assert not response.sentences[0].is_part


def test_a_long_first_sentence_gives_its_leading_words_and_says_so(tokenizer: Tokenizer) -> None:
    room = len(tokenizer.encode("The dog sees")) + 1
    response, _ = summary(tokenizer, "  " + TEXT, room)
    assert response.text == "The dog sees"
    assert response.use is not None
    assert response.use.last_is_cut
    assert response.use.used == ((2, 2 + len("The dog sees")),)
    assert response.sentences[0].is_part


@given(text=ANY_TEXT, room=st.integers(15, 40))
def test_the_request_fits_and_the_spans_are_of_the_text(
    tokenizer: Tokenizer, text: str, room: int
) -> None:
    response, submitted = summary(tokenizer, text, room)
    assert response.use is not None
    assert response.use.sentences == len(split(text, "en").segments)
    assert len(response.use.used) <= response.use.sentences
    for [request] in submitted:
        assert len(request.source_ids) <= room
    sentences = "".join(segment.text for segment in split(text, "en").segments)
    assert bool(submitted) == any(map(str.isalpha, sentences))
    if submitted:
        [sentence] = response.sentences
        assert sentence.source_span[0] == response.use.used[0][0]
        assert sentence.source_span[1] == response.use.used[-1][1]
    else:
        assert response.text == text
