"""Attention as a picture, a row for each token that was written: pure."""

from collections.abc import Iterator, Sequence

from model_export.drawing import document, text, upright
from service.domain import FloatArray

_CELL = 26
_LEFT, _TOP = 96, 96  # room for the tokens
_EDGE = 12
_STYLE = ".weight{fill:#1f5fa8}.frame{fill:none;stroke:#999}"


def heat_map(attention: FloatArray, source: Sequence[str], target: Sequence[str]) -> str:
    """The darker, the more attention.

    Args:
        attention: Weights of the source's tokens for each of the target's, [T, S], 0..1.
        source: S tokens, across.
        target: T tokens, downwards.
    """
    assert attention.shape == (len(target), len(source)), "a row a target token, a column a source"
    width = _LEFT + _CELL * len(source) + _EDGE
    height = _TOP + _CELL * len(target) + _EDGE
    title = "Attention: what each target token was written from"
    return document(width, height, title, _STYLE, _shapes(attention, source, target))


def _shapes(attention: FloatArray, source: Sequence[str], target: Sequence[str]) -> Iterator[str]:
    for column, token in enumerate(source):
        yield upright(_LEFT + _CELL * (column + 0.5) + 4, _TOP - 6, token, "start")
    for row, token in enumerate(target):
        yield text(_LEFT - 6, _TOP + _CELL * (row + 0.5) + 4, token, "end")
        for column, weight in enumerate(attention[row]):
            if weight >= 0.005:  # the rest could not be seen
                yield (
                    f'<rect class="weight" fill-opacity="{weight:.2f}" x="{_LEFT + _CELL * column}"'
                    f' y="{_TOP + _CELL * row}" width="{_CELL}" height="{_CELL}"/>'
                )
    yield (
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_CELL * len(source)}" '
        f'height="{_CELL * len(target)}"/>'
    )
