"""What every route needs, built once by `create_app`."""

from dataclasses import dataclass, field

from service.access.ledger import Ledger
from service.api.catalogue import Catalogue
from service.api.detection import Detecting
from service.api.lifecycle import Lifecycle, Phase
from service.api.usage import Usage
from service.metrics import Metrics
from service.settings import Settings
from service.text.glossary_files import Glossaries


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The service, as the routes see it."""

    settings: Settings
    catalogue: Catalogue
    lifecycle: Lifecycle
    metrics: Metrics
    detecting: Detecting | None
    glossaries: Glossaries
    usage: Usage = field(default_factory=Usage)
    ledger: Ledger | None = None

    @property
    def has_keys(self) -> bool:
        """Requests may have a key, which then has to be good."""
        return self.ledger is not None

    @property
    def key_required(self) -> bool:
        """Requests without a key are refused."""
        return self.has_keys and self.settings.keys_required

    @property
    def ready(self) -> bool:
        """Takes requests, and every engine is alive to answer them."""
        return self.lifecycle.phase is Phase.SERVING and self.catalogue.all_alive
