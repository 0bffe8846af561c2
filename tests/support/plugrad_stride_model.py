"""Views as sizes, strides and an offset into a list of places: what a chain of views must give, without any array library.

Each step is a function of a :class:`Layout` and two whole numbers that choose its arguments; it gives what to call on a
tensor and the layout after it, or None where the step has no meaning.
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np


def row_major(shape):
    """The strides of elements side by side."""
    return tuple(math.prod(max(n, 1) for n in shape[i + 1 :]) for i in range(len(shape)))


@dataclass(frozen=True)
class Layout:
    """A tensor's sizes, strides and offset; ``memory`` holds the place in the first tensor of each element of its block.

    Attributes:
        copies: how many copies were made before: layouts with the same number share memory.
    """

    memory: np.ndarray
    shape: tuple
    strides: tuple
    offset: int = 0
    copies: int = 0

    @property
    def places(self):
        """For each element its place in the first tensor, flattened."""
        at = np.full(self.shape, self.offset)
        for axis, (n, step) in enumerate(zip(self.shape, self.strides, strict=True)):
            at = at + (np.arange(n) * step).reshape((n,) + (1,) * (len(self.shape) - axis - 1))
        return self.memory[at]

    @property
    def is_dense(self):
        """Whether the elements lie in row-major order without gaps."""
        return 0 in self.shape or all(
            n == 1 or step == want
            for n, step, want in zip(self.shape, self.strides, row_major(self.shape), strict=True)
        )

    def copied(self, places, strides=None):
        """The layout of a copy with these places of the first tensor."""
        strides = row_major(places.shape) if strides is None else strides
        new = Layout(np.empty(places.size, int), places.shape, tuple(strides), 0, self.copies + 1)
        at = replace(new, memory=np.arange(places.size)).places
        if np.unique(at).size != places.size:
            raise AssertionError(f"a copy of shape {places.shape} with strides {strides}: elements share a place")
        new.memory[at] = places
        return new

    def viewed(self, shape):
        """The layout in another shape on the same memory; None where there is none."""
        if 0 in self.shape:
            return replace(self, shape=shape, strides=row_major(shape))
        chunks = []  # (elements, stride) of what can be taken as one dimension
        for n, step in zip(self.shape, self.strides, strict=True):
            if n == 1:
                continue
            if chunks and chunks[-1][1] == step * n:
                chunks[-1] = (chunks[-1][0] * n, step)
            else:
                chunks.append((n, step))
        strides, left, step = [], 1, 1
        for n in reversed(shape):
            if left == 1 and n != 1:
                left, step = chunks.pop()
            if left % n:
                return None
            strides.append(step)
            left, step = left // n, step * n
        return replace(self, shape=shape, strides=tuple(reversed(strides)))


# --- steps: layout, a, b → (call, layout) or None ---
def permute(have, a, b):
    rank = len(have.shape)
    order = next(itertools.islice(itertools.permutations(range(rank)), a % math.factorial(rank), None))
    return lambda t: t.permute(order), picked(have, order)


def picked(have, order):
    return replace(have, shape=tuple(have.shape[i] for i in order), strides=tuple(have.strides[i] for i in order))


def transpose(have, a, b):
    rank = len(have.shape)
    if not rank:
        return None
    i, j = a % rank, b % rank
    order = list(range(rank))
    order[i], order[j] = j, i
    return lambda t: t.transpose(i - rank, j), picked(have, order)


def movedim(have, a, b):
    rank = len(have.shape)
    if not rank:
        return None
    i, j = a % rank, b % rank
    order = [k for k in range(rank) if k != i]
    order.insert(j, i)
    return lambda t: t.movedim(i, j), picked(have, order)


def matrix_transpose(have, a, b):
    rank = len(have.shape)
    return (lambda t: t.mT, picked(have, [*range(rank - 2), rank - 1, rank - 2])) if rank > 1 else None


def squeeze(have, a, b):
    if not have.shape or a % 3 == 0:
        return lambda t: t.squeeze(), picked(have, [i for i, n in enumerate(have.shape) if n != 1])
    axis = b % len(have.shape)
    kept = [i for i, n in enumerate(have.shape) if i != axis or n != 1]
    return lambda t: t.squeeze(axis), picked(have, kept)


def unsqueeze(have, a, b):
    axis = a % (len(have.shape) + 1)
    if len(have.shape) > 4:
        return None
    return lambda t: t.unsqueeze(axis), inserted(have, axis, 1, 1)


def inserted(have, axis, n, step):
    return replace(
        have,
        shape=(*have.shape[:axis], n, *have.shape[axis:]),
        strides=(*have.strides[:axis], step, *have.strides[axis:]),
    )


def changed(have, axis, n, step, shift):
    """One dimension with other sizes."""
    return replace(
        have,
        shape=(*have.shape[:axis], n, *have.shape[axis + 1 :]),
        strides=(*have.strides[:axis], step, *have.strides[axis + 1 :]),
        offset=have.offset + shift,
    )


def dropped(have, axis, at):
    shape, strides = list(have.shape), list(have.strides)
    del shape[axis]
    step = strides.pop(axis)
    return replace(have, shape=tuple(shape), strides=tuple(strides), offset=have.offset + at * step)


def narrow(have, a, b):
    if not have.shape:
        return None
    axis = a % len(have.shape)
    n = have.shape[axis]
    start = b % (n + 1)
    length = (a + b) % (n - start + 1)
    return (
        lambda t: t.narrow(axis, start, length),
        changed(have, axis, length, have.strides[axis], start * have.strides[axis]),
    )


def stepped(have, a, b):
    """x[..., start::step, :, ...]"""
    if not have.shape:
        return None
    axis, step = a % len(have.shape), 1 + b % 3
    n = have.shape[axis]
    start = min(b % 2, n)
    length = len(range(start, n, step))
    key = (slice(None),) * axis + (slice(start, None, step),)
    return lambda t: t[key], changed(have, axis, length, have.strides[axis] * step, start * have.strides[axis])


def select(have, a, b):
    if not have.shape or not have.shape[a % len(have.shape)]:
        return None
    axis = a % len(have.shape)
    at = b % have.shape[axis]
    if b % 2:
        return lambda t: t.select(axis, at - have.shape[axis]), dropped(have, axis, at)
    return lambda t: t[(slice(None),) * axis + (at,)], dropped(have, axis, at)


def unbind(have, a, b):
    if not have.shape or not have.shape[a % len(have.shape)]:
        return None
    axis = a % len(have.shape)
    at = b % have.shape[axis]
    return lambda t: t.unbind(axis)[at], dropped(have, axis, at)


def split(have, a, b):
    if not have.shape or not have.shape[a % len(have.shape)]:
        return None
    axis, size = a % len(have.shape), 1 + b % 2
    n, at = have.shape[axis], 0
    if n > size:
        at = size
    length = min(size, n - at)
    return (
        lambda t: t.split(size, axis)[1 if n > size else 0],
        changed(have, axis, length, have.strides[axis], at * have.strides[axis]),
    )


def diagonal(have, a, b):
    rank = len(have.shape)
    if rank < 2:
        return None
    first, second = a % rank, b % rank
    if first == second:
        second = (first + 1) % rank
    shift = (a + b) % 3 - 1
    n, m = have.shape[first], have.shape[second]
    size = max(min(n - max(-shift, 0), m - max(shift, 0)), 0)
    start = max(-shift, 0) * have.strides[first] + max(shift, 0) * have.strides[second] if size else 0
    kept = picked(have, [i for i in range(rank) if i not in (first, second)])
    step = have.strides[first] + have.strides[second]
    made = inserted(replace(kept, offset=have.offset + start), rank - 2, size, step)
    return lambda t: t.diagonal(shift, first, second), made


def expand(have, a, b):
    shape, strides = list(have.shape), list(have.strides)
    for i, n in enumerate(shape):
        if n == 1 and (a >> i) % 2:
            shape[i], strides[i] = 2, 0
    if b % 3 == 0 and len(shape) < 4:
        shape, strides = [2, *shape], [0, *strides]
    if math.prod(shape) > 300:
        return None
    return lambda t: t.expand(shape), replace(have, shape=tuple(shape), strides=tuple(strides))


def targets(shape):
    """Other shapes with as many elements."""
    found = [(math.prod(shape),)]
    found += [(*shape[:i], shape[i] * shape[i + 1], *shape[i + 2 :]) for i in range(len(shape) - 1)]
    found += [
        (*shape[:i], n // d, d, *shape[i + 1 :]) for i, n in enumerate(shape) for d in (2, 3, 1) if n and n % d == 0
    ]
    found += [tuple(sorted(shape)), (*shape, 1), tuple(n for n in shape if n != 1)]
    return [f for f in found if len(f) < 6]


def reshape(have, a, b):
    shapes = targets(have.shape)
    shape = shapes[a % len(shapes)]
    made = have.viewed(shape) or have.copied(have.places.reshape(shape))
    return lambda t: t.reshape(shape), made


def view(have, a, b):
    """The layout is None where the memory does not allow the view."""
    shapes = targets(have.shape)
    shape = shapes[a % len(shapes)]
    return lambda t: t.view(shape), have.viewed(shape)


def flatten(have, a, b):
    rank = len(have.shape)
    if rank < 2:
        return None
    first, last = sorted((a % rank, b % rank))
    if first == last:
        return lambda t: t.flatten(first, last), have
    shape = (*have.shape[:first], math.prod(have.shape[first : last + 1]), *have.shape[last + 1 :])
    return lambda t: t.flatten(first, last), have.viewed(shape) or have.copied(have.places.reshape(shape))


def flip(have, a, b):
    dims = tuple(i for i in range(len(have.shape)) if (a >> i) % 2)
    return lambda t: t.flip(dims), have.copied(np.flip(have.places, dims))


def roll(have, a, b):
    if not have.shape:
        return None
    axis = b % len(have.shape)
    return lambda t: t.roll(a, axis), have.copied(np.roll(have.places, a, axis))


def clone(have, a, b):
    return lambda t: t.clone(), have.copied(have.places)


def contiguous(have, a, b):
    return lambda t: t.contiguous(), have if have.is_dense else have.copied(have.places)


STEPS = {
    f.__name__: f
    for f in (
        permute, transpose, movedim, matrix_transpose, squeeze, unsqueeze, narrow, stepped, select, unbind, split, diagonal, expand,
        reshape, view, flatten, flip, roll, clone, contiguous,
    )
}  # fmt: skip
VIEWS = [
    "diagonal", "expand", "matrix_transpose", "movedim", "narrow", "permute", "select", "squeeze", "stepped", "transpose", "unsqueeze",
    "view",
]  # fmt: skip
