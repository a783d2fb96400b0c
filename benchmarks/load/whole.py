"""The service with an engine that batches in whole: `python -m benchmarks.load.whole`.

A worker takes its next batch when all of the last one is finished, as servers do that know no
in-flight batching. The rest is the service as it is; answers even leave as soon as they are
finished, which is more than a batch in whole usually gives.
"""

import sys
from unittest.mock import patch

import service.engine.engine
from service.__main__ import main
from service.engine.plan import Load, Space
from service.engine.ticket import Ticket
from service.engine.waiting import WaitingRoom


class WholeBatches(WaitingRoom):
    """Gives a worker nothing until it has nothing."""

    def take_batch(self, worker: int, load: Load) -> tuple[list[Ticket], Space]:
        """See `WaitingRoom.take_batch`."""
        if load.sources:
            return [], Space(sources=0, cells=0, encode_tokens=0)
        return super().take_batch(worker, load)


if __name__ == "__main__":
    with patch.object(service.engine.engine, "WaitingRoom", WholeBatches):
        sys.exit(main())
