"""What DeepL's clients get back."""

from typing import Literal

from pydantic import Field

from service.api.responses import Answer


class DeepLError(Answer):
    """Every answer of DeepL's routes that is not 2xx."""

    message: str = Field(description="One sentence, with the limit and the value.")


class Translation(Answer):
    """One text's."""

    detected_source_language: str = Field(description="In capitals; what was sent, if it was.")
    text: str
    billed_characters: int = Field(description="Characters (code points) of the source text.")
    model_type_used: str | None = Field(
        default=None, description="Present when `model_type` was sent."
    )


class DeepLTranslateResponse(Answer):
    """In the order of the texts."""

    translations: list[Translation]


class DeepLLanguage(Answer):
    """A language as DeepL lists it."""

    language: str = Field(description="In capitals.")
    name: str
    supports_formality: bool | None = Field(
        default=None, description="Only of target languages; no model here controls it."
    )


class DeepLUsage(Answer):
    """What was translated, and what may be."""

    character_count: int
    character_limit: int = Field(description="1,000,000,000,000, as DeepL has it, for no limit.")


class NoGlossaryPairs(Answer):
    """DeepL's list of pairs that clients can create glossaries for: none."""

    supported_languages: list[str] = Field(max_length=0)


class DeepLGlossary(Answer):
    """A glossary of the server, for one direction."""

    glossary_id: str
    name: str
    ready: Literal[True]
    source_lang: str
    target_lang: str
    creation_time: str = Field(description="When this server read it.")
    entry_count: int


class DeepLGlossaries(Answer):
    """All that the server has."""

    glossaries: list[DeepLGlossary]
