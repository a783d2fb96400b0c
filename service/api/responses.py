"""What clients get back, as the OpenAPI document shows it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.bundle.manifest import Limits, Precision, Score
from service.domain import SearchOptions
from service.text.normalise import Span
from service.trust.guard import Problem


class Answer(BaseModel):
    """Fields that were not set are left out of the JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def to_json(self) -> bytes:
        """As it goes over the wire."""
        return self.__pydantic_serializer__.to_json(self, exclude_unset=True)


class ErrorBody(Answer):
    """Every answer that is not 2xx."""

    error: str = Field(description="One sentence, with the limit and the value.")
    code: str = Field(description="The same word as in the log and the metric label.")
    request_id: str = Field(description="Also in the header X-Request-ID and in the log.")


class ItemError(Answer):
    """A text of a list that failed while others did not."""

    error: str
    code: str


class DetectedLanguage(Answer):
    """A language and how sure the detector is."""

    language: str
    confidence: float = Field(description="0 to 100.")


class Place(Answer):
    """A stretch of a text, in characters (code points), `end` exclusive."""

    start: int
    end: int

    @classmethod
    def of(cls, span: Span) -> "Place":
        """Worked case: ``(0, 3)`` is the first three characters."""
        return cls(start=span[0], end=span[1])


class WeightedPlace(Place):
    """A word of the source and its share of the attention."""

    weight: float


class AlignedPlaces(Answer):
    """A word of the target and the source words behind it, strongest first."""

    target: Place
    source: list[WeightedPlace]


class TokenDetail(Answer):
    """A target token; `log_prob` is a natural logarithm."""

    piece: str
    log_prob: float
    target: Place


class MarkDetail(Answer):
    """A term, or an address or placeholder that is copied."""

    source: Place
    target: Place | None = Field(description="Null: the model left the term out.")
    inserted: bool = Field(
        default=False,
        description="The model left the copy out; it was put where alignment suggests.",
    )


class HypothesisDetail(Answer):
    """One way to put a sentence."""

    text: str
    target: Place = Field(
        description="In translatedText for the first, in alternatives for the others."
    )
    finish_reason: Literal["end", "length"]
    score: float | None = Field(default=None, description="log_prob / length**length_penalty.")
    log_prob: float | None = None
    tokens: list[TokenDetail] | None = None
    alignment: list[AlignedPlaces] | None = Field(
        default=None, description="Null from a model without attention."
    )
    marks: list[MarkDetail] | None = Field(
        default=None, description="Present when the sentence has terms or something to copy."
    )


class SentenceDetail(Answer):
    """A sentence that went to the model."""

    source: Place
    is_part: bool = Field(description="A piece of a sentence longer than the model's window.")
    hypotheses: list[HypothesisDetail]
    problems: list[Problem] = Field(
        description="What is wrong with the answer, as far as it shows."
    )
    rescued: bool = Field(
        description=(
            "The answer is not the hypothesis of the best score, which had more problems or lacked "
            "a term."
        )
    )
    avoided: list[Problem] | None = Field(
        default=None, description="The problems of that one; present when rescued."
    )
    confidence: float | None = Field(
        default=None,
        description=(
            "Expected quality of the answer, 0 to 1; null from a model that was not calibrated."
        ),
    )
    below_min_confidence: bool | None = Field(
        default=None, description="Present when `min_confidence` was sent."
    )


class TextDetail(Answer):
    """What is known of one text's answer."""

    model: str | None = Field(description="Null when the text was already in the target language.")
    provider: str | None = Field(description="What ran the model: cpu or cuda.")
    source_tokens: int
    generated_tokens: int
    seconds: dict[str, float] = Field(description="By stage.")
    sentences: list[SentenceDetail]


class Term(Answer):
    """A place in a text where a term was that had been asked for."""

    source: str = Field(description="As it was asked for.")
    target: str | None = Field(description="The translation asked for; null: none.")
    held: bool = Field(description="The translation has it.")
    place: Place = Field(description="In the text that was sent.")
    translated: Place | None = Field(description="Where translatedText has it; null: nowhere.")
    inserted: bool = Field(
        default=False,
        description=(
            "The model left out what should stay as it is; it was put where alignment suggests."
        ),
    )


class TranslateResponse(Answer):
    """LibreTranslate's response and more; lists when `q` was a list."""

    translatedText: str | list[str | None]  # noqa: N815 - LibreTranslate's name
    alternatives: list[str] | list[list[str]] | None = Field(
        default=None, description="Present when more than one hypothesis was asked for."
    )
    detectedLanguage: DetectedLanguage | list[DetectedLanguage] | None = Field(  # noqa: N815
        None, description="Present when source was auto."
    )
    terms: list[Term] | list[list[Term]] | None = Field(
        default=None,
        description="Present when terms were asked for: every place in the text that has one.",
    )
    details: list[TextDetail | ItemError] | None = Field(
        default=None, description="Present when `return` was: one entry per text."
    )


