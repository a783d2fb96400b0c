"""Builds the service: models, routes and what is around them into an app."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from service import __version__
from service.access.ledger import Ledger
from service.access.store import KeyStore
from service.api.access import Guard
from service.api.bookkeeping import Bookkeeper
from service.api.catalogue import Catalogue
from service.api.context import ApiContext
from service.api.deepl.routes import deepl_routes, deepl_translate_routes
from service.api.detection import Detecting
from service.api.errors import error_codes, handle_http_error, handle_service_error
from service.api.files import download_routes, file_routes
from service.api.job_work import JobCraft
from service.api.jobs import job_routes
from service.api.languages import language_routes
from service.api.libretranslate import libretranslate_routes
from service.api.lifecycle import Lifecycle
from service.api.middleware import BodyLimit, RequestMiddleware
from service.api.models import model_routes
from service.api.openapi import use_own_document
from service.api.pages import add_pages
from service.api.probes import probe_routes
from service.api.results import ResultLimits, Results
from service.api.summarize import summarize_routes
from service.api.translate import translate_routes
from service.api.work_routes import Layer, ServiceApp, WorkRoutes
from service.domain import Task
from service.errors import ServiceError
from service.jobs.desk import JobDesk
from service.jobs.job import JobLimits, Outcome
from service.jobs.store import JobStore
from service.loading import load_catalogue
from service.metrics import Metrics
from service.settings import Settings, origins_in
from service.text.detect import LanguageDetector
from service.text.glossary_files import Glossaries, read_glossaries

_DESCRIPTION = (
    "Translation and summarization with attentional sequence-to-sequence models. "
    "`POST /translate` takes LibreTranslate's requests; options are named as in CTranslate2. "
    "Every error is `{error, code, request_id}`."
)

# What is counted from the start.
_WORK_ROUTES = (
    ("/translate", Task.TRANSLATION),
    ("/summarize", Task.SUMMARIZATION),
    ("/v2/translate", Task.TRANSLATION),
    ("/translate_file", Task.TRANSLATION),
)

# Makes the models that are served; tests bring prepared ones.
CatalogueFactory = Callable[[Settings, Metrics], Catalogue]


def create_app(
    settings: Settings,
    *,
    load: CatalogueFactory = load_catalogue,
    lifecycle: Lifecycle | None = None,
) -> FastAPI:
    """The whole service as an ASGI app; its lifespan starts and closes the engines.

    Args:
        settings: Checked settings.
        load: Makes the models.
        lifecycle: Given by a server that drains it before it stops.

    Raises:
        ServiceError: The settings or all bundles are unusable.
    """
    metrics = Metrics(__version__, settings.provider, _WORK_ROUTES, error_codes())
    catalogue = load(settings, metrics)
    languages = catalogue.languages()
    bookkeeper = _open_keys(settings.keys_file)
    context = ApiContext(
        settings=settings,
        catalogue=catalogue,
        lifecycle=lifecycle or Lifecycle(),
        metrics=metrics,
        detecting=Detecting(partial(LanguageDetector, languages)) if languages else None,
        ledger=None if bookkeeper is None else bookkeeper.ledger,
        glossaries=_glossaries(settings),
    )
    metrics.watch_readiness(lambda: context.ready)
    for model in catalogue.models:
        metrics.models.watch(model.manifest.name, model.is_alive)
    for failed in catalogue.failed:
        metrics.models.add_failed(failed.name)

    results = Results(
        ResultLimits(settings.max_kept_files, settings.max_kept_bytes, settings.max_kept_s)
    )
    work = [
        translate_routes(context),
        summarize_routes(context),
        deepl_translate_routes(context),
        file_routes(context, results),
    ]
    desk = JobDesk(_job_store(settings, metrics), JobCraft(context), metrics.jobs.finished)
    metrics.jobs.watch(lambda: desk.census, time.time)
    layers = _layers(context)
    app = ServiceApp(
        WorkRoutes(work),
        layers,
        title="seq2serve",
        version=__version__,
        summary="Translation and summarization as a service",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lambda _: _lifespan(context, desk, results, bookkeeper),
        exception_handlers={
            ServiceError: handle_service_error,
            HTTPException: handle_http_error,
        },
    )
    others = [
        routes(context) for routes in (language_routes, deepl_routes, model_routes, probe_routes)
    ]
    keeping = [download_routes(results), job_routes(context, desk)]
    for router in (*work, *keeping, *others, libretranslate_routes(app, context)):
        app.include_router(router)
    add_pages(app)
    use_own_document(app)
    for layer in layers:
        app.add_middleware(layer)
    return app


def _layers(context: ApiContext) -> list[Layer]:
    """What is around every route; the last one is the outermost."""
    settings = context.settings
    layers: list[Layer] = [
        partial(
            BodyLimit,
            max_body_bytes=settings.max_body_bytes,
            max_body_s=settings.max_timeout_s,
            by_path={
                "/translate_file": settings.max_file_bytes + settings.max_body_bytes,
                "/jobs": settings.max_job_body_bytes,
            },
        )
    ]
    if context.ledger is not None:
        layers.append(partial(Guard, ledger=context.ledger, is_key_required=settings.keys_required))
    layers.append(partial(RequestMiddleware, metrics=context.metrics, lifecycle=context.lifecycle))
    origins = origins_in(settings.cors_origins)
    if origins:
        layers.append(
            partial(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
                expose_headers=["Location", "Retry-After", "X-Model", "X-Provider", "X-Request-ID"],
            )
        )
    return layers


def _open_keys(path: Path | None) -> Bookkeeper | None:
    if path is None:
        return None
    store = KeyStore.open(path)
    return Bookkeeper(Ledger(store.read()), store)


def _glossaries(settings: Settings) -> Glossaries:
    directory = settings.glossaries_dir
    return Glossaries({}) if directory is None else read_glossaries(directory)


@asynccontextmanager
async def _lifespan(
    context: ApiContext, desk: JobDesk, results: Results, bookkeeper: Bookkeeper | None
) -> AsyncIterator[None]:
    engines = [model.engine for model in context.catalogue.models]
    for engine in engines:
        engine.start()
    async with nullcontext() if bookkeeper is None else bookkeeper:
        await desk.start()
        context.lifecycle.serve()
        try:
            yield
        finally:
            context.lifecycle.drain()
            await desk.stop()  # a job goes on where it was, after the next start
            for engine in engines:
                await asyncio.to_thread(engine.close)  # joins its workers
            results.close()


def _job_store(settings: Settings, metrics: Metrics) -> Callable[[], JobStore]:
    """Opens the store of jobs, in which what a process before has left is taken up.

    Raises:
        SettingsError: Nothing can be kept there.
    """
    limits = JobLimits(settings.max_jobs, settings.max_jobs_bytes, settings.job_age_s)
    if settings.jobs_dir is not None:
        for _ in range(JobStore.take_up(settings.jobs_dir, limits, time.time)):
            metrics.jobs.finished(Outcome.FAILED)
    return partial(JobStore, settings.jobs_dir, limits, time.time)
