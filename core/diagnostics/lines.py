"""The line of the user's program that recorded a node: asked for by record_lines, read from what the node noted."""

import itertools
import linecache
import os
from typing import NamedTuple

from ..recording import Lines, want_lines

__all__ = ["Line", "at_line", "line_of", "line_of_place", "record_lines"]

HINT = "plugrad.autograd.graph.record_lines() before the forward pass shows the lines."


class record_lines:
    """Have every recorded op note its line, as a plain call or for a block.

    Errors in backward then say which line of the forward pass they belong to, and :func:`line_of`, ``draw`` and
    ``saved_memory`` show lines. A recorded op takes about 0.3 µs longer. Anomaly mode switches it on too, and so does
    the environment variable ``PLUGRAD_LINES=1``.

    Args:
        mode: on or off.

    Example:
        >>> import plugrad
        >>> x = plugrad.ones(2, requires_grad=True)
        >>> with plugrad.autograd.graph.record_lines():
        ...     y = x.exp()
        >>> plugrad.autograd.graph.line_of(y.grad_fn).text
        'y = x.exp()'
    """

    def __init__(self, mode=True):
        self._before = Lines.wanted
        want_lines(bool(mode))

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        want_lines(self._before)


class Line(NamedTuple):
    """A line of a program.

    Attributes:
        filename, lineno: where it is.
        name: of the function it is in.
        text: the line without its indentation, "" when the source is not at hand.
    """

    filename: str
    lineno: int
    name: str
    text: str

    def __str__(self):
        filename = self.filename.removeprefix(os.getcwd() + os.sep)
        where = "" if self.name == "<module>" else f", in {self.name}"
        return f"{filename}:{self.lineno}{where}" + (f": {self.text}" if self.text else "")


def line_of_place(code, offset):
    """The line of the instruction at ``offset`` of a code object."""
    positions = next(itertools.islice(code.co_positions(), offset // 2, None), (None,))
    lineno = positions[0] or code.co_firstlineno
    return Line(code.co_filename, lineno, code.co_name, linecache.getline(code.co_filename, lineno).strip())


def line_of(node):
    """Return the :class:`Line` that recorded a node, None when lines were not recorded then.

    Args:
        node: as ``grad_fn`` and ``next_functions`` give it.
    """
    code = getattr(node, "line_code", None)
    return None if code is None else line_of_place(code, node.line_offset)


def at_line(node):
    """`` at train.py:3: y = x.exp()``, or nothing."""
    line = line_of(node)
    return "" if line is None else f" at {line}"
