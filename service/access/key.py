"""API keys: made at random, kept as a hash, compared in constant time.

A key is ``s2s_<id>_<secret>``: eight hexadecimal digits that name it, forty that prove it. The
prefix lets scanners for leaked secrets know one when they see it.

What is kept is SHA-256 of the whole key. A slow, salted hash protects passwords because people
choose them from a list that can be tried through; 160 random bits cannot be tried through, at
any speed, and a slow hash would be paid for with every request.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_KEY = re.compile(r"s2s_([0-9a-f]{8})_[0-9a-f]{40}")
_SECRET_BYTES = 20  # 160 bits
_ID_BYTES = 4


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; the only time that it is there as a whole.

    Attributes:
        id: What it is called in lists and commands; no secret.
        key: What clients send. Not in `repr`, so that no log line can hold it by accident.
        digest: What is kept.
    """

    id: str
    key: str
    digest: bytes

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r})"


def new_key() -> NewKey:
    """A key that nobody has."""
    key_id = secrets.token_hex(_ID_BYTES)
    key = f"s2s_{key_id}_{secrets.token_hex(_SECRET_BYTES)}"
    return NewKey(key_id, key, digest_of(key))


def digest_of(key: str) -> bytes:
    """What is kept of a key: 32 bytes."""
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def id_in(key: str) -> str | None:
    """Which key this claims to be; None when it has not the shape of one."""
    found = _KEY.fullmatch(key)
    return None if found is None else found[1]


def is_key(key: str, digest: bytes) -> bool:
    """Whether `digest` is that of `key`; takes the same time wherever they differ."""
    return hmac.compare_digest(digest_of(key), digest)
