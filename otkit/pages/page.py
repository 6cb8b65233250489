"""A page: headings, text, tables and pictures in order, written as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from otkit.errors import OtkitError
from otkit.whole import whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PIXELS_PER_INCH = 110
STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 62rem; margin: 2.5rem auto;
       padding: 0 1.2rem; }
h1 { font-size: 1.8rem; } h2 { font-size: 1.3rem; margin-top: 2.4rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; margin: 1rem 0; } td, th { padding: .3rem .9rem .3rem 0; text-align: left;
        vertical-align: top; border-bottom: 1px solid #e4e4e4; } td:nth-child(2) { white-space: nowrap;
        font-variant-numeric: tabular-nums; }
figure { margin: 1.2rem 0; display: inline-block; max-width: 100%; } figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: .92rem; max-width: 34rem; } pre { background: #f5f5f5; padding: .8rem 1rem;
        overflow-x: auto; } footer { margin-top: 3rem; color: #666; font-size: .9rem; }
"""


class Page:
    """Parts are added in the order in which they are read."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str] = [f"<h1>{html.escape(title)}</h1>"]

    def heading(self, text: str) -> None:
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def text(self, *paragraphs: str) -> None:
        self._parts += [f"<p>{html.escape(paragraph)}</p>" for paragraph in paragraphs]

    def commands(self, *lines: str) -> None:
        self._parts.append(f"<pre>{html.escape(chr(10).join(lines))}</pre>")

    def numbers(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """What, how much, and what that means."""
        cells = ("".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows)
        self._parts.append(f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>")

    def picture(self, paint: Callable[[Axes], object], caption: str, size: tuple[float, float] = (5.6, 4.4)) -> None:
        """What `paint` draws on an Axes. Where it cannot be drawn the page says why: the numbers must not be lost."""
        if find_spec("matplotlib") is None:
            self.text(f"No picture ({caption}): it needs matplotlib, pip install 'otkit[plot]'.")
            return
        from matplotlib.figure import Figure  # without pyplot: no window, no display, whatever the backend

        figure = Figure(figsize=size, dpi=PIXELS_PER_INCH, layout="constrained")
        try:
            paint(figure.add_subplot())
            held = BytesIO()
            figure.savefig(held, format="png")
        except OtkitError as error:
            self.text(f"No picture ({caption}): {error}")
            return
        data = base64.b64encode(held.getvalue()).decode("ascii")
        said = html.escape(caption, quote=True)
        self._parts.append(
            f'<figure><img alt="{said}" src="data:image/png;base64,{data}"><figcaption>{said}</figcaption></figure>'
        )

    def html(self) -> str:
        import otkit

        title, body = html.escape(self.title), "\n".join(self._parts)
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{STYLE}</style></head>\n<body>\n{body}\n<footer>otkit {otkit.__version__}</footer></body></html>\n"
        )

    def write(self, path: str | os.PathLike) -> None:
        """Writes the file whole or not at all. Raises OSError."""
        with whole(Path(path)) as unfinished:
            unfinished.write_text(self.html(), encoding="utf-8")
