"""Arrays of any sizes and strides on given memory, and the writing through paths of views.

A geometry is ``(sizes, strides, offset)``, in elements. A library that has no views of any strides reads and writes by the
places of the elements instead; what it gives are copies.
"""

import math

from .host import lacking

#: Views that change between real and complex numbers.
TO_REAL = ("real", "imag", "view_as_real")
TO_COMPLEX = "view_as_complex"


def span(geometry):
    """How many elements of memory a geometry reaches over, from the start of the memory on."""
    size, stride, offset = geometry
    return offset + 1 + sum((n - 1) * step for n, step in zip(size, stride, strict=True)) if math.prod(size) else 0


def row_major(shape):
    """The geometry of an array without gaps."""
    steps, step = [], 1
    for n in reversed(shape):
        steps.append(step)
        step *= max(n, 1)
    return tuple(shape), tuple(reversed(steps)), 0


def overlaps(geometry):
    """Whether several elements may lie at one place."""
    size, stride, _ = geometry
    reach = 0
    for step, n in sorted((step, n) for step, n in zip(stride, size, strict=True) if n > 1):
        if step <= reach:
            return True
        reach += step * (n - 1)
    return False


def same_layout(one, other):
    """Whether two geometries differ in their offsets at most."""
    return one[0] == other[0] and all(n < 2 or a == b for n, a, b in zip(one[0], one[1], other[1], strict=True))


class Striding:
    """Mixed into :class:`plugrad.backends.Backend`."""

    has_strides = False  # as_strided() gives a view

    def geometry(self, a):
        """Where the elements of an array lie in its memory."""
        return row_major(a.shape)

    def storage_size(self, a):
        """How many elements the memory that an array lies on has room for."""
        return math.prod(a.shape)

    def as_strided(self, a, source, target):
        """The elements at ``target`` of the memory that ``a`` lies on at ``source``: a copy, 0 where ``a`` has none."""
        if overlaps(source) or not same_layout(source, row_major(a.shape)):
            return self.regather(a, source, target, source)
        places = self.memory_places(target, source[2])
        return self.reshape(self.take_along_axis(self.reshape(a, (math.prod(a.shape),)), places, 0), target[0])

    def memory_places(self, geometry, start):
        """The places of a geometry's elements, counted from ``start`` on, in a row."""
        size, stride, offset = geometry
        rank = max(len(size), 1)
        total = self.full((1,) * rank, offset - start, self.int64)
        for i, (n, step) in enumerate(zip(size, stride, strict=True)):
            ruler = self.arange(0, n, 1, self.int64) * step
            total = total + self.reshape(ruler, (n,) + (1,) * (rank - i - 1))
        return self.reshape(total, (math.prod(size),))

    def regather(self, x, source, target, counted):
        """The elements of ``x`` laid at the places of ``source``, where they add up, and read at those of ``target``.

        What lies at a place is divided by the number of elements of ``counted`` there. So the gradient of as_strided shares
        a place's gradient among the elements of an input that overlaps itself.
        """
        if not math.prod(target[0]) or not math.prod(source[0]):
            return self.zeros(target[0], x.dtype)
        start = min(source[2], target[2])
        length = max(span(source), span(target)) - start
        flat = self.reshape(x, (math.prod(source[0]),))
        memory = self.gather_backward(flat, self.memory_places(source, start), 0, (length,))
        if overlaps(counted):
            ones = self.ones((math.prod(counted[0]),), self.int64)
            times = self.gather_backward(ones, self.memory_places(counted, start), 0, (length,))
            memory = memory / self.astype(self.maximum(times, self.ones_like(times)), x.dtype)
        return self.reshape(self.take_along_axis(memory, self.memory_places(target, start), 0), target[0])

    # --- complex numbers as pairs ---
    def view_as_real(self, a):
        """A last axis of (real, imaginary)."""
        return self.stack([self.real(a), self.imag(a)], len(a.shape))

    def view_as_complex(self, a):
        """The pairs in the last axis as complex numbers."""
        return self.as_complex(self.slice(a, (..., 0)), self.slice(a, (..., 1)))

    # The bytes of the last axis read as another dtype: (a, dtype).
    view_dtype = lacking("view_dtype", "use .to(dtype) to convert")

    # --- paths of views ---
    def follow(self, a, path):
        for function, statics in path:
            a = getattr(self, function)(a, *statics)
        return a

    def part_of(self, g, path):
        """The gradient of what was written at a path; that of a complex base comes conjugated (core/gradients.py)."""
        turns = [function for function, _ in path if function in (*TO_REAL, TO_COMPLEX)]
        return self.follow(self.conj(g) if turns and turns[-1] in TO_REAL else g, path)

    def spread_of(self, g, path, shape):
        """The gradient of a base by that of its part, which comes conjugated where that is complex."""
        turns = [function for function, _ in path if function in (*TO_REAL, TO_COMPLEX)]
        return self.spread(self.conj(g) if turns and turns[0] == TO_COMPLEX else g, path, shape)

    def zero_at(self, x, path):
        return self.written(x, path, self.zeros((), self.dtype_after(x.dtype, path)))

    def spread(self, g, path, shape):
        return self.written(self.zeros(shape, self.dtype_before(g.dtype, path)), path, g)

    def dtype_after(self, dtype, path):
        for function, _ in path:
            dtype = self.turned(dtype, function in TO_REAL, function == TO_COMPLEX)
        return dtype

    def dtype_before(self, dtype, path):
        for function, _ in reversed(path):
            dtype = self.turned(dtype, function == TO_COMPLEX, function in TO_REAL)
        return dtype

    def turned(self, dtype, to_real, to_complex):
        double = self.dtype_names[dtype] in ("float64", "complex128")
        if to_real:
            return self.float64 if double else self.float32
        if to_complex:
            return self.complex128 if double else self.complex64
        return dtype

    def copy_slices(self, x, y, path):
        return self.written(x, path, y)

    def written(self, x, path, value):
        """A copy of ``x`` with a value where a path of views leads."""
        strided = path[0][1][0] if path and path[0][0] == "as_strided" else None
        if strided is not None and not self.has_strides:
            return self.written_at_places(x, path, value)
        out = self.copy(x) if strided is None else self.laid_out(x, strided)
        self.assign(self.follow(out, path), value)
        return out

    def written_at_places(self, x, path, value):
        """The same where as_strided gives a copy, which cannot be written through."""
        n = math.prod(x.shape)
        places = self.follow(self.reshape(self.arange(0, n, 1, self.int64), tuple(x.shape)), path)
        return self.reshape(self.index_put(self.reshape(x, (n,)), value, (places,)), tuple(x.shape))
