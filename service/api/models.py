"""GET /models: what is served, and what was refused."""

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from service.api.catalogue import Catalogue, ServedModel
from service.api.context import ApiContext
from service.api.openapi import MODELS
from service.api.responses import FailedBundle, Model, Models, Served


def model_routes(context: ApiContext) -> APIRouter:
    """The route about models."""
    router = APIRouter(tags=["models"])
    catalogue = context.catalogue

    @router.get("/models", **MODELS)
    async def models() -> Response:
        found = Models(
            models=[_described(model) for model in catalogue.models],
            failed=refused_bundles(catalogue),
        )
        return JSONResponse(found.model_dump(mode="json"))

    return router


def refused_bundles(catalogue: Catalogue) -> list[FailedBundle]:
    """What was refused at start, in the words of the API."""
    return [
        FailedBundle(name=failed.name, code=failed.code, error=failed.message)
        for failed in catalogue.failed
    ]


def _described(model: ServedModel) -> Model:
    manifest = model.manifest
    return Model(
        name=manifest.name,
        version=manifest.version,
        task=manifest.task,
        directions=[
            Served(source=direction.source, target=direction.target)
            for direction in manifest.prefixes
        ],
        terms=manifest.marks is not None,
        description=manifest.description,
        limitations=manifest.limitations,
        digest=manifest.digest,
        licence=manifest.licence,
        attribution=list(manifest.attribution),
        scores=list(manifest.scores),
        provider=model.provider,
        precision=model.precision,
        limits=manifest.limits,
        default_options=manifest.search,
    )
