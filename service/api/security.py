"""What browsers may do with an answer: headers that every one of them gets."""

import base64
import hashlib
import re
from collections.abc import Iterable

_POLICY_NAME = b"content-security-policy"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)

# No type is guessed, and no other server is told the address of a page, which may hold a text.
_ALWAYS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


def _policy(script: str, style: str) -> str:
    """Pages load from and ask this server alone, and nobody puts them into a frame."""
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


_WITH_POLICY = (*_ALWAYS, (_POLICY_NAME, _policy("'self'", "'self'").encode()))


def headers_for(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """What to add to an answer's headers; one with a policy of its own keeps it."""
    for name, _ in headers:
        if name == _POLICY_NAME:
            return _ALWAYS
    return _WITH_POLICY


def policy_of_page(page: str) -> str:
    """A policy that runs the inline scripts of this very page, and takes its inline styles."""
    scripts = (
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        for script in _INLINE_SCRIPT.findall(page)
    )
    allowed = " ".join(["'self'", *(f"'sha256-{script}'" for script in scripts)])
    return _policy(allowed, "'self' 'unsafe-inline'")
