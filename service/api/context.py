"""What every route needs, built once by `create_app`."""

from dataclasses import dataclass, field

from service.api.catalogue import Catalogue
from service.api.lifecycle import Lifecycle, Phase
from service.api.usage import Usage
from service.metrics import Metrics
from service.settings import Settings
from service.text.detect import LanguageDetector


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The service, as the routes see it."""

    settings: Settings
    catalogue: Catalogue
    lifecycle: Lifecycle
    metrics: Metrics
    detector: LanguageDetector | None
    usage: Usage = field(default_factory=Usage)

    @property
    def ready(self) -> bool:
        """Takes requests, and every engine is alive to answer them."""
        return self.lifecycle.phase is Phase.SERVING and self.catalogue.all_alive
