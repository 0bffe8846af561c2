"""Anomaly mode: backward raises where a NaN arises, and says which line of the forward pass an error comes from."""

import os
import warnings
from contextlib import contextmanager

from .recording import RUNNING, Anomaly, renew_lines, want_lines, watch

NOTICE = (
    "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging."
)


def is_anomaly_enabled():
    """Whether anomaly mode is on."""
    return Anomaly.enabled


def is_anomaly_check_nan_enabled():
    """Whether anomaly mode looks for NaN."""
    return Anomaly.check_nan


def switch(enabled, check_nan):
    if enabled != Anomaly.enabled:
        watch(+1 if enabled else -1)
    Anomaly.enabled, Anomaly.check_nan = enabled, check_nan
    renew_lines()


class set_detect_anomaly:
    """Set anomaly mode, as a plain call or for a block.

    Args:
        mode: on or off.
        check_nan: raise when a backward gives NaN.
    """

    def __init__(self, mode, check_nan=True):
        self._before = Anomaly.enabled, Anomaly.check_nan
        switch(bool(mode), check_nan)

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        switch(*self._before)


class detect_anomaly:
    """A block in anomaly mode. Slow: every op notes where it was called, every gradient is looked through.

    Args:
        check_nan: raise when a backward gives NaN.

    Raises (inside, in backward):
        RuntimeError: a node gave NaN; a warning shows the line that recorded it.

    Example:
        >>> import warnings
        >>> import plugrad
        >>> x = plugrad.zeros(1, requires_grad=True)
        >>> try:
        ...     with warnings.catch_warnings(action="ignore"), plugrad.autograd.detect_anomaly():
        ...         (x.sqrt() * 0).sum().backward()
        ... except RuntimeError as error:
        ...     print(error)
        Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan=True):
        self.check_nan = check_nan
        warnings.warn(NOTICE, UserWarning, stacklevel=2)

    def __enter__(self):
        self._before = Anomaly.enabled, Anomaly.check_nan
        switch(True, self.check_nan)

    def __exit__(self, *exception):
        switch(*self._before)


@contextmanager
def located(node):
    """A block around a node's backward: an error in it is preceded by a warning that says where the node was recorded."""
    outside = RUNNING.set(node)
    try:
        yield
    except Exception:
        warnings.warn(place_of(node), UserWarning, stacklevel=6)
        while (node := node.metadata.get("parent_")) is not None:
            warnings.warn(cause_of(node), UserWarning, stacklevel=6)
        raise
    finally:
        RUNNING.reset(outside)


def place_of(node):
    lines = node.metadata.get("traceback_")
    if lines is None:
        return (
            f"Error detected in {node.name()}. No forward pass information available. Enable detect anomaly during forward pass for "
            "more information."
        )
    return f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n{''.join(lines)}"


def cause_of(node):
    lines = node.metadata.get("traceback_")
    found = (
        "No forward pass information available."
        if lines is None
        else (f"Traceback of forward call that induced the previous calculation:\n{''.join(lines)}")
    )
    return f"\n\nPrevious calculation was induced by {node.name()}. {found}"


def check_nan(node, gradients, tensor_of):
    """Raise when a gradient that a node gave has a NaN."""
    for i, g in enumerate(gradients):
        if g is not None and bool(tensor_of(node.xp, g).isnan().any()):
            raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")


__all__ = ["detect_anomaly", "is_anomaly_check_nan_enabled", "is_anomaly_enabled", "set_detect_anomaly"]

if os.environ.get("PLUGRAD_LINES") == "1":
    want_lines(True)  # not in recording.py, which is imported before there are ops
