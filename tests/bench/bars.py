"""Bars with their spread, as an SVG that reads on light and on dark ground."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tests.bench.plan import Spread

WIDTH = 860
LEFT, RIGHT = 300, 130
BAR, ROW, HEAD, GAP = 18, 28, 34, 22

STYLE = """
    text { font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #334155 }
    .title { font-size: 17px; font-weight: 600; fill: #0f172a } .head { font-weight: 600 }
    .ground { fill: #f8fafc } .bar { fill: #94a3b8 } .ours { fill: #0f766e } .spread { stroke: #0f172a }
    @media (prefers-color-scheme: dark) {
      text { fill: #cbd5e1 } .title { fill: #f1f5f9 } .ground { fill: #0f172a }
      .bar { fill: #475569 } .ours { fill: #2dd4bf } .spread { stroke: #f1f5f9 }
    }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One server's figure."""

    name: str
    value: Spread
    ours: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars that may be compared with each other."""

    title: str
    bars: Sequence[Bar]

    @property
    def height(self) -> int:
        """In pixels."""
        return HEAD + ROW * len(self.bars) + GAP


def svg(title: str, charts: Sequence[Chart]) -> str:
    """One picture of several charts, one below the other; those without bars are left out."""
    charts = [chart for chart in charts if chart.bars]
    height = 60 + sum(chart.height for chart in charts)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"  <title>{escape(title)}</title>",
        f"  <style>{STYLE}  </style>",
        f'  <rect class="ground" width="{WIDTH}" height="{height}" rx="14"/>',
        f'  <text class="title" x="26" y="36">{escape(title)}</text>',
    ]
    top = 60
    for chart in charts:
        parts += (f"  {part}" for part in _drawn(chart, top))
        top += chart.height
    return "\n".join([*parts, "</svg>\n"])


def _drawn(chart: Chart, top: int) -> Iterator[str]:
    scale = (WIDTH - LEFT - RIGHT) / max(bar.value.high for bar in chart.bars)
    yield f'<text class="head" x="26" y="{top + 16}">{escape(chart.title)}</text>'
    for row, bar in enumerate(chart.bars):
        y = top + HEAD + row * ROW
        low, end, high = (LEFT + value * scale for value in (bar.value.low, bar.value.median, bar.value.high))
        kind = "bar ours" if bar.ours else "bar"
        spread = f"M{low:.1f} {y + BAR / 2}H{high:.1f}M{low:.1f} {y + 5}v8M{high:.1f} {y + 5}v8"
        value = f"{bar.value.median:,.{_digits(bar.value.median)}f}"
        yield f'<text x="{LEFT - 12}" y="{y + 14}" text-anchor="end">{escape(bar.name)}</text>'
        yield f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{end - LEFT:.1f}" height="{BAR}" rx="3"/>'
        yield f'<path class="spread" d="{spread}"/>'
        yield f'<text x="{high + 10:.1f}" y="{y + 14}">{value}</text>'


def _digits(value: float) -> int:
    return 0 if value >= 100 else 1
