"""Where sliding windows lie: counts and index ranges, from sizes alone.

An axis of size S is cut into windows of ``kernel`` taps that lie ``dilation`` apart; window o starts at o · stride - padding.
Positions outside [0, S) are padding.
"""

from functools import lru_cache

__all__ = ["AxisTaps", "axis_taps", "pooled_count", "window_count"]


def window_count(size, kernel, stride, padding, dilation):
    """How many windows fit: ⌊(S + 2 · padding - dilation · (kernel - 1) - 1) / stride⌋ + 1."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def pooled_count(size, kernel, stride, padding, dilation, ceil_mode):
    """As :func:`window_count`; with ``ceil_mode`` a last window that sticks out counts too, if it starts inside."""
    if not ceil_mode:
        return window_count(size, kernel, stride, padding, dilation)
    count = -((dilation * (kernel - 1) + 1 - size - 2 * padding) // stride) + 1
    starts_outside = (count - 1) * stride >= size + padding
    return count - 1 if starts_outside else count


class AxisTaps:
    """The windows ``first`` to ``last`` of one axis.

    Attributes:
        count: how many windows.
        low, high: the positions that they touch.
        size: high - low.
        taps: per tap two slices: the windows in which it lies inside the axis, counted from ``first``, and where it lies
            in them, counted from ``low``.
        whole: every tap lies inside in every window: there is no padding.
        trivial: one tap that meets every position in order.
    """

    __slots__ = ("count", "high", "low", "size", "taps", "trivial", "whole")

    def __init__(self, size, kernel, stride, padding, dilation, first, last):
        self.count = last - first
        offsets = [tap * dilation - padding for tap in range(kernel)]
        self.low = min(size, max(0, first * stride + offsets[0]))
        self.high = max(self.low, min(size, (last - 1) * stride + offsets[-1] + 1))
        self.size = self.high - self.low
        self.taps = tuple(self._tap(size, stride, offset, first, last) for offset in offsets)
        self.whole = all(windows.stop - windows.start == self.count for windows, _ in self.taps)
        self.trivial = kernel == 1 and stride == 1 and self.whole

    def _tap(self, size, stride, offset, first, last):
        first_inside = max(first, -(offset // stride))
        last_inside = min(last, (size - 1 - offset) // stride + 1)
        if last_inside <= first_inside:
            return slice(0, 0), slice(0, 0)
        start = first_inside * stride + offset - self.low
        stop = (last_inside - 1) * stride + offset - self.low + 1
        return slice(first_inside - first, last_inside - first), slice(start, stop, stride)


@lru_cache(maxsize=4096)
def axis_taps(size, kernel, stride, padding, dilation, first, last):
    """The :class:`AxisTaps` of these numbers; made once."""
    return AxisTaps(size, kernel, stride, padding, dilation, first, last)
