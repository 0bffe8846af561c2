"""Marks and ranges that NVIDIA's profilers show."""

import contextlib
import threading

from plugrad.core.device import space
from plugrad.cuda import why_unavailable
from plugrad.cuda.devices import asked, unavailable

__all__ = ["mark", "range", "range_pop", "range_push"]

_open = threading.local()


def _told(name):
    if why_unavailable() is not None:
        raise unavailable("NVTX functions not installed. Are you sure you have a CUDA build?")
    return asked(space("cuda"), name)


def range_push(msg):
    """Start a range and return how many are open around it in this thread.

    Raises:
        RuntimeError: no cuda device can be used; the text says why.
    """
    _told("range_push")(msg)
    depth = getattr(_open, "depth", 0)
    _open.depth = depth + 1
    return depth


def range_pop():
    """End the innermost range and return how many were open around it in this thread; below zero if none was open.

    Raises:
        RuntimeError: no cuda device can be used; the text says why.
    """
    _told("range_pop")()
    depth = getattr(_open, "depth", 0) - 1
    _open.depth = max(depth, 0)
    return depth


def mark(msg):
    """Mark a moment.

    Raises:
        RuntimeError: no cuda device can be used; the text says why.
    """
    _told("mark")(msg)


@contextlib.contextmanager
def range(msg, *args, **kwargs):
    """A block or a function that is a range; ``msg.format(*args, **kwargs)`` is its text.

    Raises:
        RuntimeError: no cuda device can be used; the text says why.
    """
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
