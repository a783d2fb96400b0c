"""The engine alone, in a process of its own: no HTTP, no text, the same sentences."""

import itertools
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Self

from benchmarks.load.traffic import Window
from service.bundle import Provider, load_bundle
from service.domain import DecodeRequest
from service.engine import Engine
from service.loading import engine_limits
from service.pipeline import SearchOverrides
from service.pipeline.options import resolve
from service.settings import Settings

# Sentences are submitted in groups, and so many groups are open for each worker: there is
# always work, and always enough of it to choose from.
_GROUP = 32
_OPEN_GROUPS = 2


class EngineAlone:
    """The process with the engine; a context manager that ends it."""

    def __init__(self, bundle: Path, texts: list[str]) -> None:
        """Load it, with the service's own settings, to decode `texts` over and over."""
        self._process = ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_load, initargs=(bundle, texts)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.shutdown()

    def sentences_per_second(self, window: Window) -> float:
        """How fast it decodes when there is always work."""
        return self._process.submit(_run, window).result()


_loaded: list[tuple[Engine, int, list[DecodeRequest]]] = []


def _load(bundle_directory: Path, texts: list[str]) -> None:
    settings = Settings()
    bundle = load_bundle(bundle_directory, Provider(settings.provider), settings.threads)
    limits = engine_limits(settings)
    engine = Engine(bundle.model, limits)
    engine.start()
    manifest = bundle.manifest
    options = resolve(SearchOverrides(), manifest.search, manifest.limits)
    encoded = [bundle.tokenizer.encode(text) for text in texts]
    end = bundle.tokenizer.end_id
    requests = [DecodeRequest((*ids, end), options.of(len(ids))) for ids in encoded]
    _loaded.append((engine, limits.workers, requests))


def _run(window: Window) -> float:
    [(engine, workers, requests)] = _loaded
    endless = itertools.cycle(requests)
    groups = (list(itertools.islice(endless, _GROUP)) for _ in itertools.count())
    open_groups = deque(engine.submit_many(next(groups)) for _ in range(workers * _OPEN_GROUPS))
    counted_from_s = time.perf_counter()
    from_s = counted_from_s + window.warm_up_s
    until_s = from_s + window.seconds
    answered = 0
    while (now_s := time.perf_counter()) < until_s:
        if now_s < from_s:
            answered, counted_from_s = 0, now_s
        for future in open_groups.popleft():
            future.result()
        answered += _GROUP
        open_groups.append(engine.submit_many(next(groups)))
    seconds = now_s - counted_from_s
    for group in open_groups:
        for future in group:
            future.result()
    return answered / seconds
