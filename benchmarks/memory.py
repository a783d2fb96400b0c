"""How much memory the service takes, and how much it grows: `python -m benchmarks.memory`.

Starts the service with every bundle there is, several times for the time until it is ready;
then keeps one of them under mixed load: short and long texts, lists, several hypotheses, wide and
narrow beams, all details, other languages, summaries, clients that leave, deadlines that pass,
and requests that are wrong in every way. Growth is the slope of the resident size, by least
squares, over the last half of that time, and over each quarter: what fills up grows less in each,
and what leaks does not.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.figures import slope
from benchmarks.load.bodies import json_body, sentences, translate_bodies
from benchmarks.load.client import Client
from benchmarks.load.server import Server
from benchmarks.load.traffic import Open, Stream, Traffic, Window
from benchmarks.report import Report, Row
from service.settings import Settings

_MB = 1e6
_TRANSLATE = "/translate"
_SUMMARIZE = "/summarize"
_ALL_DETAILS = ["scores", "alignment", "tokens"]
# A minute's worth of growth has to stand out of what the allocator does by itself.
_SAMPLE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The service at one instant."""

    minutes: float
    resident_bytes: int


def mixed_load(texts: list[str], pace: float) -> list[Stream]:
    """Every kind of request that memory could leak from.

    Args:
        texts: Sentences.
        pace: Requests a second, all kinds together, roughly.
    """
    page = " ".join(texts[:60])
    story = " ".join(texts[60:80])
    kinds: list[tuple[float, str, tuple[bytes, ...]]] = [
        (0.3, _TRANSLATE, translate_bodies(texts, 1)),
        (0.1, _TRANSLATE, translate_bodies(texts, 16)),
        (0.02, _TRANSLATE, translate_bodies([page], 1)),
        (0.1, _TRANSLATE, translate_bodies(texts, 1, alternatives=3, **{"return": _ALL_DETAILS})),
        (0.05, _TRANSLATE, translate_bodies(texts, 1, options={"beam_size": 8})),
        (0.1, _TRANSLATE, translate_bodies(texts, 1, options={"beam_size": 1})),
        (0.05, _TRANSLATE, translate_bodies(texts, 1, timeout_s=0.002)),
        (0.05, _TRANSLATE, tuple(json_body(q=text, source="auto", target="de") for text in texts)),
        (0.05, _SUMMARIZE, (json_body(text=story), json_body(text=page))),
        (0.03, _TRANSLATE, tuple(_wrong(texts))),
        (0.02, "/nowhere", (b"{}",)),
    ]
    streams = [
        Stream(path, bodies, Open(share * pace, seed))
        for seed, (share, path, bodies) in enumerate(kinds)
    ]
    leaving = translate_bodies([page, story, *texts], 1)
    streams.append(Stream(_TRANSLATE, leaving, Open(0.1 * pace, 99), leave_after_s=0.01))
    return streams


def _wrong(texts: Iterable[str]) -> Iterable[bytes]:
    """Bodies that are refused, each for a reason of its own, never the same twice."""
    for number, text in enumerate(texts):
        yield json_body(q=text, source="en", target=f"x{number}")
        yield json_body(q=text, source="en", target="de", **{f"field{number}": 1})
        yield json_body(q=text, source="en", target="de", options={"beam_size": 1000 + number})
        yield f'{{"q": "{text}'.encode()
        yield json_body(q="\u00fc" * 60_000, source="en", target="de")


def first_use(client: Client) -> None:
    """One request of each kind that loads something late."""
    texts = list(islice(sentences(), 16))
    window = Window(0.0, 1.0)
    kinds = [
        (_TRANSLATE, translate_bodies(texts, 16)),
        (_TRANSLATE, (json_body(q=texts[0], source="auto", target="de"),)),
        (_SUMMARIZE, (json_body(text=" ".join(texts)),)),
    ]
    client.send([Stream(path, bodies, Open(4.0)) for path, bodies in kinds], window)


def watch(server: Server, traffic: Future[Traffic]) -> list[Sample]:
    """Samples until the traffic has ended."""
    began_s = time.monotonic()
    samples = []
    while not traffic.done():
        minutes = (time.monotonic() - began_s) / 60
        samples.append(Sample(minutes, server.resident_bytes))
        time.sleep(_SAMPLE_EVERY_S)
    return samples


def growth_bytes_per_minute(samples: list[Sample]) -> float:
    """Slope of the resident size over the last half."""
    return _slope(samples, 0.5, 1.0)


def growth_by_quarter(samples: list[Sample]) -> list[float]:
    """Slope of the resident size over each quarter, in bytes a minute."""
    return [_slope(samples, quarter / 4, (quarter + 1) / 4) for quarter in range(4)]


def _slope(samples: list[Sample], begin: float, end: float) -> float:
    """Bytes a minute between two shares of the time."""
    whole = samples[-1].minutes
    seen = [each for each in samples if begin * whole <= each.minutes <= end * whole]
    return slope([(each.minutes, float(each.resident_bytes)) for each in seen])


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memory",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=Path, default=Settings().models_dir, help="bundles")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the soak")
    parser.add_argument("--pace", type=float, default=60.0, help="requests a second in it")
    parser.add_argument("--starts", type=int, default=5, help="times the service is started")
    arguments = parser.parse_args()

    ready_s = []
    for _ in range(arguments.starts - 1):
        with Server(arguments.models) as server:
            ready_s.append(server.ready_after_s)
    rows: list[Row] = []
    with Server(arguments.models) as server, Client(server.port) as client:
        ready_s.append(server.ready_after_s)
        rows.append(_row("ready", server))
        first_use(client)
        rows.append(_row("after the first uses", server))
        soak = Window(0.0, 60 * arguments.minutes)
        sending = client.sending(mixed_load(sentences(), arguments.pace), soak)
        samples = watch(server, sending)
        rows.append(_row(f"after {arguments.minutes:g} minutes", server))
        growth = growth_bytes_per_minute(samples)
        quarters: list[Row] = [
            {"moment": f"growth, quarter {number}, a minute", "resident MB": each / _MB}
            for number, each in enumerate(growth_by_quarter(samples), 1)
        ]
        counts: Counter[int] = Counter()
        for outcome in sending.result().outcomes:
            counts += outcome.counts
    bundles = len(list(arguments.models.glob("*/manifest.json")))
    answers = ", ".join(
        f"{count} of {status or 'none'}" for status, count in sorted(counts.items())
    )
    Report(
        "memory",
        "Memory and start-up of the service",
        {"bundles": bundles, "starts": arguments.starts, "requests/s": arguments.pace},
        [
            *rows,
            {"moment": "growth, last half, a minute", "resident MB": growth / _MB},
            *quarters,
            {"moment": "start to ready, median", "seconds": median(ready_s)},
            {"moment": "start to ready, slowest", "seconds": max(ready_s)},
        ],
        [f"Answers by status: {answers} (none: the client left)."],
    ).publish()
    return 0


def _row(moment: str, server: Server) -> Row:
    return {
        "moment": moment,
        "resident MB": server.resident_bytes / _MB,
        "highest MB": server.highest_resident_bytes / _MB,
        "threads": server.threads,
        "open files": server.open_files,
    }


if __name__ == "__main__":
    raise SystemExit(main())
