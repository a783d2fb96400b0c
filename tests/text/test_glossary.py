"""Terms in a text: the longest, in whole words, at the places of the text as it was written."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RequestError, SettingsError, TooLarge, UnknownGlossary
from service.text.glossary import Entry, Glossary, GlossaryLimits, find_terms, glossary_of
from service.text.glossary_files import read_glossaries
from service.text.normalise import normalise

LIMITS = GlossaryLimits(max_terms=3, max_term_chars=10)
WORD = st.sampled_from(["machine", "learning", "IT", "C++", "caf\xe9", "don't", "Haus", "2", "."])


def glossary(*terms: str) -> Glossary:
    return Glossary([Entry(term, term.upper(), f"term {term}") for term in terms])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Machine learning on a machine", ["Machine learning", "machine"]),
        ("machine  \xa0learning, machine\nlearning", ["machine  \xa0learning", "machine"]),
        ("machine-learning MACHINES MACHINE", ["machine", "MACHINE"]),
        ("IT is it", ["IT"]),
        ("haus Haus HAUS", ["Haus"]),
        ("C++, C+ and c++", ["C++", "c++"]),
        ("a cafe\u0301 or CAF\xc9", ["cafe\u0301", "CAF\xc9"]),
        ("don\u2019t", ["don\u2019t"]),
        ("", []),
    ],
)
def test_worked_matches(text: str, found: list[str]) -> None:
    terms = glossary("machine learning", "machine", "IT", "c++", "caf\xe9", "don't", "Haus")
    assert [text[slice(*match.span)] for match in find_terms(text, [terms])] == found


@given(
    words=st.lists(WORD, max_size=8),
    terms=st.lists(st.lists(WORD, min_size=1, max_size=3).map(" ".join), max_size=4, unique=True),
)
def test_the_slow_twin_tries_every_stretch_of_words(words: list[str], terms: list[str]) -> None:
    text = " ".join(words)
    expected: list[str] = []
    place = 0
    while place < len(words):
        longest = next(
            (
                end
                for end in range(len(words), place, -1)
                if any(spelt_alike(term, " ".join(words[place:end])) for term in terms)
            ),
            None,
        )
        if longest is not None:
            expected.append(" ".join(words[place:longest]))
        place = longest or place + 1
    found = [text[slice(*match.span)] for match in find_terms(text, [glossary(*terms)])]
    assert found == expected


def spelt_alike(term: str, words: str) -> bool:
    return words == term or (term == term.lower() and words.lower() == term)


@given(text=st.text(max_size=30), terms=st.lists(st.text(min_size=1, max_size=5), max_size=5))
def test_any_text_and_any_terms(text: str, terms: list[str]) -> None:
    try:
        entries = glossary(*terms)
    except RequestError:
        return
    end = 0
    for match in find_terms(text, [entries]):
        assert end <= match.span[0] < match.span[1] <= len(text)
        end = match.span[1]
        assert normalise(text[slice(*match.span)]).lower() == normalise(match.entry.source).lower()


def test_of_two_glossaries_the_longer_term_wins_and_then_the_first() -> None:
    first, second = glossary("machine", "Haus"), glossary("machine learning", "Haus")
    matches = find_terms("machine learning Haus", [first, second])
    assert [match.entry for match in matches] == [
        second.entry("machine learning"),
        first.entry("Haus"),
    ]
    assert matches[1].entry is first.entry("Haus")


def test_an_exact_spelling_goes_before_any_other() -> None:
    entries = Glossary([Entry("may", "kann", "1"), Entry("May", "Mai", "2")])
    targets = [match.entry.target for match in find_terms("May may MAY", [entries])]
    assert targets == ["Mai", "kann", "kann"]


@pytest.mark.parametrize(
    ("terms", "kept", "error", "message"),
    [
        ({"a": "b", "c": "d"}, ["e", "f"], TooLarge, "there are 4 terms; the limit is 3"),
        ({"a": "b" * 11}, [], TooLarge, "glossary term 1 has 11 characters; the limit is 10"),
        ({}, ["a", " "], RequestError, "do_not_translate term 2 is empty"),
        ({"a": "\u200b"}, [], RequestError, "glossary term 1 is empty, or its translation is"),
        (
            {"b": "c", "a ": "b"},
            ["a"],
            RequestError,
            "term 2 is the same as do_not_translate term 1",
        ),
    ],
)
def test_what_a_request_may_bring(
    terms: dict[str, str], kept: list[str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        glossary_of(terms, kept, LIMITS)


class TestFiles:
    def test_are_read_as_deepl_writes_them(self, tmp_path: Path) -> None:
        (tmp_path / "company.en-de.tsv").write_text('cat\tKater\n\n"dog\tHund\n', "utf-8")
        (tmp_path / "company.en-FR.csv").write_text(
            '\ufeffcat,chat,en,fr\r\n"a, b","c, d"\r\n', "utf-8"
        )
        (tmp_path / ".hidden").write_text("x")
        glossaries = read_glossaries(tmp_path)
        german = glossaries.find("company", "EN", "de")
        assert (len(german), german.entry('"dog')) == (2, Entry('"dog', "Hund", "line 3"))
        french = glossaries.find("company", "en", "fr")
        assert french.entry("a, b") == Entry("a, b", "c, d", "line 2")
        with pytest.raises(UnknownGlossary, match=r"not for de-en; it is for: en-de, en-fr"):
            glossaries.find("company", "de", "en")
        with pytest.raises(UnknownGlossary, match=r"no glossary of that name; there are: company"):
            glossaries.find("other", "en", "de")

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("company.tsv", "", "is not the name of a glossary"),
            ("a.en-de.tsv", "cat\tKater\nx", "line 2 has 1 columns"),
            ("a.en-de.tsv", "cat\tKater\nCat\t", "line 2 is empty, or its translation is"),
            ("a.en-de.csv", "cat,Kater\ncat,Katze", "line 2 is the same as line 1"),
            ("a.en-de.csv", b"\xff", "cannot be read"),
        ],
    )
    def test_faults_are_named(
        self, tmp_path: Path, name: str, content: str | bytes, message: str
    ) -> None:
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(SettingsError, match=message) as raised:
            read_glossaries(tmp_path)
        assert name in str(raised.value)

    def test_of_one_name_and_direction_there_is_one(self, tmp_path: Path) -> None:
        (tmp_path / "a.en-de.tsv").write_text("")
        (tmp_path / "a.en-de.csv").write_text("")
        with pytest.raises(SettingsError, match="another glossary"):
            read_glossaries(tmp_path)

    def test_the_directory_has_to_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="does not exist"):
            read_glossaries(tmp_path / "none")
