"""Tables of resampling along one axis: which elements each output takes and how it weighs them, rounded as torch does."""

from functools import lru_cache

import numpy as np

__all__ = ["AxisTable", "axis_table"]


class AxisTable:
    """One axis resampled: output o is Σ_t weights[o, t] · x[index[o, t]].

    Attributes:
        size, count: the lengths of the axis before and after.
        index: int64 (count, taps), on the host.
        weights: float64 (count, taps), or integers that are to be divided by 2^shift; None: one tap of weight 1.
        shift: None where weights are no integers.
        unchanged: the axis stays as it is.
    """

    def __init__(self, size, index, weights=None, shift=None):
        self.size = size
        self.count, self.taps = index.shape
        self.index = index
        self.weights = weights
        self.shift = shift
        alone = self.count == size and (index[:, 0] == np.arange(size)).all()
        self.unchanged = bool(alone and (weights is None or ((weights[:, 0] == 1).all() and not weights[:, 1:].any())))
        self._placed = {}

    def __repr__(self):
        return f"<{self.size} to {self.count} by {self.taps} taps>"

    def on(self, xp, dtype):
        """(index, flat; weights or None) as arrays of a namespace, made once for each."""
        key = xp.name, xp.device_type, xp.index, dtype
        if key not in self._placed:
            index = xp.from_host(self.index.reshape(-1))
            weights = None if self.weights is None else xp.astype(xp.from_host(self.weights), dtype)
            self._placed[key] = index, weights
        return self._placed[key]


@lru_cache(maxsize=512)
def axis_table(kind, size, count, scale, align_corners, precision):
    """The :class:`AxisTable` of a kind: nearest, nearest-exact, linear, cubic; linear, cubic, lanczos with ``-antialias``.

    Args:
        scale: the factor that the user gave, None: count / size.
        align_corners: first and last elements keep their places.
        precision: float32 or float64, in which places are computed; uint8 for weights that are integers.
    """
    exact = precision == "float64" or (precision == "uint8" and not kind.startswith("nearest"))
    number = np.float64 if exact else np.float32
    by_passes = kind.endswith("-antialias") or (precision == "uint8" and exact)
    if by_passes and size == count:  # torch leaves out such a pass, whatever the scale
        return AxisTable(size, np.arange(size).reshape(size, 1))
    step = _step(size, count, scale, align_corners, number)
    if kind.endswith("-antialias"):
        index, weights = _antialiased(kind, size, count, step)
    else:
        index, weights = PLAIN[kind](size, count, step, align_corners)
    if precision == "uint8" and weights is not None:
        return AxisTable(size, *_whole(size, *_merged(size, index, weights)))
    return AxisTable(size, index, None if weights is None else weights.astype(np.float64))


def _step(size, count, scale, align_corners, number):
    """How far neighbouring outputs are apart in the input."""
    if align_corners:
        return number(size - 1) / number(count - 1) if count > 1 else number(0)
    if scale is not None and scale > 0:
        return number(1.0 / scale)
    return number(size) / number(count)


def _centres(count, step, align_corners):
    places = np.arange(count).astype(type(step))
    half = type(step)(0.5)
    return places * step if align_corners else (places + half) * step - half


def _nearest(size, count, step, align_corners):
    at = np.floor((np.arange(count).astype(type(step)) * step).astype(np.float32))
    return np.minimum(at.astype(np.int64), size - 1).reshape(count, 1), None


def _nearest_exact(size, count, step, align_corners):
    at = np.maximum(_centres(count, step, False), 0) + type(step)(0.5)
    return np.minimum(np.floor(at.astype(np.float32)).astype(np.int64), size - 1).reshape(count, 1), None


def _guarded(place, size):
    """(the element before a place, how far the place is behind it)."""
    before = np.minimum(np.floor(place).astype(np.int64), size - 1)
    return before, np.clip(place - before.astype(place.dtype), 0, 1).astype(place.dtype)


def _linear(size, count, step, align_corners):
    if size == count:
        before, part = np.arange(size), np.zeros(size)
    else:
        before, part = _guarded(np.maximum(_centres(count, step, align_corners), 0), size)
    after = np.minimum(before + 1, size - 1)
    return np.stack([before, after], 1), np.stack([1 - part, part], 1)


def _cubic(size, count, step, align_corners):
    before, part = _guarded(_centres(count, step, align_corners), size)
    index = np.clip(before[:, None] + np.arange(-1, 3), 0, size - 1)
    a, rest = part.dtype.type(-0.75), 1 - part
    weights = (_cubic_far(part + 1, a), _cubic_near(part, a), _cubic_near(rest, a), _cubic_far(rest + 1, a))
    return index, np.stack(weights, 1)


PLAIN = {"nearest": _nearest, "nearest-exact": _nearest_exact, "linear": _linear, "cubic": _cubic}


def _cubic_near(x, a):
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _cubic_far(x, a):
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


# --- antialiasing: the filter is as wide as an output is in the input ---
def _triangle(x):
    return np.maximum(1 - np.abs(x), 0)


def _keys(x):
    x = np.abs(x)
    a = x.dtype.type(-0.5)
    return np.where(x < 1, _cubic_near(x, a), np.where(x < 2, _cubic_far(x, a), 0))


def _lanczos(x):
    return np.where((x >= -3) & (x < 3), np.sinc(x) * np.sinc(x / 3), 0)


FILTERS = {"linear-antialias": (2, _triangle), "cubic-antialias": (4, _keys), "lanczos-antialias": (6, _lanczos)}


def _antialiased(kind, size, count, step):
    number = type(step)
    taps, function = FILTERS[kind]
    half, one = number(0.5), number(1)
    reach = number(taps) * half * max(step, one)
    width = int(np.ceil(reach)) * 2 + 1
    centre = step * (np.arange(count).astype(number) + half)
    first = np.maximum(np.trunc(centre - reach + half).astype(np.int64), 0)
    last = np.minimum(np.trunc(centre + reach + half).astype(np.int64), size)
    found = np.clip(last - first, 0, width)
    offset = np.arange(width)
    place = (offset + first[:, None]).astype(number) - centre[:, None] + half
    weights = np.where(offset < found[:, None], function(place * (one / max(step, one))), 0).astype(number)
    total = weights.sum(1, keepdims=True)
    weights = np.divide(weights, total, out=weights, where=total != 0)
    used = max(int(found.max(initial=1)), 1)
    # What lies behind the last tap weighs nothing; it stands for the first one.
    index = np.where(offset < found[:, None], offset + first[:, None], np.minimum(first, size - 1)[:, None])
    return index[:, :used], weights[:, :used]


# --- images of bytes: weights of 16 bits ---
def _merged(size, index, weights):
    """Taps that meet one element as one tap."""
    low = index.min(1)
    merged = np.zeros_like(weights)
    np.add.at(merged, (np.arange(len(index))[:, None], index - low[:, None]), weights)
    return np.minimum(low[:, None] + np.arange(index.shape[1]), size - 1), merged


def _whole(size, index, weights):
    largest = weights.max()
    shift = 0
    while shift < 22 and int(0.5 + largest * (1 << (shift + 1))) < 1 << 15:
        shift += 1
    scaled = weights * (1 << shift)
    return index, np.trunc(scaled + np.copysign(0.5, scaled)).astype(np.int64), shift
