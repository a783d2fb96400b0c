"""For people: the page at / and Swagger UI at /docs, from this server alone."""

import html
from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from service.api.context import ApiContext
from service.domain import Direction

_ASSETS = "/docs/assets"
# An empty icon: without one, the page would fetch FastAPI's from its site.
_NO_ICON = "data:,"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>seq2serve</title>
<link rel="icon" href="data:,">
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto }}
  code {{ background: #8882; padding: 0 .2em }}
</style>
<h1>seq2serve</h1>
<p>Translation and summarization over HTTP, version {version}. Texts stay on this server.</p>
<ul>
{models}
</ul>
<p><a href="docs">Try the API</a> · <a href="openapi.json">OpenAPI</a> ·
<a href="languages">Languages</a> · <a href="models">Models</a> ·
<a href="readyz">Readiness</a> · <a href="metrics">Metrics</a></p>
"""


def add_pages(app: FastAPI, context: ApiContext) -> None:
    """Add the routes and the assets that Swagger UI needs.

    FastAPI's own /docs loads its scripts from a CDN; here no request leaves the server.
    """
    assets = files("fastapi_offline") / "static"
    app.mount(_ASSETS, StaticFiles(directory=str(assets)), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return get_swagger_ui_html(
            # Relative, so that a proxy may serve all this under a prefix.
            openapi_url="openapi.json",
            title=f"{app.title}: API",
            swagger_js_url=f".{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f".{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=_NO_ICON,
        )

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        lines = [
            f"<li><code>{html.escape(model.manifest.name)}</code>: "
            f"{html.escape(', '.join(_does(each) for each in model.manifest.prefixes))}"
            for model in context.catalogue.models
        ]
        return HTMLResponse(_PAGE.format(version=html.escape(app.version), models="\n".join(lines)))


def _does(direction: Direction) -> str:
    if direction.target is None:
        return f"summarizes {direction.source}"
    return f"translates {direction.source} to {direction.target}"
