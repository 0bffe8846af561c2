"""What deterministic algorithms mean for a library whose threads write in any order.

Adding floats to places that repeat, and writing different values to one place, gives what the order of the threads gives.
While deterministic algorithms are asked for, both go by a stable sort of the places: sums along each run of equal places,
and of several values for one place the last. What has no such form says so in torch's words.
"""

import operator
import warnings

__all__ = ["Determinism", "add_in_order", "alert", "set_in_order", "written_twice"]

ADVICE = (
    "You can {}file an issue at https://github.com/pytorch/pytorch/issues to help us prioritize adding deterministic support "
    "for this operation."
)
OTHERWISE = (
    "You can turn off determinism just for this operation, or you can use the 'warn_only=True' option, if that's acceptable "
    "for your application. "
)


class Determinism:
    """What the program asked for: 0 nothing, 1 a warning where there is no deterministic algorithm, 2 an error there."""

    mode = 0


def alert(name):
    """Warn or raise, as asked for, that an operation has no deterministic algorithm.

    Raises:
        RuntimeError: an error was asked for.
    """
    lacking = (
        f"{name} does not have a deterministic implementation, but you set 'torch.use_deterministic_algorithms(True"
    )
    if Determinism.mode == 1:
        warnings.warn(f"{lacking}, warn_only=True)'. {ADVICE.format('')}", UserWarning, stacklevel=3)
    elif Determinism.mode:
        raise RuntimeError(f"{lacking})'. {OTHERWISE}{ADVICE.format('also ')}")


def written_twice(key, value):
    """Whether a key may name one place for several values: where it has arrays of numbers and the value is no single one."""
    if not getattr(value, "shape", ()):
        return False
    parts = key if isinstance(key, tuple) else (key,)
    return any(getattr(part, "shape", ()) and part.dtype.kind in "iu" for part in parts)


def add_in_order(xp, a, key, value):
    """``a[key] += value``, each place as often as the key names it; the same bits every time."""
    places, values, last = _by_place(xp, a, key, value)
    if places is None:
        return
    sums = xp.zeros((xp.count(a.shape, None) + 1,), a.dtype)
    _write_last(xp, sums, places, xp._by_group(xp.add, values, places), last)
    xp.assign(a, a + _shaped(xp, sums, a))


def set_in_order(xp, a, key, value):
    """``a[key] = value``; of several values for one place the last stays."""
    places, values, last = _by_place(xp, a, key, value)
    if places is None:
        return
    written = xp.concat([xp.reshape(a, (xp.count(a.shape, None),)), xp.zeros((1,), a.dtype)], 0)
    _write_last(xp, written, places, values, last)
    xp.assign(a, _shaped(xp, written, a))


def _by_place(xp, a, key, value):
    """(flat places, sorted; their values; where a run of equal places ends), or Nones where there is nothing to write."""
    total = xp.count(a.shape, None)
    places = xp.getitem(xp.reshape(xp.arange(0, total, 1, xp.int64), a.shape), key)
    count = xp.count(places.shape, None)
    if not count:
        return None, None, None
    values = xp.reshape(xp.broadcast_to(xp.astype(value, a.dtype), places.shape), (count,))
    places = xp.reshape(places, (count,))
    order = xp.argsort(places, 0)
    places, values = xp.getitem(places, (order,)), xp.getitem(values, (order,))
    ends = xp.part(places, 0, 1, count) != xp.part(places, 0, 0, count - 1)
    return places, values, xp.concat([ends, xp.full((1,), True, xp.bool)], 0)


def _write_last(xp, flat, places, values, last):
    """Write the last value of each run; the others go to the element behind the end."""
    behind = xp.full(places.shape, flat.shape[0] - 1, xp.int64)
    operator.setitem(flat, xp.where(last, places, behind), values)


def _shaped(xp, flat, a):
    return xp.reshape(xp.part(flat, 0, 0, flat.shape[0] - 1), a.shape)
