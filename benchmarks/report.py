"""From measurements to a table, and from a table to a verdict."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

AGREEMENT = 1e-3  # relative: both libraries compute in float32, in orders of their own


@dataclass
class Row:
    """One program: each round's answer of each lane, ours first."""

    name: str
    title: str
    rounds: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def failure(self) -> str | None:
        """Why the row says nothing, if it does not."""
        for answers in self.rounds:
            errors = [answer["error"] for answer in answers if "error" in answer]
            if errors:
                return errors[0]
            if not agree([answer["value"] for answer in answers]):
                return f"the results differ: {', '.join(str(answer['value']) for answer in answers)}"
        return None

    def figure(self, lane: int) -> float:
        return median(answers[lane]["seconds"] for answers in self.rounds)

    @property
    def ratios(self) -> list[float]:
        """Ours over theirs, round by round: both were measured right after one another."""
        return [ours["seconds"] / theirs["seconds"] for ours, theirs in self.rounds]


def agree(values: list[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return not known or max(known) - min(known) <= AGREEMENT * max(map(abs, known))


def table(rows: list[Row], titles: list[str]) -> list[list[str]]:
    """A line of cells for every row, after a line of headings; with two lanes also the ratio and its range."""
    compared = ["ratio", "range"] if len(titles) == 2 else []
    return [["case", "what", *titles, *compared], *(cells(row, len(titles)) for row in rows)]


def cells(row: Row, lanes: int) -> list[str]:
    shown = [row.name, row.title, *(figure_or_failure(row, lane) for lane in range(lanes))]
    if lanes == 2:
        shown += (
            ["", ""] if row.failure else [f"{median(row.ratios):.2f}", f"{min(row.ratios):.2f}-{max(row.ratios):.2f}"]
        )
    return shown


def figure_or_failure(row: Row, lane: int) -> str:
    failed = any("error" in answers[lane] for answers in row.rounds)
    return "failed" if failed else human(row.name, row.figure(lane))


def human(name: str, figure: float) -> str:
    if "bytes" in name:
        return f"{figure / 1e6:.3g} MB"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if figure >= size:
            return f"{figure / size:.3g} {unit}"
    return f"{figure * 1e9:.0f} ns"


def as_text(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def as_markdown(lines: list[list[str]]) -> str:
    header, *body = lines
    rule = [":--", ":--", *["--:"] * (len(header) - 2)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, rule, *body])


def conditions(threads: int, rounds: int, abouts: dict[str, dict[str, str]]) -> str:
    """On what machine, with what versions and how often."""
    versions = [f"{title} {about['version']}" for title, about in abouts.items()]
    numpy = next(iter(abouts.values()))["numpy"]
    times = "once" if rounds == 1 else f"median of {rounds} rounds"
    return (
        f"{processor()}, {os.cpu_count()} cores, {threads} thread{'s' * (threads > 1)}; Python {platform.python_version()}, "
        f"numpy {numpy}, {', '.join(versions)}; {times}"
    )


def processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(": ")[2] if names else platform.processor() or platform.machine()


def verdicts(rows: list[Row], bounds: dict[str, dict[str, float]], compared: bool) -> list[str]:
    """A sentence for every bound that does not hold; a row that was not measured breaks its bounds too."""
    by_name = {row.name: row for row in rows}
    broken = [f"{row.name}: {row.failure}" for row in rows if row.failure]
    for kind, limits in bounds.items():
        for name in limits.keys() & by_name.keys():
            row = by_name[name]
            if row.failure or (kind == "ratio" and not compared):
                continue
            figure = median(row.ratios) if kind == "ratio" else row.figure(0)
            if figure > limits[name]:
                broken.append(f"{name}: {kind} {figure:.3g} is above its bound {limits[name]:g}")
    return broken
