"""Who asks: the key is found, known and charged before any work is done for it.

The way of a request through a service that has keys:

1. `Guard`, an ASGI layer: a key in a header or in the query string is known, and its rate of
   requests kept, before any of the body is read.
2. `read_fields` calls `identify`: a key in the body is known before anything else of it is read.
3. The route calls `charge` when it has counted the texts: rate and quota of characters.
4. The `Guard` again, on the way out: what failed is not charged, and an answer of a route that
   never asked who is there does not leave when a key is needed.

A service without keys has no `Guard`, and the functions below find nothing to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access.ledger import Ledger, Receipt, Usage
from service.api.errors import handle_service_error
from service.errors import Cancelled, Forbidden, ServiceError

# What anybody may see, and what is never counted: pages, probes, and what says what there is.
PUBLIC_PATHS = frozenset(
    {
        "/",
        "/docs",
        "/frontend/settings",
        "/health",
        "/languages",
        "/livez",
        "/metrics",
        "/models",
        "/openapi.json",
        "/readyz",
        "/spec",
    }
)
# Translated files have names that cannot be guessed, and browsers fetch them without a key.
PUBLIC_PREFIXES = ("/docs/assets/", "/download_file/", "/static/")

# LibreTranslate's name of the field, and DeepL's before it had a header.
KEY_FIELDS = ("api_key", "auth_key")
_SCHEMES = (b"bearer", b"deepl-auth-key")
_SCOPE_KEY = "seq2serve.visit"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        key_id: Of the key, which is no secret; None for somebody without one.
    """

    key_id: str | None


ANONYMOUS = Principal(None)


@dataclass(slots=True)
class _Visit:
    """One request of a service that has keys; kept in its ASGI scope."""

    ledger: Ledger
    is_key_required: bool
    principal: Principal | None = None
    receipts: list[Receipt] = field(default_factory=list)

    def identify(self, key: str) -> None:
        key_id = self.ledger.identify(key)
        self.ledger.begin(key_id)
        self.principal = Principal(key_id)

    def settled(self) -> Principal:
        """Who it is, now that there is nowhere left to look for a key."""
        if self.principal is None:
            if self.is_key_required:
                raise Forbidden(
                    "this service needs an API key; send it in the header Authorization "
                    "(Bearer KEY) or X-API-Key, or as api_key"
                )
            self.principal = ANONYMOUS
        return self.principal

    def charge(self, characters: int) -> None:
        key_id = self.settled().key_id
        if key_id is not None:
            self.receipts.append(self.ledger.charge(key_id, characters))

    def give_back(self) -> None:
        for receipt in self.receipts:
            self.ledger.give_back(receipt)


def principal_of(scope: Scope) -> Principal:
    """Who asks; for a route that reads its body, once that is read.

    Raises:
        Forbidden: Nobody with a key, and one is needed.
    """
    visit = _visit_of(scope)
    return ANONYMOUS if visit is None else visit.settled()


def knows_who_asks(scope: Scope) -> bool:
    """Whether the head said it all: a key was found in it, or nobody has one here."""
    visit = _visit_of(scope)
    return visit is None or visit.principal is not None


def identify(scope: Scope, fields: Mapping[str, Any]) -> None:
    """Look for the key in what was sent, unless it was found before: the last place to look.

    Args:
        scope: The request's.
        fields: Of its form or JSON, and of its query string.

    Raises:
        Forbidden: There is a key, and it is not good; or there is none, and one is needed.
        RateLimited: It asks faster than it may.
    """
    visit = _visit_of(scope)
    if visit is None or visit.principal is not None:
        return
    key = next((fields[name] for name in KEY_FIELDS if fields.get(name)), None)
    if key is None:
        visit.settled()
    else:
        # What is no text is no key either.
        visit.identify(key if isinstance(key, str) else "")


def charge(scope: Scope, characters: int) -> None:
    """Charge a request for the texts that it sent, before any work is done on them.

    Raises:
        Forbidden: No key, and one is needed.
        TooLarge: More characters than the key may ever send at once.
        RateLimited: More than it has left of this minute.
        QuotaExceeded: More than it has left of this month.
    """
    visit = _visit_of(scope)
    if visit is not None:
        visit.charge(characters)


def usage_of(scope: Scope) -> Usage | None:
    """What the key that asks has used; None for somebody without one.

    Raises:
        Forbidden: No key, and one is needed.
    """
    visit = _visit_of(scope)
    key_id = principal_of(scope).key_id
    return None if visit is None or key_id is None else visit.ledger.usage(key_id)


def _visit_of(scope: Scope) -> _Visit | None:
    visit: _Visit | None = scope.get(_SCOPE_KEY)
    return visit


class Guard:
    """Lets nobody in who needs a key and has none.

    Args:
        app: What it wraps.
        ledger: The keys.
        is_key_required: Whether to refuse requests without one.
    """

    def __init__(self, app: ASGIApp, ledger: Ledger, *, is_key_required: bool) -> None:
        self._app = app
        self._ledger = ledger
        self._is_key_required = is_key_required

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event of the ASGI server."""
        if scope["type"] != "http" or _is_public(scope["path"]):
            await self._app(scope, receive, send)
            return
        scope[_SCOPE_KEY] = visit = _Visit(self._ledger, self._is_key_required)
        try:
            key = _key_in_headers(scope) or _key_in_query(scope)
            if key:
                visit.identify(key)
        except ServiceError as error:
            await _refuse(scope, receive, send, error)
            return
        await self._serve(scope, receive, send, visit)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, visit: _Visit) -> None:
        status = 500  # of a failure that never gets to answer
        refusal: ServiceError | None = None

        async def checked_send(message: Message) -> None:
            nonlocal status, refusal
            if message["type"] == "http.response.start":
                status = message["status"]
                try:
                    if status < 400:
                        visit.settled()
                except Forbidden as error:
                    refusal = error
            if refusal is None:
                await send(message)

        try:
            await self._app(scope, receive, checked_send)
        finally:
            if status >= 400 and status != Cancelled.http_status:
                visit.give_back()
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)


async def _refuse(scope: Scope, receive: Receive, send: Send, error: ServiceError) -> None:
    response = await handle_service_error(Request(scope, receive, send), error)
    await response(scope, receive, send)


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(PUBLIC_PREFIXES)


def _key_in_headers(scope: Scope) -> str:
    """The key in a header; empty when there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, key = value.strip().partition(b" ")
            if scheme.lower() in _SCHEMES:
                return str(key.strip(), "latin-1")
        elif name == b"x-api-key":
            return str(value.strip(), "latin-1")
    return ""


def _key_in_query(scope: Scope) -> str:
    """The key in the query string; empty when there is none."""
    query = scope["query_string"]
    if b"_key=" not in query:
        return ""
    try:
        pairs = parse_qsl(str(query, "latin-1"), max_num_fields=1000)
    except ValueError:
        return ""  # whoever reads the fields says what is wrong with them
    return next((value for name, value in pairs if name in KEY_FIELDS), "")
