"""A child for the tests of the protocol: it prints noise, refuses, and dies when told to."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.peers.protocol import Job, serve


class NoisyPeer:
    """Answers as many tokens as are asked for, unless the beam says otherwise."""

    def load(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Print, and say what it was told."""
        sys.stdout.write("loading, 50 %")
        os.write(1, b'{"seconds": "from C++, without an end of line"}')
        sys.stdout.flush()
        if settings.get("fail"):
            raise RuntimeError("no such model")
        return {"told": settings}

    def prepare(self, job: Job) -> Callable[[], Sequence[int]]:
        """A beam of 0 dies, one of 9 answers too short."""

        def work() -> list[int]:
            sys.stdout.write("decoding")
            if job.beam == 0:
                sys.stderr.write("terminate called after throwing an instance")
                sys.stderr.flush()
                os._exit(134)
            missing = 1 if job.beam == 9 else 0
            return [job.target_tokens - missing for _ in job.sources]

        return work


if __name__ == "__main__":
    sys.stdout.write("a banner\n")
    sys.stdout.flush()
    os.write(1, b"half a line")
    serve(NoisyPeer())
