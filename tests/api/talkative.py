"""The service as the command runs it, with fake models, logging all it can: a process.

Settings come from the environment. It stops on SIGTERM.
"""

import sys

from service.api.lifecycle import Lifecycle
from service.api.server import DrainingServer
from service.app import create_app
from service.errors import ServiceError
from service.logs import configure_logs
from service.pipeline.request import TextRequest
from service.pipeline.response import TextResponse
from service.settings import load_settings
from tests.api.fakes import FakeModels, FakePipeline, shout


def answer(request: TextRequest) -> TextResponse | ServiceError:
    """A text in capitals; with two hypotheses wanted, a bug that quotes the text."""
    if request.options.num_hypotheses == 2:
        raise ValueError(f"cannot deal with {request.text}")
    return shout(request)


class TalkativeServer(DrainingServer):
    """Says on stdout where it listens."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup()
        host, port = self.servers[0].sockets[0].getsockname()
        sys.stdout.write(f"http://{host}:{port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    settings = load_settings()
    configure_logs("debug")
    lifecycle = Lifecycle()
    models = FakeModels(translator=FakePipeline(answer))
    app = create_app(settings, load=models, lifecycle=lifecycle)
    TalkativeServer(app, settings, lifecycle).run()
