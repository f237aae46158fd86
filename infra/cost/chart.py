"""A line chart as an SVG that reads on light and on dark ground. The same chart is the same text."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 860, 440
LEFT, RIGHT, TOP, BOTTOM = 84, 210, 64, 62
LABEL_STEP = 19.0
"""Pixels between the names of two lines."""

STYLE = """
    text { font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #334155 }
    .title { font-size: 17px; font-weight: 600; fill: #0f172a }
    .ground { fill: #f8fafc } .grid { stroke: #e2e8f0 } .limit { stroke: #64748b; stroke-dasharray: 2 4 }
    .line { fill: none; stroke-width: 2.4; stroke: var(--ink) } .dashed { stroke-dasharray: 7 5 }
    .mark { fill: var(--ink) } .name { fill: var(--ink); font-weight: 600 }
    .c0 { --ink: #0f766e } .c1 { --ink: #b45309 } .c2 { --ink: #6d28d9 } .c3 { --ink: #be123c }
    @media (prefers-color-scheme: dark) {
      text { fill: #cbd5e1 } .title { fill: #f1f5f9 } .ground { fill: #0f172a } .grid { stroke: #1e293b }
      .limit { stroke: #94a3b8 }
      .c0 { --ink: #2dd4bf } .c1 { --ink: #fbbf24 } .c2 { --ink: #c4b5fd } .c3 { --ink: #fb7185 }
    }
"""

Point = tuple[float, float]
NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart, from the first tick to the last."""

    label: str
    ticks: Sequence[tuple[float, str]]
    log: bool = False

    def share(self, value: float) -> float:
        """Where the value lies between the ends: 0 to 1."""
        low, high = self.ticks[0][0], self.ticks[-1][0]
        if self.log:
            return log10(value / low) / log10(high / low)
        return (value - low) / (high - low)


def decades(label: str, values: Iterable[float], name: Callable[[float], str]) -> Axis:
    """A logarithmic axis with a tick at each power of ten, around all the values."""
    exponents = [log10(value) for value in values]
    lowest = floor(min(exponents))
    highest = max(ceil(max(exponents)), lowest + 1)
    ticks = [10.0**exponent for exponent in range(lowest, highest + 1)]
    return Axis(label, [(tick, name(tick)) for tick in ticks], log=True)


@dataclass(frozen=True, slots=True)
class Line:
    """A named line, and single marks beside it."""

    name: str
    points: Sequence[Point]
    colour: int
    """0 to 3."""
    dashed: bool = False
    marks: Sequence[Point] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """What a picture shows, and says to who cannot see it."""

    title: str
    description: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    limit: tuple[float, str] | None = None
    """A value of y, and what it means."""

    def svg(self) -> str:
        """The picture's file."""
        return "\n".join(
            [
                f'<svg {NAMESPACE} viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="t d">',
                f'  <title id="t">{escape(self.title)}</title>',
                f'  <desc id="d">{escape(self.description)}</desc>',
                f"  <style>{STYLE}  </style>",
                f'  <rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="14"/>',
                f'  <text class="title" x="{LEFT - 58}" y="34">{escape(self.title)}</text>',
                *(f"  {part}" for part in (*self._axes(), *self._drawn(), *self._names())),
                "</svg>\n",
            ]
        )

    def _axes(self) -> Iterator[str]:
        bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
        for value, label in self.y.ticks:
            y = self._y(value)
            yield f'<path class="grid" d="M{LEFT} {y:.1f}H{right}"/>'
            yield _text(LEFT - 10, y + 4, label, "end")
        for value, label in self.x.ticks:
            x = self._x(value)
            yield f'<path class="grid" d="M{x:.1f} {TOP}V{bottom}"/>'
            yield _text(x, bottom + 20, label, "middle")
        yield _text((LEFT + right) / 2, HEIGHT - 16, self.x.label, "middle")
        yield _text(LEFT - 58, TOP - 12, self.y.label, "start")
        if self.limit is not None:
            y = self._y(self.limit[0])
            yield f'<path class="limit" d="M{LEFT} {y:.1f}H{right}"/>'
            yield _text(LEFT + 8, y - 6, self.limit[1], "start")

    def _drawn(self) -> Iterator[str]:
        for line in self.lines:
            way = "L".join(f"{self._x(x):.1f} {self._y(y):.1f}" for x, y in line.points)
            dashed = " dashed" if line.dashed else ""
            yield f'<path class="line c{line.colour}{dashed}" d="M{way}"/>'
            for x, y in line.marks:
                at = f'cx="{self._x(x):.1f}" cy="{self._y(y):.1f}"'
                yield f'<circle class="mark c{line.colour}" {at} r="3.6"/>'

    def _names(self) -> Iterator[str]:
        """Each line's name at its end, moved down where it would lie on the one above."""
        free = 0.0
        for line in sorted(self.lines, key=lambda line: self._y(line.points[-1][1])):
            x, y = line.points[-1]
            free = max(free, self._y(y) + 4)
            name = f'<text class="name c{line.colour}" x="{self._x(x) + 10:.1f}" y="{free:.1f}">'
            yield f"{name}{escape(line.name)}</text>"
            free += LABEL_STEP

    def _x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * self.x.share(value)

    def _y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self.y.share(value)


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
