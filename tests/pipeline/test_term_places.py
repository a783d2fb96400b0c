"""Every place where a text has a term brings its entry, whatever else is at that place."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.markup.document import Markup
from service.pipeline import TextRequest
from service.pipeline.copied import Copies
from service.text.glossary import Entry, Glossary, find_terms
from service.text.normalise import normalise
from service.text.protected import protected_spans
from service.text.tokenizer import Tokenizer
from tests.pipeline.marked import MARKED_TEXT, MODELS, Say, answering, ask, obedient, pipeline
from tests.pipeline.scenes import EN_DE, FakeEngine

# In, on, around and across what is protected, beside what is not.
CROSSING = Glossary(
    [
        *(
            Entry(source, None, source)
            for source in ("{name}", "sees {name}", "b", "c. {", "%s", "example", "Acme")
        ),
        *(
            Entry(source, target, source)
            for source, target in (
                ("x", "y"),
                ("{x}", "{x}"),
                ("https", "http"),
                ("me", "ich"),
                ("org", "org"),
                ("the {", "die {"),
                ("cat", "der Hund"),
            )
        ),
    ]
)


@given(text=MARKED_TEXT, say=MODELS, room=st.integers(14, 40))
def test_every_place_has_its_entry_and_what_stays_is_there(
    marked_tokenizer: Tokenizer, text: str, say: Say, room: int
) -> None:
    request = TextRequest(text, EN_DE, glossaries=(CROSSING,))
    response, _ = ask(marked_tokenizer, request, say, max_source_tokens=room)
    matches = find_terms(text, (CROSSING,))
    assert [(term.entry, term.use.source) for term in response.terms] == [
        (match.entry, match.span) for match in matches
    ]
    spans = protected_spans(text)
    for term in response.terms:
        start, end = term.use.source
        written = term.use.target and response.text[slice(*term.use.target)]
        if term.entry.target is None:
            assert written == text[start:end]
        elif any(first < end and start < last for first, last in spans):
            inside = any(first <= start and end <= last for first, last in spans)
            is_itself = normalise(term.entry.target) == normalise(text[start:end])
            assert written == (text[start:end] if inside and is_itself else None)
        elif written is not None:
            assert written.lower() == term.entry.target.lower()
    for span in spans:
        assert text[slice(*span)] in response.text


@given(text=MARKED_TEXT, say=MODELS)
def test_a_copy_is_where_it_is_said_to_be(marked_tokenizer: Tokenizer, text: str, say: Say) -> None:
    response, _ = ask(marked_tokenizer, TextRequest(text, EN_DE, glossaries=(CROSSING,)), say)
    copies = Copies(text, response.sentences)
    for place, character in enumerate(text):
        copied = copies.around((place, place + 1))
        if copied is not None:
            assert response.text[slice(*copied.place_of((place, place + 1)))] == character


@pytest.mark.parametrize(
    ("text", "kept", "terms", "held"),
    [
        ("the dog sees {name}.", ["{name}"], {}, {"{name}": True}),
        ("{name}", ["{name}"], {}, {"{name}": True}),
        ("See https://acme.de/x, Tom.", ["acme"], {}, {"acme": True}),
        ("Tom: tom@acme.de, ACME", ["acme"], {}, {"acme": True, "ACME": True}),
        ("the dog sees {name} here.", ["sees {name}"], {}, {"sees {name}": True}),
        ("Tom sees {a} {b}.", ["sees {a} {b}"], {}, {"sees {a} {b}": True}),
        ("the dog sees {name}.", [], {"{name}": "{name}"}, {"{name}": True}),
        ("See www.cat.de, the cat.", [], {"cat": "Hund"}, {"cat": False, "cat.": True}),
        ("the dog sees {name}.", [], {"sees {name}": "sieht {name}"}, {"sees {name}": False}),
        ("the dog {x} sees {x}.", ["{x}"], {}, {"{x}": True, "{x}.": True}),
    ],
)
def test_worked_places(
    marked_tokenizer: Tokenizer,
    text: str,
    kept: list[str],
    terms: dict[str, str],
    held: dict[str, bool],
) -> None:
    """`held` is in order; of a term that is there twice, the second is named with a dot."""
    entries = [
        *(Entry(source, None, source) for source in kept),
        *(Entry(source, target, source) for source, target in terms.items()),
    ]
    response, _ = ask(marked_tokenizer, TextRequest(text, EN_DE, glossaries=(Glossary(entries),)))
    found = [(text[slice(*term.use.source)], term.is_held) for term in response.terms]
    assert found == [(source.removesuffix("."), is_held) for source, is_held in held.items()]


DOCUMENT = (
    '<h1 translate="no">Acme</h1> <p title="Acme">the <b translate="no">Acme &amp; cat</b> dog '
    "<code>Acme</code> likes the cat at https://acme.de, Acme.</p>\n<script>Acme</script>"
    "<pre>a cat\n\n  Acme</pre><p>12 <i>12</i></p>"
)


def shown(tokenizer: Tokenizer, text: str, entries: list[Entry], markup: Markup) -> list[str]:
    """Each term as the document has it, with its target if that is held."""
    request = TextRequest(text, EN_DE, markup=markup, glossaries=(Glossary(entries),))
    asked = pipeline(tokenizer, FakeEngine(answering(obedient)))
    response = asyncio.run(asked.run(request))
    return [
        f"{text[slice(*term.use.source)]}>"
        f"{response.text[slice(*term.use.target)] if term.use.target else None}"
        for term in response.terms
    ]


def test_what_a_document_keeps_shows_its_terms_too(marked_tokenizer: Tokenizer) -> None:
    entries = [Entry("acme", None, "1"), Entry("12", None, "2"), Entry("cat", "der Hund", "3")]
    assert shown(marked_tokenizer, DOCUMENT, entries, Markup("html")) == [
        "Acme>Acme",
        "Acme>Acme",
        "cat>None",
        "Acme>Acme",
        "cat>der Hund",
        "acme>acme",
        "Acme>Acme",
        "cat>None",
        "Acme>Acme",
        "12>12",
        "12>12",
    ]


def test_what_is_ignored_in_xml_shows_its_terms_too(marked_tokenizer: Tokenizer) -> None:
    markup = Markup("xml", ignore_tags=frozenset({"x"}))
    text = "<a>Tom sees <x>A&amp;B</x> {name}.</a><x>a &#123;name}</x>"
    entries = [Entry("A&B", None, "1"), Entry("{name}", None, "2")]
    assert shown(marked_tokenizer, text, entries, markup) == [
        "A&amp;B>A&amp;B",
        "{name}>{name}",
        "&#123;name}>&#123;name}",
    ]
