"""How much of the engine's speed arrives over HTTP: `python -m benchmarks.load`.

Starts the service, sends it requests from another process over the loopback interface, and
prints three tables. All share the machine's cores: the service, its engine and the client,
whose own share is shown.

1. Capacity: the engine alone and the service under clients that always ask again, with one
   sentence per request and with sixteen, in turn.
2. Load: requests that arrive at random at 30, 70, 90 and 150 % of that capacity and are sent
   when they are due, whatever is still open.
3. Company: short sentences while long ones keep the engine busy, with in-flight batching and
   with the same engine batching in whole.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.interleave import Contestant, Spread, interleave, ratio
from benchmarks.load.bodies import long_source, sentences, short_texts, translate_bodies
from benchmarks.load.client import Client
from benchmarks.load.engine import EngineAlone
from benchmarks.load.server import Server
from benchmarks.load.traffic import Closed, Open, Stream, Traffic, Window
from benchmarks.report import Report, Row
from service.bundle.manifest import Manifest
from service.settings import Settings
from service.text.tokenizer import Tokenizer

_PATH = "/translate"
_TABLES = ("capacity", "open", "company")
_PER_REQUEST = (1, 16)
_LOADS = (0.3, 0.7, 0.9, 1.5)
# Sentences that clients keep open, so that no worker waits for one.
_OPEN_SENTENCES = 128
_WARM_UP_S = 1.5

_SHORT_TOKENS = 5
_LONG_TOKENS = 200
# Half of the service's rows, so that a short sentence always finds a free one in flight.
_LONG_CLIENTS = 16
_SHORT_PER_S = 40.0


@dataclass(frozen=True, slots=True)
class Bench:
    """What all tables share."""

    models: Path
    bundle: Path
    model: str
    texts: list[str]
    tokenizer: Tokenizer
    window: Window
    deadline_s: float

    def bodies(self, per_request: int) -> tuple[bytes, ...]:
        return translate_bodies(self.texts, per_request, timeout_s=self.deadline_s)


@dataclass(frozen=True, slots=True)
class Sent:
    """One run of traffic and what the server took for it."""

    traffic: Traffic
    server_cores: float
    batch_sources: float


@contextmanager
def serving(bench: Bench, module: str = "service") -> Iterator[tuple[Server, Client]]:
    """The service and a client."""
    with Server(bench.models, module) as server, Client(server.port) as client:
        yield server, client


def send(bench: Bench, server: Server, client: Client, *streams: Stream) -> Sent:
    """Send streams and read the server's meters before and after."""
    before, cpu_s = server.metrics(bench.model), server.cpu_s
    traffic = client.send(streams, bench.window)
    after = server.metrics(bench.model)
    advances = _grown(before, after, "seq2serve_batch_sources_count")
    sources = _grown(before, after, "seq2serve_batch_sources_sum")
    return Sent(traffic, (server.cpu_s - cpu_s) / traffic.wall_s, sources / max(1.0, advances))


def _grown(before: dict[str, float], after: dict[str, float], name: str) -> float:
    return after[name] - before[name]


