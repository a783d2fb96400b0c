"""What clients may send, validated.

Requests follow LibreTranslate's, with options named as CTranslate2 names them; see
docs/api.md for the shapes with real values.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from service.api.fields import (
    Count,
    Exponent,
    LanguageCode,
    ModelName,
    PositiveCount,
    Seconds,
    Share,
    Strings,
    Tags,
    Terms,
    Text,
    Texts,
)
from service.api.upload import SentFile
from service.errors import RequestError
from service.markup.document import Markup, tag_names
from service.pipeline.request import SearchOverrides

T = TypeVar("T")

Want = Literal["scores", "alignment", "tokens", "confidence"]

KEY_MEANING = "An API key, if no header has one; ignored by a service without keys."


class Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Options(Sent):
    """Search options; what is not given is the model's default (see /models)."""

    beam_size: PositiveCount | None = Field(
        default=None, description="Hypotheses kept per step; 1 is greedy search."
    )
    num_hypotheses: PositiveCount | None = Field(
        default=None, description="Hypotheses returned, best first; at most beam_size."
    )
    length_penalty: Exponent | None = Field(
        default=None, description="Exponent a in score = log_prob / length**a; 0 ranks by log_prob."
    )
    min_decoding_length: Count | None = Field(
        default=None, description="Fewest target tokens per sentence, the end mark not counted."
    )
    max_decoding_length: PositiveCount | None = Field(
        default=None, description="Most target tokens per sentence, the end mark not counted."
    )


class WorkRequest(Sent):
    """What every request that runs a model may say."""

    texts_field: ClassVar[str]
    """Where its text or texts are."""

    alternatives: Count | None = Field(
        default=None, description="How many further answers to give besides the best one."
    )
    model: ModelName | None = Field(
        default=None, description="Name of the model, where several could answer; see /models."
    )
    options: Options = Field(default_factory=Options)
    want: tuple[Want, ...] = Field(
        default=(),
        alias="return",
        description="What `details` should hold; without it there is none.",
    )
    min_confidence: Share | None = Field(
        default=None,
        description=(
            "`details` says which sentences can be expected to be worse than this, as if "
            "`return` had `confidence`. They are given all the same."
        ),
    )
    priority: Literal["interactive", "batch"] = Field(
        default="interactive",
        description=(
            "`batch` lets what others ask for go first, for some seconds; for work that nobody "
            "waits for."
        ),
    )
    timeout_s: Seconds | None = Field(
        default=None, description="Seconds after which nobody wants the answer any more; then 504."
    )
    stream: bool = Field(
        default=False,
        description=(
            "Answer with Server-Sent Events as the text is written: `sentence` with each stretch "
            "of it, then `done` with the whole answer, or `error`. For one text, not for a list."
        ),
    )
    api_key: Any = Field(default=None, description=KEY_MEANING)
    secret: Any = Field(default=None, description="LibreTranslate's own page sends it; ignored.")

    @property
    def given(self) -> str | list[str]:
        """The text or the texts."""
        given: str | list[str] = getattr(self, self.texts_field)
        return given

    @property
    def texts(self) -> list[str]:
        """All of them; one is a list of one."""
        return [self.given] if isinstance(self.given, str) else self.given

    def as_given(self, values: Sequence[T]) -> Sequence[T] | T:
        """A value for each text as the texts were given: one for one, a list for a list."""
        return values[0] if isinstance(self.given, str) else values

    @property
    def details(self) -> tuple[Want, ...]:
        """What `details` should hold; () for none."""
        if self.min_confidence is None or "confidence" in self.want:
            return self.want
        return (*self.want, "confidence")

    @property
    def num_hypotheses(self) -> int | None:
        """Hypotheses asked for, by either name; None leaves it to the model."""
        if self.alternatives is not None:
            return self.alternatives + 1
        return self.options.num_hypotheses

    @property
    def markup(self) -> Markup | None:
        """How the texts are marked up; None for plain text."""
        return None

    @property
    def overrides(self) -> SearchOverrides:
        """The search options, as the pipeline takes them."""
        return SearchOverrides(
            beam_size=self.options.beam_size,
            num_hypotheses=self.num_hypotheses,
            length_penalty=self.options.length_penalty,
            min_decoding_length=self.options.min_decoding_length,
            max_decoding_length=self.options.max_decoding_length,
        )

    @model_validator(mode="after")
    def _hypotheses_agree(self) -> Self:
        asked, hypotheses = self.alternatives, self.options.num_hypotheses
        if asked is not None and hypotheses is not None and hypotheses != asked + 1:
            raise ValueError(
                f"alternatives is {asked}, which makes {asked + 1} hypotheses; "
                f"options.num_hypotheses is {hypotheses}; send one of the two"
            )
        return self


class TermFields(Sent):
    """What a translation should have, and what it should leave alone."""

    glossary: Terms | None = Field(
        default=None,
        description=(
            "Translations of terms, or the name of a glossary that the server has for the "
            "direction. Only models that were trained with terms take it; see /models."
        ),
    )
    do_not_translate: Strings = Field(
        default=(),
        description="Terms that stay as they are; models as for `glossary`.",
    )

    @property
    def asks_for_terms(self) -> bool:
        """Whether there is any."""
        return bool(self.glossary or self.do_not_translate)


