"""Every route of an app, those of its routers included."""

from collections.abc import Iterable, Iterator

from fastapi import FastAPI
from starlette.routing import BaseRoute, Mount, Route


def routes_of(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Method and path of each; of mounted files, one of them."""
    return _walk(app.routes)


def _walk(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, str]]:
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/swagger-ui.css"
        elif isinstance(route, Route):
            for method in sorted(route.methods or ()):
                yield method, route.path.replace("{", "").replace("}", "")
        else:  # FastAPI's own wrapping of an included router
            yield from _walk(route.original_router.routes)  # type: ignore[attr-defined]
