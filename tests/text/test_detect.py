"""Detection chooses among what is served and does not pretend to be sure."""

import errno
import itertools
import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Unavailable
from service.text.detect import Detection, Findings, LanguageDetector, _agreed, _identifier


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector(["en", "de", "fr"])


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the station, please?", "en"),
        ("Wo ist bitte der Bahnhof?", "de"),
        ("Où est la gare, s'il vous plaît ?", "fr"),
    ],
)
def test_knows_the_served_languages(detector: LanguageDetector, text: str, language: str) -> None:
    [first, *_] = detector.study(text).ranking
    assert first.language == language
    assert first.confidence > 80


def test_is_not_sure_of_a_language_that_is_not_served(detector: LanguageDetector) -> None:
    findings = detector.study("Missä on rautatieasema, olkaa hyvä?")
    assert findings.ranking[0].confidence < 20
    assert findings.foreign is not None
    assert findings.foreign.language == "fi"


@pytest.mark.parametrize("text", ["", "---", "12 + 30 = 42", "\U0001f415"])
def test_a_text_without_letters_is_the_first_language_with_confidence_0(
    detector: LanguageDetector, text: str
) -> None:
    findings = detector.study(text)
    assert findings.ranking[0] == Detection("en", 0)
    assert findings.foreign is None


@pytest.mark.parametrize("word", ["Save", "Cancel", "Open", "Help", "Settings", "Search", "Yes"])
def test_one_word_is_looked_at_as_in_running_text(detector: LanguageDetector, word: str) -> None:
    for text in (word, word.lower(), word.upper(), f"\n{word} "):
        assert detector.study(text).ranking[0].language == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [("I am 25.", "en"), ("I do", "en"), ("Log in", "en"), ("Ich bin 25.", "de"), ("Ja", "de")],
)
def test_the_first_capital_may_be_the_word_s_own(
    detector: LanguageDetector, text: str, language: str
) -> None:
    findings = detector.study(text)
    assert findings.ranking[0].language == language
    other = {"en": "de", "de": "en"}[language]
    assert findings.source([language], other).language == language


@given(data=st.data())
@settings(max_examples=30)
def test_two_looks_agree_on_what_both_find(data: st.DataObject) -> None:
    shares = st.lists(st.floats(1e-6, 1), min_size=3, max_size=3)
    one, other = (dict(zip("abc", data.draw(shares), strict=True)) for _ in range(2))
    agreed = _agreed(one, other)
    assert sum(agreed.values()) == pytest.approx(1)
    assert agreed == _agreed(other, one)
    for left, right in itertools.permutations("abc", 2):
        if one[left] >= one[right] and other[left] >= other[right]:
            assert agreed[left] >= agreed[right]


def test_what_may_well_be_served_is_not_foreign(detector: LanguageDetector) -> None:
    text = "one two\nfor two days"
    assert _identifier().rank(f" {text} ")[0][0] == "pcm", "which is likelier than all others"
    assert detector.study(text).foreign is None
    assert LanguageDetector(["de"]).study(text).foreign is not None


@pytest.mark.parametrize("word", ["Привет", "мама", "مرحبا"])
def test_what_cannot_be_served_is_foreign_whichever_it_is(
    detector: LanguageDetector, word: str
) -> None:
    """Of several languages, none of which is likelier than all others together."""
    foreign = detector.study(word).foreign
    assert foreign is not None
    assert foreign.confidence < 50


class TestSource:
    """The language of a text that is to be translated."""

    def source(self, *, en: float, de: float, fr: float, target: str) -> str:
        ranking = [Detection("en", en), Detection("de", de), Detection("fr", fr)]
        ranking.sort(key=lambda each: -each.confidence)
        sources = [code for code in ("en", "de") if code != target]
        return Findings(tuple(ranking), None).source(sources, target).language

    def test_is_the_likeliest_that_leads_to_the_target(self) -> None:
        assert self.source(en=20, de=30, fr=50, target="fr") == "fr"
        assert self.source(en=20, de=70, fr=10, target="fr") == "de"
        assert self.source(en=20, de=10, fr=70, target="de") == "en"

    def test_is_the_target_only_when_that_is_clearly_likelier(self) -> None:
        assert self.source(en=40, de=30, fr=5, target="en") == "en"
        assert self.source(en=35, de=30, fr=5, target="en") == "de"
        assert self.source(en=0, de=0, fr=0, target="en") == "de"


def test_region_and_script_do_not_matter_and_unknown_codes_are_unlikely() -> None:
    detector = LanguageDetector(["xx", "de-AT", "EN"])
    ranked = detector.study("Wo ist bitte der Bahnhof?").ranking
    assert [detection.language for detection in ranked] == ["de-AT", "EN", "xx"]
    assert ranked[-1].confidence == 0


@given(text=st.one_of(st.text(), st.text(st.characters(categories=["Cs", "Lu"]))))
@settings(max_examples=50)
def test_ranks_every_served_language_once(detector: LanguageDetector, text: str) -> None:
    ranked = detector.study(text).ranking
    assert sorted(detection.language for detection in ranked) == ["de", "en", "fr"]
    confidences = [detection.confidence for detection in ranked]
    assert confidences == sorted(confidences, reverse=True)
    assert all(confidence >= 0 for confidence in confidences)
    assert sum(confidences) <= 100.001


def test_no_room_for_its_model_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _identifier.cache_clear()
    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(Unavailable, match="No space left on device; it needs 66 MB"):
        LanguageDetector(["en"])
