"""Modes that see every op before it runs: selective checkpoints, the log of a checkpoint's ops, the profiler.

As long as no mode is on, the ops run their own text and this costs nothing.
"""

import threading
import types
from contextvars import ContextVar

MODES: ContextVar[tuple] = ContextVar("plugrad_op_modes", default=())


class Interceptors:
    """How many modes are on in the process."""

    count = 0
    lock = threading.Lock()


class OpMode:
    """A block in which ``op(row, plain, inputs, statics)`` is called in place of each op.

    It returns what the op shall return; :func:`proceed` runs the op, under the modes around this one.
    """

    def __enter__(self):
        MODES.set((*MODES.get(), self))
        count_interceptors(+1)
        return self

    def __exit__(self, *exception):
        count_interceptors(-1)
        MODES.set(MODES.get()[:-1])


def count_interceptors(change):
    from .compile import use_texts

    with Interceptors.lock:
        Interceptors.count += change
        use_texts("intercepted", Interceptors.count > 0)


def proceed(row, plain, inputs, statics):
    """Give an op to the innermost mode, or run it where there is none."""
    modes = MODES.get()
    if not modes:
        return plain(*inputs, *statics)
    MODES.set(modes[:-1])
    try:
        return modes[-1].op(row, plain, inputs, statics)
    finally:
        MODES.set(modes)


def intercepting_text(row, function, plain_code, extras, first=proceed):
    """The text of an op that gives itself to ``first``: by default the modes, else autocast's cast of its arguments.

    The function that then runs the op is put into the op's globals.
    """
    names = function.__globals__
    plain = types.FunctionType(plain_code, names, function.__name__)
    plain.__kwdefaults__ = function.__kwdefaults__
    name = "_".join(("PLAIN", *extras))
    names[name] = plain
    names[first.__name__] = first
    arguments = plain_code.co_varnames[: plain_code.co_argcount]
    listed = ", ".join(arguments)
    tensors, statics = (
        "".join(f"{a}, " for a in part) for part in (arguments[: len(row.tensors)], arguments[len(row.tensors) :])
    )
    lines = [f"def {function.__name__}({listed}{', *, out=None' if plain_code.co_kwonlyargcount else ''}):"]
    if plain_code.co_kwonlyargcount:
        lines += ["    if out is not None:", f"        return {name}({listed}, out=out)"]
    lines.append(f"    return {first.__name__}(ROW, {name}, ({tensors}), ({statics}))")
    return "\n".join(lines) + "\n"


__all__ = ["MODES", "OpMode", "intercepting_text", "proceed"]
