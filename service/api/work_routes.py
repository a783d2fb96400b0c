"""A shorter way than FastAPI's to the routes that run a model."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import handle_http_error, handle_service_error
from service.errors import Cancelled, ServiceError

Layer = Callable[[ASGIApp], ASGIApp]


class WorkRoutes:
    """Answers the routes of some routers without FastAPI's layers around them.

    Those (its own middleware, three routers, dependencies, an exit stack) take longer than all
    else that is done for one sentence, and routes that read their request by themselves use
    none of it. FastAPI has these routes all the same: it documents them, and answers what is
    not exactly one of them.

    Args:
        routers: Whose routes to answer; their endpoints take a `Request`.
    """

    def __init__(self, routers: Iterable[APIRouter]) -> None:
        self._routes = {
            (method, route.path): route
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute)
            for method in route.methods or ()
        }

    def claim(self, scope: Scope) -> bool:
        """Whether an event of the ASGI server is a request to one of the routes.

        The route is then in `scope`, so that layers know it that refuse the request.
        """
        if scope["type"] != "http":
            return False
        route = self._routes.get((scope["method"], scope["path"]))
        if route is not None:
            scope["route"] = route
        return route is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that was claimed."""
        route: APIRoute = scope["route"]
        request = Request(scope, receive, send)
        response: Response
        try:
            response = await route.endpoint(request)
        except ServiceError as error:
            response = await handle_service_error(request, error)
        except HTTPException as error:
            response = await handle_http_error(request, error)
        except ClientDisconnect:
            left = Cancelled("the client left before its request was read")
            response = await handle_service_error(request, left)
        await response(scope, receive, send)


class ServiceApp(FastAPI):
    """FastAPI with a shorter way for the routes that run a model."""

    def __init__(self, work: WorkRoutes, layers: Sequence[Layer], **options: Any) -> None:
        """Put the same layers around `work` that FastAPI has.

        Args:
            work: What does not go through FastAPI.
            layers: Middleware; the last one is the outermost.
            **options: FastAPI's.
        """
        super().__init__(**options)
        self._work = work
        self._layered_work: ASGIApp = work
        for layer in layers:
            self._layered_work = layer(self._layered_work)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one event of the ASGI server."""
        if self._work.claim(scope):
            scope["app"] = self
            await self._layered_work(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
