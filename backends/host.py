"""What a backend lacks: an error that names the ways out, or, where the user asked for it, numpy on the host.

The base class has a :func:`lacking` in place of each function that no other functions make up. It runs only when it is
called, so a backend that has the function, and a program that does not ask for the host, pay nothing.
"""

import threading
from collections import Counter
from typing import ClassVar

__all__ = ["Lacking", "counts", "host_fallback", "lacking"]

#: These write into their first argument.
IN_PLACE = {"add_at"}


class State:
    """Whether lacking functions go over the host, and how often each did."""

    on = False
    counts: ClassVar[Counter] = Counter()  # (backend, function) → calls
    lock = threading.Lock()


class Lacking(NotImplementedError):
    """A function that a backend has neither itself nor by composition."""


class host_fallback:
    """Let functions that a backend lacks run through numpy on the host; off by default.

    Each call copies its arguments to the host and its result back, and is counted: the counts are in
    ``plugrad.backends.ledger(device)`` and, for a block, in what the block gives. A backend that lacks some of the required
    functions of arrays can be used while this is on.

    Args:
        enabled: whether. A call switches it for the program, a with-block for itself.

    Example:
        >>> import plugrad
        >>> with plugrad.backends.host_fallback() as used:
        ...     _ = plugrad.ones(3).exp()  # numpy lacks nothing
        >>> used.counts
        Counter()
    """

    def __init__(self, enabled=True):
        self._before, self._start = State.on, Counter(State.counts)
        self.enabled = State.on = bool(enabled)
        if enabled:
            from .registry import retry_lacking

            retry_lacking()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        State.on = self._before

    @property
    def counts(self):
        """``{(backend, function): calls}`` over the host since this was made."""
        return State.counts - self._start

    def __repr__(self):
        return f"host_fallback({self.enabled})"


def counts(backend):
    """How often each function of a backend went over the host."""
    return {name: n for (owner, name), n in sorted(State.counts.items()) if owner == backend}


def lacking(name, advice="write it with functions that the backend has, or move the tensor to the cpu"):
    """What stands in a namespace class for a function that it lacks."""

    def stub(self, *arguments):
        return instead(self, name, advice)(*arguments)

    stub.__name__ = stub.__qualname__ = name
    stub.__doc__ = f"{name}(): a backend must bring it, there is no composition."
    stub.is_lacking = True
    return stub


def instead(xp, name, advice):
    """The function that stands in for ``xp.name``: numpy's on the host, if the user asked for that.

    Raises:
        Lacking: the host was not asked for.
    """
    if not State.on or not hasattr(xp, "array_type"):
        raise Lacking(
            f"{name}: backend {xp.name!r} has no such function and no composition of it. Ways out: give its namespace class a "
            f"method {name!r}, or install a version that has one (docs/backends.md); {advice}; or let numpy compute it on the host, "
            "counted: plugrad.backends.host_fallback(True)"
        )
    return lambda *arguments, **options: over_host(xp, name, arguments, options)


def over_host(xp, name, arguments, options):
    """``name`` by the numpy backend, on copies of the arguments; a result on the device."""
    from .registry import namespace

    host = namespace("numpy")
    function = host
    for part in name.split("."):
        function = getattr(function, part)
    with State.lock:
        State.counts[xp.name, name] += 1
    given = [down(xp, host, a) for a in arguments]
    result = up(xp, host, function(*given, **{k: down(xp, host, v) for k, v in options.items()}))
    if name not in IN_PLACE:
        return result
    xp.assign(arguments[0], xp.from_host(given[0]))
    return None


def down(xp, host, value):
    if isinstance(value, xp.array_type):
        return host.copy(xp.to_host(value))
    if isinstance(value, (tuple, list)):
        return type(value)(down(xp, host, v) for v in value)
    if value.__hash__ is not None and not isinstance(value, slice) and value in xp.dtype_names:
        return getattr(host, xp.dtype_names[value])
    return value


def up(xp, host, value):
    if isinstance(value, tuple):
        return tuple(up(xp, host, v) for v in value)
    return xp.from_host(host.wrap(value)) if hasattr(value, "dtype") else value
