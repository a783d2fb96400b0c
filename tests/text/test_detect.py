"""Detection chooses among what is served and does not pretend to be sure."""

import errno
import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import Unavailable
from service.text.detect import LanguageDetector, _identifier


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
    detection = detector.detect(text)
    assert detection.language == language
    assert detection.confidence > 80


def test_is_not_sure_of_a_language_that_is_not_served(detector: LanguageDetector) -> None:
    assert detector.detect("Missä on rautatieasema, olkaa hyvä?").confidence < 20


@pytest.mark.parametrize("text", ["", "---", "12 + 30 = 42", "\U0001f415"])
def test_a_text_without_letters_is_the_first_language_with_confidence_0(
    detector: LanguageDetector, text: str
) -> None:
    detection = detector.detect(text)
    assert (detection.language, detection.confidence) == ("en", 0)


def test_region_and_script_do_not_matter_and_unknown_codes_are_unlikely() -> None:
    ranked = LanguageDetector(["xx", "de-AT", "EN"]).rank("Wo ist bitte der Bahnhof?")
    assert [detection.language for detection in ranked] == ["de-AT", "EN", "xx"]
    assert ranked[-1].confidence == 0


@given(text=st.one_of(st.text(), st.text(st.characters(categories=["Cs", "Lu"]))))
@settings(max_examples=50)
def test_ranks_every_served_language_once(detector: LanguageDetector, text: str) -> None:
    ranked = detector.rank(text)
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
        LanguageDetector(["en"]).detect("Where is the station?")
