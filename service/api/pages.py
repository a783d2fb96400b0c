"""For people: the page at / and Swagger UI at /docs, from this server alone."""

import hashlib
import html
import string
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from service.api.security import policy_of_page

_DOCS_ASSETS = "/docs/assets"
# An empty icon: without one, the page would fetch FastAPI's from its site.
_NO_ICON = "data:,"

_INDEX = "index.html"
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# The address of an asset changes with the content of any, so what it names never does.
_FOR_GOOD = "public, max-age=31536000, immutable"


def add_pages(app: FastAPI) -> None:
    """Add the two pages with all that they load."""
    _add_page(app, files("service.api") / "page")
    _add_docs(app)


def _add_page(app: FastAPI, directory: Traversable) -> None:
    """The page at /: static files, read once."""
    assets = {
        file.name: file.read_bytes()
        for file in sorted(directory.iterdir(), key=lambda file: file.name)
        if file.name != _INDEX
    }
    digest = _digest(*assets.values())
    place = f"static/{digest}"  # relative, so that a proxy may serve all this under a prefix
    modules = [name for name in assets if name.endswith(".js") and name != "theme.js"]
    index = (
        string.Template((directory / _INDEX).read_text("utf-8"))
        .substitute(
            assets=place,
            # Known at once instead of one import after the other.
            preloads="\n".join(
                f'<link rel="modulepreload" href="{place}/{name}">' for name in modules
            ),
            version=html.escape(app.version),
        )
        .encode()
    )
    tag = f'"{_digest(index)}"'

    # What watches over a site asks for the head of its first page.
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "ETag": tag}
        if tag in request.headers.get("If-None-Match", ""):
            return Response(status_code=304, headers=headers)
        return Response(index, media_type="text/html", headers=headers)

    @app.get("/static/{version}/{name}", include_in_schema=False)
    async def asset(version: str, name: str) -> Response:
        if version != digest or name not in assets:
            raise HTTPException(404)
        return Response(
            assets[name],
            media_type=_MEDIA_TYPES["." + name.rpartition(".")[2]],
            headers={"Cache-Control": _FOR_GOOD},
        )


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"".join(contents)).hexdigest()[:16]


def _add_docs(app: FastAPI) -> None:
    """Swagger UI: FastAPI's own loads its scripts from a CDN."""
    assets = files("fastapi_offline") / "static"
    app.mount(_DOCS_ASSETS, StaticFiles(directory=str(assets)), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        answer = get_swagger_ui_html(
            # Relative, so that a proxy may serve all this under a prefix.
            openapi_url="openapi.json",
            title=f"{app.title}: API",
            swagger_js_url=f".{_DOCS_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f".{_DOCS_ASSETS}/swagger-ui.css",
            swagger_favicon_url=_NO_ICON,
        )
        answer.headers["Content-Security-Policy"] = policy_of_page(bytes(answer.body).decode())
        return answer
