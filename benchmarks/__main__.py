"""Times the same programs on plugrad and on torch, in turns, and prints the ratios.

    python -m benchmarks                          # all, against torch where that is installed
    python -m benchmarks --only 'conv*' --rounds 3
    python -m benchmarks --against ../before      # this checkout against another one, or an installation's folder
    python -m benchmarks --check                  # also compare with bounds.toml; status 1 if one is broken

In every round each library has a fresh process; a case runs in the one, then in the other, the first of the two
changing from round to round. A ratio is ours over theirs from the same round: below 1, plugrad is faster.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import tomllib
from contextlib import ExitStack
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from .cases import CASES
from .footprint import FOOTPRINTS
from .lanes import ROOT, Lane, Worker, importable
from .report import Row, as_markdown, as_text, conditions, table, verdicts

BOUNDS = Path(__file__).with_name("bounds.toml")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="PATTERN", default="*", help="cases whose name matches, as in the shell")
    parser.add_argument("--rounds", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="for BLAS and torch (default: all cores)")
    parser.add_argument("--against", type=Path, metavar="PATH", help="another plugrad in place of torch")
    parser.add_argument("--markdown", action="store_true", help="print the table as docs/performance.md has it")
    parser.add_argument("--check", type=Path, nargs="?", const=BOUNDS, metavar="BOUNDS", help="(default: bounds.toml)")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and stop")
    return parser.parse_args(arguments)


def usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_lanes(against: Path | None, scratch: Path) -> list[Lane]:
    """This checkout, and whom it is compared with: another plugrad, torch where it is installed, or nobody."""
    lanes = [Lane("plugrad", "plugrad", importable(ROOT, scratch / "here"))]
    if against:
        lanes.append(Lane(f"plugrad in {against}", "plugrad", importable(against, scratch / "there")))
    elif importlib.util.find_spec("torch"):
        lanes.append(Lane("torch", "torch"))
    return lanes


def chosen(table: dict, pattern: str) -> list[Row]:
    return [Row(name, entry.__doc__) for name, entry in table.items() if fnmatch(name, pattern)]


def time_rounds(rows: list[Row], lanes: list[Lane], rounds: int, threads: int) -> dict[str, dict[str, str]]:
    """Fills the rows; gives what the workers said about themselves."""
    abouts = {}
    for number in range(rounds):
        with ExitStack() as stack:
            workers = [stack.enter_context(Worker(lane, threads)) for lane in lanes]
            abouts = {lane.title: worker.about for lane, worker in zip(lanes, workers, strict=True)}
            for row in rows:
                tell(f"round {number + 1} of {rounds}: {row.name}")
                row.rounds.append(in_turns([partial(worker.run, row.name) for worker in workers], number))
    return abouts


def measure_footprints(rows: list[Row], lanes: list[Lane], rounds: int, threads: int) -> None:
    for number in range(rounds):
        for row in rows:
            tell(f"round {number + 1} of {rounds}: {row.name}")
            row.rounds.append(in_turns([partial(lane.footprint, row.name, threads) for lane in lanes], number))


def in_turns(runs: list[partial[dict]], number: int) -> list[dict]:
    """The answers of all lanes; which of them goes first changes with the number of the round."""
    order = list(range(len(runs)))
    if number % 2:
        order.reverse()
    answers = {i: runs[i]() for i in order}
    return [answers[i] for i in range(len(runs))]


def tell(what: str) -> None:
    """A line on the terminal that the next one overwrites."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    timed, measured = chosen(CASES, options.only), chosen(FOOTPRINTS, options.only)
    if options.list:
        print(as_text([[row.name, row.title] for row in timed + measured]))
        return 0
    if not timed + measured:
        raise SystemExit(f"no case is called {options.only!r}; --list shows them all")
    with tempfile.TemporaryDirectory() as scratch:
        lanes = choose_lanes(options.against, Path(scratch))
        abouts = time_rounds(timed, lanes, options.rounds, options.threads)
        measure_footprints(measured, lanes, options.rounds, options.threads)
    tell("")
    rows, titles = timed + measured, [lane.title for lane in lanes]
    print((as_markdown if options.markdown else as_text)(table(rows, titles)))
    print(f"\n{conditions(options.threads, options.rounds, abouts)}")
    bounds = tomllib.loads(options.check.read_text()) if options.check else {}
    broken = verdicts(rows, bounds, compared=titles[1:] == ["torch"])
    for sentence in broken:
        print(sentence, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