class FileTerm(Answer):
    """A term that a document has, and what became of it."""

    source: str = Field(description="As it was asked for.")
    target: str | None = Field(description="The translation asked for; null: none.")
    places: int = Field(description="How often the document has it.")
    held: int = Field(description="In how many of these places the translation has it.")


class TranslateFileResponse(Answer):
    """LibreTranslate's response and more."""

    translatedFileUrl: str  # noqa: N815 - LibreTranslate's name
    detectedLanguage: DetectedLanguage | None = Field(  # noqa: N815
        None, description="Present when source was auto."
    )
    terms: list[FileTerm] | None = Field(
        default=None,
        description="Present when terms were asked for: those that the document has.",
    )


class UsedSentences(Answer):
    """Which sentences a summary was made from."""

    sentences: int = Field(description="How many, counted from the first.")
    total: int = Field(description="How many the text has.")
    places: list[Place] = Field(description="Of the used ones, in the text.")
    last_is_cut: bool = Field(description="Even the first sentence was longer than the window.")


class SummarizeResponse(Answer):
    """Lists when `text` was a list."""

    summary: str | list[str | None]
    used: UsedSentences | list[UsedSentences | None]
    alternatives: list[str] | list[list[str]] | None = None
    details: list[TextDetail | ItemError] | None = None


class JobProgress(Answer):
    """Sentences of all texts of a job."""

    done: int
    total: int


class JobStatus(Answer):
    """A job as it stands."""

    id: str = Field(description="Cannot be guessed: whoever has it, and the key, has the job.")
    task: Literal["translate", "summarize"]
    status: Literal["queued", "running", "done", "failed", "deleted"]
    sentences: JobProgress
    created_at: str = Field(description="ISO 8601, as all times.")
    finished_at: str | None = Field(default=None, description="Present when done or failed.")
    deleted_at: str | None = Field(default=None, description="Until then, the result is kept.")
    error: ItemError | None = Field(default=None, description="Present when failed.")


class Language(Answer):
    """A language and where it can be translated to; itself always."""

    code: str
    name: str
    targets: list[str]


class NamedLanguage(Answer):
    """A language, or `auto`."""

    code: str
    name: str


class FrontendLanguages(Answer):
    """What a page shows first."""

    source: NamedLanguage
    target: NamedLanguage = Field(description="Empty where nothing is translated.")


class FrontendSettings(Answer):
    """LibreTranslate's, with its names."""

    charLimit: int = Field(description="Characters of one text.")  # noqa: N815
    frontendTimeout: int = Field(  # noqa: N815
        description="Milliseconds that a page waits for the next key before it translates."
    )
    apiKeys: bool = Field(description="Whether there are API keys.")  # noqa: N815
    keyRequired: bool = Field(description="Whether one is needed.")  # noqa: N815
    suggestions: bool = Field(description="Whether better translations can be suggested.")
    filesTranslation: bool = Field(description="Whether files are translated.")  # noqa: N815
    supportedFilesFormat: list[str] = Field(description="Their suffixes.")  # noqa: N815
    language: FrontendLanguages


class Served(Answer):
    """A direction of a model; a summary has no target."""

    source: str
    target: str | None


class Model(Answer):
    """A bundle that is served."""

    name: str
    version: str
    task: str
    directions: list[Served]
    terms: bool = Field(description="Whether it can be told how to put a term.")
    description: str
    limitations: str
    digest: str
    licence: str
    attribution: list[str]
    scores: list[Score]
    provider: str = Field(description="What runs it: cpu or cuda.")
    precision: Precision
    limits: Limits
    default_options: SearchOptions


class FailedBundle(Answer):
    """A bundle that was refused at start."""

    name: str
    code: str
    error: str


class Models(Answer):
    """Everything that was found in the models directory."""

    models: list[Model]
    failed: list[FailedBundle]


class Alive(Answer):
    """The process answers."""

    status: Literal["alive"]


class Health(Answer):
    """LibreTranslate's shape."""

    status: Literal["ok"]


class ReadyModel(Answer):
    """One engine."""

    name: str
    alive: bool
    provider: str


class Ready(Answer):
    """Whether requests should be sent here, and why not."""

    ready: bool
    phase: Literal["starting", "serving", "draining"]
    in_flight: int
    models: list[ReadyModel]
    failed: list[FailedBundle]
