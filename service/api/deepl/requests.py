"""What DeepL's clients send, validated, and the service's own request that it comes to."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from service.api.fields import LanguageCode, Tags, Text, Texts
from service.api.requests import KEY_MEANING, Options, Sent, TranslateRequest
from service.markup.document import Markup, tag_names
from service.text.segment import Boundaries

# Asked for, they would change the answer; to take and ignore them would be a lie.
_NOT_OFFERED = {
    "glossary_ids": "a request takes one glossary_id",
    "style_id": "this service has no style rules",
    "custom_instructions": "no model of this service follows instructions",
    "translation_memory_id": "this service has no translation memories",
}

_BOUNDARIES = {
    "0": Boundaries.NONE,
    "1": Boundaries.LINES_AND_SENTENCES,
    "nonewlines": Boundaries.SENTENCES,
}


def _as_word(value: Any) -> Any:
    """0, 1, true and false as DeepL's forms spell them."""
    return str(int(value)) if isinstance(value, (bool, int)) else value


class DeepLTranslateRequest(Sent):
    """DeepL's request. What is not offered is refused by name."""

    text: Texts = Field(description="A text or a list of texts.")
    target_lang: LanguageCode = Field(
        description="Language code, in any case; a region that no model knows is left away."
    )
    source_lang: LanguageCode | None = Field(
        default=None, description="Language code, in any case; unset: the text's is detected."
    )
    context: Text | None = Field(
        default=None, description="Taken; no model here looks beyond the text itself."
    )
    show_billed_characters: bool = Field(
        default=True, description="Taken; `billed_characters` is always in the answer."
    )
    split_sentences: (
        Annotated[Literal["0", "1", "nonewlines"], BeforeValidator(_as_word)] | None
    ) = Field(
        default=None,
        description="1: at line breaks and sentence ends; nonewlines: at sentence ends; "
        "0: nowhere. Unset: nonewlines with `tag_handling` html, else 1.",
    )
    preserve_formatting: bool = Field(
        default=False, description="Taken; formatting is never corrected here."
    )
    formality: Literal["default", "more", "less", "prefer_more", "prefer_less"] = Field(
        default="default",
        description="No model here controls it: `prefer_*` is the default, `more` and `less` are "
        "refused.",
    )
    model_type: (
        Literal["quality_optimized", "prefer_quality_optimized", "latency_optimized"] | None
    ) = Field(
        default=None,
        description="`latency_optimized` searches greedily, the others as the model's card says.",
    )
    glossary_id: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None,
        description="A glossary of the server, see /v2/glossaries; for models with terms.",
    )
    tag_handling: Literal["xml", "html"] | None = Field(
        default=None, description="The texts are marked up; unset: plain text."
    )
    tag_handling_version: Literal["v1", "v2"] | None = Field(
        default=None, description="Taken; there is one."
    )
    outline_detection: bool = Field(
        default=True,
        description="With `tag_handling` xml: whether elements among elements only are paragraphs.",
    )
    non_splitting_tags: Tags = Field(
        default=(), description="With `tag_handling`: elements that stand within a sentence."
    )
    splitting_tags: Tags = Field(
        default=(), description="With `tag_handling`: elements that end a paragraph."
    )
    ignore_tags: Tags = Field(
        default=(), description="With `tag_handling`: elements that are kept as they are."
    )
    enable_beta_languages: bool = Field(default=False, description="Taken; there are none.")
    auth_key: Any = Field(default=None, description=KEY_MEANING)

    @model_validator(mode="before")
    @classmethod
    def _offered(cls, fields: dict[str, Any]) -> dict[str, Any]:
        for name, why in _NOT_OFFERED.items():
            if fields.get(name):
                raise ValueError(f"{name} is not offered: {why}")
        return {name: value for name, value in fields.items() if name not in _NOT_OFFERED}

    @model_validator(mode="after")
    def _formality_is_a_preference(self) -> Self:
        if self.formality in ("more", "less"):
            raise ValueError(
                f"formality {self.formality} is not supported for target_lang "
                f"{self.target_lang}: no model here controls it; prefer_{self.formality} "
                "translates with the default"
            )
        return self

    @model_validator(mode="after")
    def _glossary_has_a_direction(self) -> Self:
        if self.glossary_id and self.source_lang is None:
            raise ValueError("glossary_id needs a source_lang")
        return self

    @property
    def boundaries(self) -> Boundaries:
        """Where the texts are cut into sentences."""
        usual = "nonewlines" if self.tag_handling == "html" else "1"
        return _BOUNDARIES[self.split_sentences or usual]

    @property
    def markup(self) -> Markup | None:
        """How the texts are marked up; None for plain text."""
        if self.tag_handling is None:
            return None
        return Markup(
            self.tag_handling,
            ignore_tags=tag_names(self.ignore_tags, self.tag_handling),
            splitting_tags=tag_names(self.splitting_tags, self.tag_handling),
            non_splitting_tags=tag_names(self.non_splitting_tags, self.tag_handling),
            has_outline=self.outline_detection or self.tag_handling == "html",
        )

    def as_own(self, source: str, target: str, glossary: str | None) -> TranslateRequest:
        """The same as a request of /translate, between these languages.

        But for `boundaries` and `markup`, which say more than such a request can.

        Args:
            source: Code as the models spell it, or "auto".
            target: Code as the models spell it.
            glossary: Name of one that the server has.
        """
        greedy = Options(beam_size=1) if self.model_type == "latency_optimized" else Options()
        return TranslateRequest(
            q=self.text,
            source=source,
            target=target,
            format=self.tag_handling or "text",
            glossary=glossary,
            options=greedy,
        )


class DeepLLanguagesRequest(Sent):
    """Which of the two lists."""

    type: Literal["source", "target"] = Field(
        default="source", description="Languages to translate from, or to."
    )
    enable_beta_languages: bool = Field(default=False, description="Taken; there are none.")
    auth_key: Any = Field(default=None, description=KEY_MEANING)
