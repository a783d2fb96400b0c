"""From which language to which each text of a request goes, and which model takes it there.

Every front door asks here, so that `auto`, spellings of codes and refusals are the same behind
all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.api.catalogue import Catalogue, ServedModel
from service.api.context import ApiContext
from service.api.responses import DetectedLanguage
from service.domain import Direction
from service.errors import UnsupportedLanguage
from service.markup.document import Markup
from service.markup.reading import text_without_tags
from service.text.detect import CHARACTERS, Findings

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where one text goes, and with whom.

    Attributes:
        direction: Codes as the models spell them.
        model: Who answers; None when the text is its own translation.
        detected: What the detector said, when it was asked.
    """

    direction: Direction
    model: ServedModel | None
    detected: DetectedLanguage | None


async def assignments_of(
    context: ApiContext,
    texts: Sequence[str],
    source: str,
    target: str,
    model: str | None = None,
    *,
    markup: Markup | None = None,
    with_terms: bool = False,
) -> list[Assignment]:
    """One assignment per text.

    Args:
        context: The service.
        texts: Looked at only when `source` is `AUTO`.
        source: Code in any spelling of case, or `AUTO`.
        target: Code in any spelling of case.
        model: Name of the model to take; None for the first that fits.
        markup: How the texts are marked up; tags say nothing about their language.
        with_terms: Prefer a model that was trained with terms.

    Raises:
        UnsupportedLanguage: No model translates like that, or a text is clearly in a language
            that is not served.
        Unavailable: The language detector cannot be loaded.
        UnknownModel: There is no model of that name.
        RequestError: The model of that name does something else.
    """
    catalogue = context.catalogue
    target = catalogue.known(target)
    if source == AUTO:
        if markup is not None:
            texts = [text_without_tags(text, markup, CHARACTERS) for text in texts]
        guesses = await _detected(context, target, texts)
        directions = [Direction(guess.language, target) for guess in guesses]
        return [
            Assignment(direction, _model(catalogue, direction, model, with_terms), guess)
            for direction, guess in zip(directions, guesses, strict=True)
        ]
    direction = Direction(catalogue.known(source), target)
    fitting = _model(catalogue, direction, model, with_terms)
    return [Assignment(direction, fitting, None)] * len(texts)


def summarizer_of(catalogue: Catalogue, language: str | None, model: str | None) -> Assignment:
    """Where the texts to summarize go: all the same way.

    Args:
        catalogue: The models.
        language: Code in any spelling of case; None for the first that is summarized.
        model: Name of the model to take; None for the first that fits.

    Raises:
        UnsupportedLanguage: Nobody summarizes that language.
        UnknownModel: There is no model of that name, or none that summarizes.
        RequestError: The model of that name does something else.
    """
    summarizer, direction = catalogue.summarizer(language, model)
    return Assignment(direction, summarizer, None)


async def _detected(
    context: ApiContext, target: str, texts: Sequence[str]
) -> list[DetectedLanguage]:
    """Of each text, the likeliest language that makes sense: the target, or what leads to it.

    Raises:
        UnsupportedLanguage: A text is clearly in another language, or nothing leads to the
            target.
        Unavailable: The detector cannot be loaded.
    """
    sources = context.catalogue.sources_of(target)
    assert context.detecting is not None, "there is one where there are translators"
    found = await context.detecting.study(texts)
    return [_guess(each, sources, target) for each in found]


def _guess(findings: Findings, sources: Sequence[str], target: str) -> DetectedLanguage:
    foreign = findings.foreign
    if foreign is not None:
        raise UnsupportedLanguage(
            f"source auto: the text looks like {foreign.language} "
            f"({foreign.confidence:.0f} % sure); to {target}, it can be: {', '.join(sources)}; "
            "name the source if the guess is wrong"
        )
    guess = findings.source(sources, target)
    return DetectedLanguage(language=guess.language, confidence=round(guess.confidence, 1))


def _model(
    catalogue: Catalogue, direction: Direction, name: str | None, with_terms: bool
) -> ServedModel | None:
    """Who translates; None when the text is its own translation, as with LibreTranslate."""
    source, target = direction.source, direction.target
    if name is None and source == target and source in catalogue.languages():
        return None
    return catalogue.translator(direction, name, with_terms=with_terms)