class TranslateRequest(WorkRequest, TermFields):
    """LibreTranslate's request and more."""

    texts_field = "q"

    q: Texts = Field(description="A text or a list of texts.")
    source: LanguageCode = Field(description='Language code of the text, or "auto".')
    target: LanguageCode = Field(description="Language code to translate to.")
    format: Literal["text", "html", "xml"] = Field(
        default="text",
        description=(
            '`html` and `xml`: tags, comments, code and what says `translate="no"` are kept, and '
            "tags go where the words of theirs went. Without `stream`."
        ),
    )
    ignore_tags: Tags = Field(
        default=(),
        description="With `html` and `xml`: elements that are kept with all that is in them.",
    )

    @property
    def markup(self) -> Markup | None:
        """How the texts are marked up."""
        if self.format == "text":
            return None
        return Markup(self.format, tag_names(self.ignore_tags, self.format))

    @model_validator(mode="after")
    def _markup_is_offered(self) -> Self:
        if self.format == "text":
            if self.ignore_tags:
                raise ValueError("ignore_tags is for format html and xml")
            return self
        if self.stream:
            raise ValueError(f"stream is for format text; in {self.format}, tags need all of it")
        return self


class SummarizeRequest(WorkRequest):
    """One text or several, to be made short."""

    texts_field = "text"

    text: Texts = Field(description="A text or a list of texts.")
    language: LanguageCode | None = Field(
        default=None, description="Language code of the text; unset: that of the model."
    )
    max_length: PositiveCount | None = Field(
        default=None, description="Most tokens of the summary; another name of max_decoding_length."
    )
    min_length: Count | None = Field(
        default=None,
        description="Fewest tokens of the summary; another name of min_decoding_length.",
    )

    @model_validator(mode="after")
    def _lengths_agree(self) -> Self:
        for short, long in (
            ("max_length", "max_decoding_length"),
            ("min_length", "min_decoding_length"),
        ):
            if getattr(self, short) is not None and getattr(self.options, long) is not None:
                raise ValueError(f"{short} and options.{long} are the same; send one of the two")
        return self

    @property
    def overrides(self) -> SearchOverrides:
        """The search options, the two short names included."""
        overrides = super().overrides
        return replace(
            overrides,
            max_decoding_length=_first(self.max_length, overrides.max_decoding_length),
            min_decoding_length=_first(self.min_length, overrides.min_decoding_length),
        )


def _first(value: int | None, otherwise: int | None) -> int | None:
    return otherwise if value is None else value


class FileRequest(TermFields):
    """LibreTranslate's request, a form."""

    file: Annotated[SentFile, WithJsonSchema({"type": "string", "format": "binary"})] = Field(
        description="The document; its name says the format."
    )
    source: LanguageCode = Field(description='Language code of the text, or "auto".')
    target: LanguageCode = Field(description="Language code to translate to.")
    model: ModelName | None = Field(
        default=None, description="Name of the model, where several could answer; see /models."
    )
    timeout_s: Seconds | None = Field(
        default=None,
        description="Seconds after which nobody wants the file any more; unset: the most allowed.",
    )
    format: Any = Field(default=None, description="Ignored: the file's name says its format.")
    api_key: Any = Field(default=None, description=KEY_MEANING)
    secret: Any = Field(default=None, description="Ignored.")


class DetectRequest(Sent):
    """LibreTranslate's request."""

    q: Text = Field(description="A text.")
    api_key: Any = Field(default=None, description=KEY_MEANING)
    secret: Any = Field(default=None, description="Ignored.")


class JobRequest(Sent):
    """One of the two: what a job is to do, in the words of the route that does it at once."""

    translate: TranslateRequest | None = Field(
        default=None, description="The body of POST /translate, without stream and timeout_s."
    )
    summarize: SummarizeRequest | None = Field(
        default=None, description="The body of POST /summarize, without stream and timeout_s."
    )
    api_key: Any = Field(default=None, description="Beside it, not in it.")


M = TypeVar("M", bound=Sent)


def validated(schema: type[M], fields: Mapping[str, Any]) -> M:
    """`fields` as a `schema`.

    Raises:
        RequestError: They are not; one sentence that says where and why, and never holds the
            values that were sent.
    """
    try:
        return schema.model_validate(fields)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise RequestError("; ".join(_sentence(schema, each) for each in problems[:5])) from None


def _sentence(schema: type[Sent], problem: Any) -> str:
    """Worked case: ``options.beam_size: input should be less than or equal to 8``."""
    *parents, last = problem["loc"] or [""]
    place = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{place} is missing"
    if problem["type"] == "extra_forbidden":
        known = Options if parents else schema
        fields = sorted(known.model_fields.items(), key=lambda item: not item[1].is_required())
        names = [field.alias or name for name, field in fields]
        where = " in options" if parents else ""
        return f"unknown field {json.dumps(str(last)[:80])}{where}; known: {', '.join(names)}"
    if problem["type"] == "tuple_type":  # which JSON has not
        message = "should be a list"
    if problem["type"] == "model_type":
        message = "should be an object"
    if not place:
        return str(message)
    return f"{place}: {message[:1].lower()}{message[1:]}"
