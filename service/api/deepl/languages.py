"""DeepL's codes: capitals, and targets that name a region."""

from collections.abc import Sequence

from service.api.catalogue import Catalogue
from service.api.languages import language_name
from service.errors import UnsupportedLanguage

# DeepL wants a region for these targets, and its client refuses the plain code. Models here are
# trained on texts from everywhere: each of the regions gets the same translation.
_REGIONS = {
    "en": {"EN-GB": "English (British)", "EN-US": "English (American)"},
    "pt": {"PT-BR": "Portuguese (Brazilian)", "PT-PT": "Portuguese (European)"},
}


def sources(catalogue: Catalogue) -> dict[str, str]:
    """Codes and names of the languages that can be translated from."""
    return {code.upper(): language_name(code) for code in catalogue.sources()}


def targets(catalogue: Catalogue) -> dict[str, str]:
    """Codes and names of the languages that can be translated to."""
    listed: dict[str, str] = {}
    for code in catalogue.targets():
        listed |= _REGIONS.get(code, {code.upper(): language_name(code)})
    return listed


def served_source(catalogue: Catalogue, code: str) -> str:
    """`code` as the models spell it, a region left away that they do not know.

    Raises:
        UnsupportedLanguage: Nothing is translated from it.
    """
    return _nearest(code, catalogue.sources(), "source_lang", sources(catalogue))


def served_target(catalogue: Catalogue, code: str) -> str:
    """The same for a target.

    Raises:
        UnsupportedLanguage: Nothing is translated to it.
    """
    return _nearest(code, catalogue.targets(), "target_lang", targets(catalogue))


def _nearest(code: str, served: Sequence[str], field: str, listed: dict[str, str]) -> str:
    """Worked case: EN-GB is en, and pt is pt-BR where no other Portuguese is served."""
    wanted = code.replace("_", "-").lower()
    for alike in (wanted, _language(wanted)):
        for each in served:
            if each.lower() == alike:
                return each
    for each in served:
        if wanted == _language(each):
            return each
    raise UnsupportedLanguage(
        f"{field} {code} is not supported; it can be: {', '.join(listed) or 'nothing'}"
    )


def _language(code: str) -> str:
    return code.partition("-")[0].lower()
