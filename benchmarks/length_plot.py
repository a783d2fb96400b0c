"""BLEU against the length of the source, a curve for each model: pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from model_export.drawing import document, text, upright

_WIDTH, _HEIGHT = 260, 220  # of a panel's frame
_LEFT, _TOP, _BOTTOM = 52, 34, 46
_NAMES = 92  # to the right of a frame, for the curves' names
_PANEL = _LEFT + _WIDTH + _NAMES
_LINE = 13  # least distance of two names
_STEP = 5  # BLEU from one grid line to the next
_COLOURS = ("#1f5fa8", "#c2571a", "#2e7d4f", "#7b3f98")
_STYLE = ".frame{fill:none;stroke:#999}.grid{stroke:#ddd}.curve{fill:none;stroke-width:1.8}"


@dataclass(frozen=True, slots=True)
class Point:
    """Sentences of like length.

    Attributes:
        words: Mean words of their sources.
        bleu: Over all of them.
        low, high: Ends of its interval.
    """

    words: float
    bleu: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One model's points, by length."""

    name: str
    points: Sequence[Point]


def length_plot(panels: Sequence[tuple[str, Sequence[Curve]]]) -> str:
    """Panels (title, at most four curves of short names) side by side, all of one scale."""
    points = [point for _, curves in panels for curve in curves for point in curve.points]
    scale = _Scale(
        first=min(point.words for point in points) - 1,
        last=max(point.words for point in points) + 1,
        top=_STEP * ceil(max(point.high for point in points) / _STEP),
    )
    shapes = (
        f'<g transform="translate({_PANEL * number},0)">\n'
        + "\n".join(_shapes(title, curves, scale))
        + "\n</g>"
        for number, (title, curves) in enumerate(panels)
    )
    width, height = _PANEL * len(panels), _TOP + _HEIGHT + _BOTTOM
    return document(width, height, "BLEU by words of the source", _STYLE, shapes)


@dataclass(frozen=True, slots=True)
class _Scale:
    first: float  # words at the left edge
    last: float  # words at the right edge
    top: int  # BLEU at the upper edge

    def x(self, words: float) -> float:
        return _LEFT + _WIDTH * (words - self.first) / (self.last - self.first)

    def y(self, bleu: float) -> float:
        return _TOP + _HEIGHT * (1 - bleu / self.top)


def _shapes(title: str, curves: Sequence[Curve], scale: _Scale) -> Iterator[str]:
    yield text(_LEFT + _WIDTH / 2, 20, title, "middle", ' class="title"')
    for tick in range(0, scale.top + 1, _STEP):
        y = scale.y(tick)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{_LEFT + _WIDTH}"/>'
        yield text(_LEFT - 6, y + 4, str(tick), "end")
    for words in range(5 * ceil(scale.first / 5), int(scale.last) + 1, 5):
        yield text(scale.x(words), _TOP + _HEIGHT + 15, str(words), "middle")
    yield f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}"/>'
    places = _apart([scale.y(curve.points[-1].bleu) for curve in curves])
    for number, (curve, colour, place) in enumerate(
        zip(curves, _COLOURS[: len(curves)], places, strict=True)
    ):
        aside = 2 * number - (len(curves) - 1)  # intervals side by side
        corners = [(scale.x(point.words) + aside, point) for point in curve.points]
        line = "L".join(f"{x:.1f} {scale.y(point.bleu):.1f}" for x, point in corners)
        yield f'<path class="curve" stroke="{colour}" d="M{line}"/>'
        for x, point in corners:
            reach = f"M{x:.1f} {scale.y(point.low):.1f}V{scale.y(point.high):.1f}"
            yield f'<path stroke="{colour}" stroke-opacity=".45" d="{reach}"/>'
            yield f'<circle fill="{colour}" cx="{x:.1f}" cy="{scale.y(point.bleu):.1f}" r="3"/>'
        yield text(_LEFT + _WIDTH + 8, place + 4, curve.name, "start", f' style="fill:{colour}"')
    yield text(_LEFT + _WIDTH / 2, _TOP + _HEIGHT + 36, "words of the source", "middle")
    yield upright(16, _TOP + _HEIGHT / 2, "BLEU")


def _apart(places: Sequence[float]) -> list[float]:
    """The places, moved down where they would lie closer than a line to the one above."""
    moved = list(places)
    lowest = float("-inf")
    for number in sorted(range(len(places)), key=places.__getitem__):
        moved[number] = lowest = max(places[number], lowest + _LINE)
    return moved
