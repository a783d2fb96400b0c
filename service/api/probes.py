"""For machines: /livez, /readyz, /health, /metrics."""

from fastapi import APIRouter, Request
from prometheus_client.exposition import choose_encoder
from starlette.responses import JSONResponse, Response

from service.api.context import ApiContext
from service.api.errors import error_response
from service.api.models import refused_bundles
from service.api.openapi import documented
from service.api.record import record_of
from service.api.responses import Alive, Health, Ready, ReadyModel
from service.errors import Draining, Unavailable

_READY = {
    "ready": True,
    "phase": "serving",
    "in_flight": 2,
    "models": [{"name": "tatoeba-en-de", "alive": True, "provider": "cpu"}],
    "failed": [],
}

_EXPOSITION = """\
# HELP seq2serve_ready 1 when /readyz says ready, else 0.
# TYPE seq2serve_ready gauge
seq2serve_ready 1.0
"""


def probe_routes(context: ApiContext) -> APIRouter:
    """Routes that orchestrators and Prometheus ask."""
    router = APIRouter(tags=["probes"])

    @router.get("/livez", **documented("Is the process alive?", Alive, {"status": "alive"}))
    async def livez() -> Response:
        # Says nothing of engines: a restart is for a process that cannot answer at all.
        return JSONResponse({"status": "alive"})

    @router.get(
        "/readyz",
        **documented(
            "Should requests be sent here?",
            Ready,
            _READY,
            errors={503: "Starting, draining, or an engine died."},
            error_model=Ready,
        ),
    )
    async def readyz() -> Response:
        readiness = _readiness(context)
        status = 200 if readiness.ready else 503
        return JSONResponse(readiness.model_dump(mode="json"), status_code=status)

    @router.get(
        "/health",
        **documented(
            "LibreTranslate's readiness",
            Health,
            {"status": "ok"},
            errors={503: "Starting, draining, or an engine died."},
        ),
    )
    async def health(request: Request) -> Response:
        if context.ready:
            return JSONResponse({"status": "ok"})
        record = record_of(request.scope)
        record.code = Unavailable.code
        phase = context.lifecycle.phase
        return error_response(
            request.scope,
            503,
            record.code,
            f"the service is {phase}" if context.catalogue.all_alive else "an engine died",
            {"Retry-After": f"{Draining.retry_after_s:g}"},
        )

    # What balances load or watches over a site may ask for no more than the head.
    for path, probe in (("/livez", livez), ("/readyz", readyz), ("/health", health)):
        router.head(path, include_in_schema=False)(probe)

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses={
            200: {
                "content": {"text/plain": {"example": _EXPOSITION}},
                "description": "Exposition format.",
            }
        },
    )
    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(context.metrics.registry), headers={"Content-Type": content_type})

    return router


def _readiness(context: ApiContext) -> Ready:
    return Ready(
        ready=context.ready,
        phase=context.lifecycle.phase.value,
        in_flight=context.lifecycle.in_flight,
        models=[
            ReadyModel(name=model.manifest.name, alive=model.is_alive(), provider=model.provider)
            for model in context.catalogue.models
        ],
        failed=refused_bundles(context.catalogue),
    )
