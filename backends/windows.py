"""Where sliding windows lie: sizes and index ranges of convolutions and poolings, from shapes alone.

One axis of size S is cut into windows of ``kernel`` taps that lie ``dilation`` apart; window o starts at o · stride - padding.
Positions outside [0, S) are padding.
"""

import itertools
import math
from functools import lru_cache

__all__ = ["Plan", "plan_of", "pooled_size", "valid_taps", "window_count"]


def window_count(size, kernel, stride, padding, dilation):
    """How many windows fit: ⌊(S + 2 · padding - dilation · (kernel - 1) - 1) / stride⌋ + 1."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def pooled_size(size, kernel, stride, padding, dilation, ceil_mode):
    """As :func:`window_count`; with ``ceil_mode`` a last window that sticks out counts, if it starts inside."""
    if not ceil_mode:
        return window_count(size, kernel, stride, padding, dilation)
    count = -((dilation * (kernel - 1) + 1 - size - 2 * padding) // stride) + 1
    starts_outside = (count - 1) * stride >= size + padding
    return count - 1 if starts_outside else count


@lru_cache(maxsize=1024)
def valid_taps(size, kernel, stride, padding, dilation, count):
    """For each tap the windows in which it lies inside, and where: pairs of slices (windows, positions)."""
    taps = []
    for tap in range(kernel):
        offset = tap * dilation - padding
        first = max(0, -(offset // stride))
        last = min(count, (size - 1 - offset) // stride + 1)
        start = first * stride + offset
        stop = (last - 1) * stride + offset + 1
        taps.append((slice(first, last), slice(start, stop, stride)) if last > first else (slice(0, 0), slice(0, 0)))
    return tuple(taps)


class Plan:
    """The geometry of one convolution over any number of spatial axes.

    The padded input is split by ``position % stride``, its phase: within one phase a tap's elements are neighbours, so
    columns are copied in long runs at every stride.

    Attributes:
        out: spatial sizes of the output.
        phase_size: spatial sizes of a phase.
        phases: per used phase the index of (its part of a phase array, its part of the input), spatial axes only.
        taps: per tap (number of its phase, index of its elements in it), in the order of the weight's elements.
        covered: every input position is in some phase; otherwise part of an input gradient is zero.
        padded: some position of a phase array is padding.
    """

    def __init__(self, size, kernel, stride, padding, dilation):
        axes = list(zip(size, kernel, stride, padding, dilation, strict=True))
        self.out = tuple(window_count(*axis) for axis in axes)
        if min(self.out) < 1:
            raise ValueError(f"a kernel of size {kernel} and dilation {dilation} does not fit into {size}")
        split = [_split(*axis, count) for axis, count in zip(axes, self.out, strict=True)]
        self.phase_size = tuple(length for length, _, _ in split)
        used = list(itertools.product(*(sorted(parts) for _, parts, _ in split)))
        number = {phase: i for i, phase in enumerate(used)}
        parts = [tuple(parts[r] for r, (_, parts, _) in zip(phase, split, strict=True)) for phase in used]
        self.phases = tuple((tuple(to for to, _ in part), tuple(at for _, at in part)) for part in parts)
        self.taps = tuple(
            (number[tuple(r for r, _ in tap)], tuple(slice(q, q + n) for (_, q), n in zip(tap, self.out, strict=True)))
            for tap in itertools.product(*(taps for _, _, taps in split))
        )
        self.covered = all(_count(at for _, at in parts.values()) == axis[0] for axis, (_, parts, _) in zip(axes, split, strict=True))
        self.padded = any(_length(to) < length for length, parts, _ in split for to, _ in parts.values())
        self.positions = math.prod(self.out)


def _split(size, kernel, stride, padding, dilation, count):
    """One axis: (length of a phase, {phase: (slice of it, slice of the input)}, [(phase, place in it) per tap])."""
    taps = [(tap * dilation % stride, tap * dilation // stride) for tap in range(kernel)]
    length = max(q for _, q in taps) + count
    parts = {}
    for r in {r for r, _ in taps}:
        first = max(0, -((r - padding) // stride))
        start = r + first * stride - padding
        n = max(0, min(length - first, -((start - size) // stride)))
        parts[r] = (slice(first, first + n), slice(start, start + n * stride, stride)) if n else (slice(0, 0), slice(0, 0))
    return length, parts, taps


def _length(part):
    return part.stop - part.start


def _count(slices):
    return sum((s.stop - s.start + (s.step or 1) - 1) // (s.step or 1) for s in slices)


@lru_cache(maxsize=1024)
def plan_of(size, kernel, stride, padding, dilation):
    """The :class:`Plan` of these sizes; made once."""
    return Plan(size, kernel, stride, padding, dilation)
