"""The service with an engine that batches in whole: `python -m benchmarks.load.whole`.

A worker takes its next batch when all of the last one is finished, as servers do that know no
in-flight batching. The rest is the service as it is; answers even leave as soon as they are
finished, which is more than a batch in whole usually gives.
"""

import sys
from dataclasses import replace
from unittest.mock import patch

import service.engine.engine
from service.__main__ import main
from service.engine.limits import EngineLimits
from service.engine.observer import EngineObserver
from service.engine.plan import Load
from service.engine.ticket import Ticket
from service.engine.waiting import WaitingRoom


class WholeBatches(WaitingRoom):
    """Gives a worker nothing until it has nothing, and then a full batch."""

    def __init__(self, limits: EngineLimits, observer: EngineObserver) -> None:
        """See `WaitingRoom`."""
        super().__init__(replace(limits, max_encode_tokens=limits.max_batch_tokens), observer)

    def take_batch(self, worker: int, load: Load) -> list[Ticket]:
        """See `WaitingRoom.take_batch`."""
        return [] if load.sources else super().take_batch(worker, load)


if __name__ == "__main__":
    with patch.object(service.engine.engine, "WaitingRoom", WholeBatches):
        sys.exit(main())