def capacity(
    bench: Bench, server: Server, client: Client, rounds: int
) -> tuple[dict[str, Spread], Report]:
    """The engine alone, and what closed loops get of it over HTTP, in sentences a second."""
    seen: dict[int, Sent] = {}

    def over_http(per_request: int) -> float:
        clients = Closed(-(-_OPEN_SENTENCES // per_request))
        stream = Stream(_PATH, bench.bodies(per_request), clients)
        seen[per_request] = sent = send(bench, server, client, stream)
        return per_request * sent.traffic.outcomes[0].per_second

    with EngineAlone(bench.bundle, bench.texts) as engine:
        spreads = interleave(
            [
                Contestant("engine", lambda: engine.sentences_per_second(bench.window)),
                *(
                    Contestant(_name(per), lambda per=per: over_http(per))  # type: ignore[misc]
                    for per in _PER_REQUEST
                ),
            ],
            rounds,
        )
    rows: list[Row] = [_spread_row("engine", spreads)]
    rows += [
        {
            **_spread_row(_name(per), spreads),
            "of engine": ratio(spreads, _name(per), "engine"),
            "batch": seen[per].batch_sources,
            "server cores": seen[per].server_cores,
            "client cores": seen[per].traffic.cores,
            "p50 ms": seen[per].traffic.outcomes[0].ok_ms(0.5),
        }
        for per in _PER_REQUEST
    ]
    settings = {"clients' sentences": _OPEN_SENTENCES, "rounds": rounds, "seconds": _s(bench)}
    return spreads, Report("load-capacity", "Sentences a second, closed loop", settings, rows)


def _name(per_request: int) -> str:
    return f"HTTP, {per_request} per request"


def _spread_row(name: str, spreads: dict[str, Spread]) -> dict[str, str | float | None]:
    spread = spreads[name]
    return {"who": name, "sentences/s": spread.median, "low": spread.low, "high": spread.high}


def under_load(bench: Bench, server: Server, client: Client, spreads: dict[str, Spread]) -> Report:
    """Open loop at shares of the capacity."""
    rows: list[Row] = []
    for per_request in _PER_REQUEST:
        most = spreads[_name(per_request)].median
        for share in _LOADS:
            pace = Open(share * most / per_request)
            stream = Stream(_PATH, bench.bodies(per_request), pace)
            sent = send(bench, server, client, stream)
            rows.append(_load_row(bench, per_request, share, most, sent))
    return Report(
        "load-open",
        "Requests that arrive at random, at shares of the capacity",
        {"timeout_s": bench.deadline_s, "seconds": _s(bench)},
        rows,
        [
            "Times run from when a request was due, not from when it could be sent.",
            "good/s: sentences answered within timeout_s; refused: answered 429 or 503.",
        ],
    )


def _load_row(bench: Bench, per_request: int, share: float, most: float, sent: Sent) -> Row:
    [outcome] = sent.traffic.outcomes
    good = per_request * outcome.good_per_second(bench.deadline_s)
    others = outcome.counts.total() - len(outcome.ok_s) - len(outcome.refused_s)
    retry = outcome.retry_after_s
    late = sorted(outcome.late_s)
    return {
        "per request": per_request,
        "load": share,
        "sent/s": per_request * outcome.counts.total() / outcome.window_s,
        "answered/s": per_request * outcome.per_second,
        "good/s": good,
        "good/capacity": good / most,
        "p50 ms": outcome.ok_ms(0.5),
        "p99 ms": outcome.ok_ms(0.99),
        "max ms": outcome.ok_ms(1.0),
        "batch": sent.batch_sources,
        "refused": outcome.refused_share,
        "refused p50 ms": outcome.refused_ms(0.5),
        "refused p99 ms": outcome.refused_ms(0.99),
        "Retry-After s": f"{min(retry):g}-{max(retry):g}" if retry else None,
        "other": others,
        "server cores": sent.server_cores,
        "client cores": sent.traffic.cores,
        "late ms": 1000 * late[len(late) * 99 // 100] if late else None,
    }


def company(bench: Bench) -> Report:
    """Short sentences among long ones, in flight and in whole."""
    long_body = translate_bodies(
        [long_source(bench.texts[number:], _LONG_TOKENS, bench.tokenizer) for number in range(8)],
        1,
    )
    short_body = translate_bodies(short_texts(bench.texts, _SHORT_TOKENS, bench.tokenizer), 1)
    short = Stream(_PATH, short_body, Open(_SHORT_PER_S))
    long = Stream(_PATH, long_body, Closed(_LONG_CLIENTS))
    rows: list[Row] = []
    p99: list[float] = []
    for batching, module in (("in flight", "service"), ("in whole", "benchmarks.load.whole")):
        with serving(bench, module) as (server, client):
            sent = send(bench, server, client, short, long)
        shorts, longs = sent.traffic.outcomes
        rows.append(
            {
                "batching": batching,
                "short/s": shorts.per_second,
                "short p50 ms": shorts.ok_ms(0.5),
                "short p99 ms": shorts.ok_ms(0.99),
                "long/s": longs.per_second,
                "long p50 ms": longs.ok_ms(0.5),
                "long p99 ms": longs.ok_ms(0.99),
                "batch": sent.batch_sources,
            }
        )
        p99.append(shorts.ok_ms(0.99) or 0.0)
    return Report(
        "load-company",
        f"Sentences of {_SHORT_TOKENS} tokens among sources of {_LONG_TOKENS}",
        {"short/s": _SHORT_PER_S, "long clients": _LONG_CLIENTS, "seconds": _s(bench)},
        rows,
        [f"p99 of the short ones: {p99[1] / p99[0]:.2g} times better in flight."],
    )


def _s(bench: Bench) -> float:
    return bench.window.seconds


def read_tables(text: str) -> list[str]:
    """Names of tables, separated by commas.

    Raises:
        argparse.ArgumentTypeError: One of them is no table.
    """
    tables = text.split(",")
    if unknown := sorted(set(tables) - set(_TABLES)):
        raise argparse.ArgumentTypeError(f"{unknown} are none; there are {', '.join(_TABLES)}")
    return tables


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=Path, default=Settings().models_dir, help="bundles")
    parser.add_argument("--model", default="tatoeba-en-de", help="the one that is asked")
    parser.add_argument("--seconds", type=float, default=10.0, help="counted seconds of each run")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the capacity's contest")
    parser.add_argument("--deadline", type=float, default=2.0, help="timeout_s of each request")
    parser.add_argument(
        "--tables",
        type=read_tables,
        default=_TABLES,
        help="which of capacity, open and company, separated by commas; open brings capacity",
    )
    arguments = parser.parse_args()
    tables = arguments.tables
    bundle = arguments.models / arguments.model
    manifest = Manifest.read(bundle)
    bench = Bench(
        arguments.models,
        bundle,
        manifest.name,
        sentences(),
        Tokenizer.load(bundle / manifest.vocabulary),
        Window(_WARM_UP_S, arguments.seconds),
        arguments.deadline,
    )
    if "capacity" in tables or "open" in tables:
        with serving(bench) as (server, client):
            spreads, report = capacity(bench, server, client, arguments.rounds)
            report.publish()
            if "open" in tables:
                under_load(bench, server, client, spreads).publish()
    if "company" in tables:
        company(bench).publish()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
