"""The models a service has, and which of them answers a request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from service.bundle.manifest import Manifest, Precision
from service.domain import Direction, Task
from service.errors import RequestError, ServiceError, UnknownModel, UnsupportedLanguage
from service.metrics import ModelMetrics
from service.pipeline.following import Following
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse


class TextPipeline(Protocol):
    """What answers a text; `service.pipeline.Pipeline`, or a fake in tests."""

    async def run_many(
        self, requests: Sequence[TextRequest]
    ) -> list[TextResponse | ServiceError]: ...

    async def follow(self, request: TextRequest) -> Following: ...


class EngineControl(Protocol):
    """What the service asks of an engine besides decoding; `service.engine.Engine`."""

    @property
    def alive(self) -> bool: ...

    def start(self) -> None: ...

    def close(self) -> None: ...

    def check_room(
        self,
        sources: int = 1,
        *,
        most_tokens: int | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A bundle that was loaded, with all that answers for it.

    Attributes:
        manifest: What the bundle says of itself.
        provider: What really runs it: "cpu" or "cuda".
        precision: The graphs in use.
        pipeline: Answers texts.
        engine: Started and closed with the app.
        metrics: Where the pipeline's part of the work is counted.
    """

    manifest: Manifest
    provider: str
    precision: Precision
    pipeline: TextPipeline
    engine: EngineControl
    metrics: ModelMetrics

    def is_alive(self) -> bool:
        """Its engine works off what it accepted."""
        return self.engine.alive


@dataclass(frozen=True, slots=True)
class FailedModel:
    """A bundle that was refused.

    Attributes:
        name: Its directory's name; the manifest may be what is broken.
        code: The error's code.
        message: What is wrong with it.
    """

    name: str
    code: str
    message: str


class Catalogue:
    """All models, in order of name; of two that could answer, the first does.

    Args:
        models: Loaded bundles with different names.
        failed: Bundles that were refused.
    """

    def __init__(self, models: Sequence[ServedModel], failed: Sequence[FailedModel] = ()) -> None:
        self.models = tuple(sorted(models, key=lambda model: model.manifest.name))
        self.failed = tuple(sorted(failed, key=lambda model: model.name))
        # Asked with every request, and fixed.
        self._by_task = {
            task: [model for model in self.models if model.manifest.task is task] for task in Task
        }
        self._by_direction: dict[Direction, ServedModel] = {}
        self._with_terms: dict[Direction, ServedModel] = {}
        for model in self.translators():
            for direction in model.manifest.prefixes:
                self._by_direction.setdefault(direction, model)
                if model.manifest.marks is not None:
                    self._with_terms.setdefault(direction, model)
        self._sources = _unique(direction.source for direction in self._by_direction)
        reached = _unique(direction.target for direction in self._by_direction)
        self._languages = _unique([*self._sources, *reached])
        self._targets = [code for code in self._languages if code in reached]
        self._spelling = {code.lower(): code for code in self._languages}

    @property
    def all_alive(self) -> bool:
        """Every engine runs."""
        return all(model.is_alive() for model in self.models)

    def of(self, task: Task) -> Sequence[ServedModel]:
        """Models for a task."""
        return self._by_task[task]

    def translators(self) -> Sequence[ServedModel]:
        """Models that translate."""
        return self.of(Task.TRANSLATION)

    def sources(self) -> Sequence[str]:
        """Languages that can be translated from."""
        return self._sources

    def targets(self) -> Sequence[str]:
        """Languages that can be translated to."""
        return self._targets

    def targets_of(self, source: str) -> list[str]:
        """Languages that `source` can be translated to."""
        return _unique(
            direction.target for direction in self._by_direction if direction.source == source
        )

    def languages(self) -> Sequence[str]:
        """Every language that some model translates from or to, sources first."""
        return self._languages

    def known(self, code: str) -> str:
        """`code` as the models spell it ("DE" -> "de"); an unknown one as it is."""
        return self._spelling.get(code.lower(), code)

    def sources_of(self, target: str) -> list[str]:
        """Languages that can be translated to `target`, at least one.

        Raises:
            UnsupportedLanguage: None can.
        """
        sources = _unique(
            direction.source for direction in self._by_direction if direction.target == target
        )
        if not sources:
            known = ", ".join(self._targets) or "nothing"
            raise UnsupportedLanguage(f"target {target} is not supported; it can be: {known}")
        return sources

    def translator(
        self, direction: Direction, name: str | None = None, *, with_terms: bool = False
    ) -> ServedModel:
        """The model that translates in `direction`.

        Args:
            direction: Codes as the models spell them.
            name: Of the model; None for the first that fits.
            with_terms: Rather than the first, take the first that was trained with terms.

        Raises:
            UnknownModel: There is no model `name`.
            RequestError: The model `name` does something else.
            UnsupportedLanguage: No model has that source, that target, or the two together.
        """
        if name is not None:
            model = self._named(name, Task.TRANSLATION)
            if direction not in model.manifest.prefixes:
                does = ", ".join(each.in_words for each in model.manifest.prefixes)
                raise RequestError(f"model {name} translates {does}, not {direction.in_words}")
            return model
        fitting = self._by_direction.get(direction)
        if with_terms:
            fitting = self._with_terms.get(direction, fitting)
        if fitting is None:
            raise UnsupportedLanguage(self._why_not(direction))
        return fitting

    def summarizer(
        self, language: str | None, name: str | None = None
    ) -> tuple[ServedModel, Direction]:
        """The model that summarizes texts in `language`, and the language as it spells it.

        Args:
            language: Code in any spelling of case; None for the first that fits.
            name: Of the model; None for the first that fits.

        Raises:
            UnknownModel: There is no model `name`, or none that summarizes.
            RequestError: The model `name` does something else.
            UnsupportedLanguage: No model summarizes that language.
        """
        models = list(self.of(Task.SUMMARIZATION))
        if name is not None:
            models = [self._named(name, Task.SUMMARIZATION)]
        if not models:
            raise UnknownModel("no model of this service summarizes")
        served = [(model, direction) for model in models for direction in model.manifest.prefixes]
        for model, direction in served:
            if language is None or language.lower() == direction.source.lower():
                return model, direction
        known = ", ".join(_unique(direction.source for _, direction in served))
        raise UnsupportedLanguage(f"cannot summarize language {language}; it can be: {known}")

    def _named(self, name: str, task: Task) -> ServedModel:
        for model in self.models:
            if model.manifest.name == name:
                if model.manifest.task is not task:
                    raise RequestError(f"model {name} is for {model.manifest.task}, not for {task}")
                return model
        for failed in self.failed:
            if failed.name == name:
                raise UnknownModel(f"model {name} failed to load: {failed.code}")
        known = ", ".join(model.manifest.name for model in self.models)
        raise UnknownModel(f"there is no model {name}; there are: {known}")

    def _why_not(self, wanted: Direction) -> str:
        if not self.translators():
            return "no model of this service translates"
        if wanted.source not in self._sources:
            return f"source {wanted.source} is not supported; it can be: {', '.join(self._sources)}"
        return (
            f"target {wanted.target} is not supported from source {wanted.source}; "
            f"it can be: {', '.join(self.targets_of(wanted.source))}"
        )


def _unique(codes: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(code for code in codes if code is not None))
