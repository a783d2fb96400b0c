"""The reliability plot: what was expected, and what came of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from model_export.drawing import document, text, upright
from model_export.fitting import Group

_SIDE = 220  # of a panel's square
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 34, 16, 46
_WIDTH = _LEFT + _SIDE + _RIGHT
_HEIGHT = _TOP + _SIDE + _BOTTOM
_STYLE = (
    ".frame{fill:none;stroke:#999}.grid{stroke:#ddd}.ideal{stroke:#999;stroke-dasharray:4 3}"
    ".error{stroke:#1f5fa8;stroke-width:1.5}.group{fill:#1f5fa8}"
)


@dataclass(frozen=True, slots=True)
class Panel:
    """One direction of one model.

    Attributes:
        title: Which.
        quality: What the vertical axis shows.
        groups: Of held-out sentences.
    """

    title: str
    quality: str
    groups: Sequence[Group]


def reliability_plot(panels: Sequence[Panel]) -> str:
    """Panels side by side; on the dashed line, confidence keeps what it promises."""
    width = _WIDTH * len(panels)
    shapes = (
        f'<g transform="translate({_WIDTH * number},0)">\n' + "\n".join(_shapes(panel)) + "\n</g>"
        for number, panel in enumerate(panels)
    )
    title = "Confidence against quality, ten groups of held-out sentences"
    return document(width, _HEIGHT, title, _STYLE, shapes)


def _shapes(panel: Panel) -> Iterator[str]:
    middle = _LEFT + _SIDE / 2
    yield text(middle, 20, panel.title, "middle", ' class="title"')
    for tenth in range(0, 11, 2):
        share = tenth / 10
        x, y = _x(share), _y(share)
        lines = f"M{x:.1f} {_TOP}V{_TOP + _SIDE}M{_LEFT} {y:.1f}H{_LEFT + _SIDE}"
        yield f'<path class="grid" d="{lines}"/>'
        yield text(x, _TOP + _SIDE + 15, f"{share:.1f}", "middle")
        yield text(_LEFT - 6, y + 4, f"{share:.1f}", "end")
    yield f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>'
    yield f'<path class="ideal" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'
    for group in panel.groups:
        x, y = _x(group.confidence), _y(group.quality)
        reach = 2 * group.error
        yield (
            f'<path class="error" d="M{x:.1f} {_y(group.quality - reach):.1f}'
            f'V{_y(group.quality + reach):.1f}"/>'
        )
        yield f'<circle class="group" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'
    yield text(middle, _HEIGHT - 10, "confidence", "middle")
    yield upright(16, _TOP + _SIDE / 2, panel.quality)


def _x(share: float) -> float:
    return _LEFT + _SIDE * share


def _y(share: float) -> float:
    return _TOP + _SIDE * (1 - share)
