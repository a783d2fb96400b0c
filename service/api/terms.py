"""Terms that a request asks for, and what became of them."""

from collections import Counter
from collections.abc import Iterable, Sequence

from service.api.context import ApiContext
from service.api.directions import Assignment
from service.api.requests import TermFields
from service.api.responses import FileTerm, Place, Term
from service.errors import RequestError, ServiceError
from service.pipeline.response import TermUse, TextResponse
from service.settings import Settings
from service.text.glossary import Glossary, GlossaryLimits, glossary_of

Glossaries = tuple[Glossary, ...]


def glossaries_of(
    context: ApiContext, wanted: TermFields, assigned: Sequence[Assignment]
) -> list[Glossaries]:
    """What each text of a request is to be translated with.

    Raises:
        RequestError: The terms make no sense, or a text's model takes none.
        TooLarge: There are too many terms, or one is too long.
        UnknownGlossary: The server has no glossary of that name for a text's direction.
    """
    if not wanted.asks_for_terms:
        return [()] * len(assigned)
    inline = wanted.glossary if isinstance(wanted.glossary, dict) else {}
    own = glossary_of(inline, wanted.do_not_translate, limits_of(context.settings))
    return [_of_text(context, wanted, own, each) for each in assigned]


def limits_of(settings: Settings) -> GlossaryLimits:
    """What a request may bring along."""
    return GlossaryLimits(settings.max_terms, settings.max_term_chars)


def terms_of(answers: Sequence[TextResponse | ServiceError]) -> list[list[Term]]:
    """What became of the terms of each text; nothing of one that failed."""
    return [
        [_term(each) for each in answer.terms] if isinstance(answer, TextResponse) else []
        for answer in answers
    ]


def file_terms_of(answers: Iterable[TextResponse]) -> list[FileTerm]:
    """What became of the terms of a document.

    Args:
        answers: To each of its texts; one that stands there twice counts twice.
    """
    uses = [each for answer in answers for each in answer.terms]
    places = Counter((use.entry.source, use.entry.target) for use in uses)
    held = Counter((use.entry.source, use.entry.target) for use in uses if use.is_held)
    return [
        FileTerm(source=source, target=target, places=count, held=held[source, target])
        for (source, target), count in places.items()
    ]


def _of_text(
    context: ApiContext, wanted: TermFields, own: Glossary, assigned: Assignment
) -> Glossaries:
    if assigned.model is None:  # the text is its own translation
        return ()
    manifest = assigned.model.manifest
    if manifest.marks is None:
        able = [
            model.manifest.name
            for model in context.catalogue.translators()
            if model.manifest.marks is not None and assigned.direction in model.manifest.prefixes
        ]
        raise RequestError(
            f"model {manifest.name} was not trained with terms, so it takes no glossary and no "
            f"do_not_translate; from {assigned.direction.source} to {assigned.direction.target}, "
            f"these models do: {', '.join(able) or 'none'}"
        )
    glossaries = (own,) if len(own) else ()
    if isinstance(wanted.glossary, str):
        direction = assigned.direction
        assert direction.target is not None, "translation has a target"
        named = context.glossaries.find(wanted.glossary, direction.source, direction.target)
        glossaries = (*glossaries, named)
    return glossaries


def _term(term: TermUse) -> Term:
    use = term.use
    fields: dict[str, object] = {
        "source": term.entry.source,
        "target": term.entry.target,
        "held": term.is_held,
        "place": Place.of(use.source),
        "translated": None if use.target is None else Place.of(use.target),
    }
    if use.is_inserted:
        fields["inserted"] = True
    return Term.model_validate(fields)
