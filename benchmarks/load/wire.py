"""The little of HTTP/1.1 that a client of one known server needs."""

from dataclasses import dataclass

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"\ncontent-length:"
_RETRY = b"\nretry-after:"


class ProtocolError(Exception):
    """The server said what this client does not understand."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer.

    Attributes:
        retry_after_s: Seconds that its Retry-After names, if it has one.
    """

    status: int
    body: bytes
    retry_after_s: float | None


def post(path: str, body: bytes) -> bytes:
    """The bytes of a request with a JSON body, on a connection that stays open."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class ReplyReader:
    """Puts answers together from what arrives; one request is open at a time."""

    def __init__(self) -> None:
        self._data = b""

    def feed(self, data: bytes) -> Reply | None:
        """The answer, once it is whole.

        Raises:
            ProtocolError: It has no Content-Length, or more arrived than the answer.
        """
        self._data = data = self._data + data if self._data else data
        head_end = data.find(_HEAD_END)
        if head_end < 0:
            return None
        head = data[:head_end].lower()
        length = _number(head, _LENGTH)
        if length is None:
            raise ProtocolError("the answer has no Content-Length")
        body_at = head_end + len(_HEAD_END)
        missing = body_at + int(length) - len(data)
        if missing > 0:
            return None
        if missing < 0:
            raise ProtocolError("more arrived than the answer")
        self._data = b""
        status = int(head[9:12])  # HTTP/1.1 200
        return Reply(status, data[body_at:], None if status < 400 else _number(head, _RETRY))


def _number(head: bytes, name: bytes) -> float | None:
    """The value of a header, lower case with the line break before it."""
    at = head.find(name)
    if at < 0:
        return None
    begin = at + len(name)
    end = head.find(b"\r", begin)
    return float(head[begin:] if end < 0 else head[begin:end])
