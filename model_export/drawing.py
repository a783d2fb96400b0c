"""What the pictures of `docs/` have in common: small SVGs, written by hand."""

from collections.abc import Iterable
from html import escape


def document(width: float, height: float, title: str, style: str, shapes: Iterable[str]) -> str:
    """A whole picture on white.

    Args:
        width: In pixels.
        height: In pixels.
        title: What a reader who cannot see it is told.
        style: CSS beyond that of text.
        shapes: SVG elements.
    """
    body = "\n".join(shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>text{{font:11px system-ui,sans-serif;fill:#444}}.title{{font-weight:600}}{style}"
        '</style>\n<rect width="100%" height="100%" fill="#fff"/>\n'
        f"{body}\n</svg>\n"
    )


def text(x: float, y: float, content: str, anchor: str, more: str = "") -> str:
    """A line of text at (x, y); `anchor` is start, middle or end, `more` further attributes."""
    return f'<text{more} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def upright(x: float, y: float, content: str, anchor: str = "middle") -> str:
    """A line of text that is read from below."""
    return (
        f'<text transform="translate({x:.1f},{y:.1f}) rotate(-90)" text-anchor="{anchor}">'
        f"{escape(content)}</text>"
    )
