"""Functions derived from the required ones, second part: what gradient rules and fused ops are made of.

Those that gradient rules call are written in operators and namespace functions only, so that the same text runs on raw
arrays and, under create_graph, on tensors.
"""

import math

from .half import in_float32


class Derived:
    """Mixed into :class:`plugrad.backends.Backend`."""

    # --- choice ---
    def select(self, condition, x, y):
        """where() whose x or y may be a Python number."""
        if isinstance(x, (int, float)):
            x = self.full((), x, y.dtype)
        if isinstance(y, (int, float)):
            y = self.full((), y, x.dtype)
        return self.where(condition, x, y)

    def choose(self, x, y, condition):
        return self.select(condition, x, y)

    def choose_not(self, x, y, mask):
        return self.select(mask, y, x)

    def share(self, x, y):
        """1 where x > y, ½ where equal, 0 elsewhere: the slope of max(x, y) in x."""
        return (self.astype(x > y, x.dtype) + self.astype(x >= y, x.dtype)) * 0.5

    def inside(self, x, low, high):
        """1 where low ≤ x ≤ high, in the dtype of x."""
        if low is None:
            return self.astype(x <= high, x.dtype)
        if high is None:
            return self.astype(x >= low, x.dtype)
        return self.astype(x >= low, x.dtype) * self.astype(x <= high, x.dtype)

    def raised(self, x, low, high):
        """1 where clamping gives low, in the dtype of x."""
        if high is None:
            return self.astype(x < low, x.dtype)
        return self.astype(x < low, x.dtype) * self.astype(low < high, x.dtype)

    def lowered(self, x, low, high):
        """1 where clamping gives high, in the dtype of x."""
        if low is None:
            return self.astype(x > high, x.dtype)
        return self.astype(self.logical_or(x > high, high < low), x.dtype)

    def strictly_inside(self, x, low, high):
        return self.astype(x > low, x.dtype) * self.astype(x < high, x.dtype)

    def direction(self, x):
        """x / |x|, 0 at 0: the slope of |x|."""
        if not self.dtype_names[x.dtype].startswith("complex"):
            return self.sign(x)
        size = self.abs(x)
        return x / self.select(size == 0, 1.0, size)

    def bitwise_left_shift(self, x, y):
        return self.multiply(self.whole(x), self.pow(self.full((), 2, x.dtype), y))

    def bitwise_right_shift(self, x, y):
        return self.floor_divide(self.whole(x), self.pow(self.full((), 2, x.dtype), y))

    def whole(self, x):
        """x itself, which must have an integer dtype."""
        if "int" not in self.dtype_names[x.dtype]:
            raise TypeError(f"{self.dtype_names[x.dtype]} is no integer dtype")
        return x

    def lerp(self, x, y, weight):
        return x + weight * (y - x)

    def addcmul(self, x, y, z, value):
        return x + y * z * value if value != 1 else x + y * z

    def addcdiv(self, x, y, z, value):
        return x + y / z * value if value != 1 else x + y / z

    def ratio(self, a, b):
        return a / b if b > 0 else math.nan if a == 0 or b == 0 else math.inf

    # --- powers ---
    def pow_scalar(self, x, exponent):
        if exponent == 2:
            return x * x
        if exponent == 3:
            return x * x * x
        if exponent == 1:
            return self.copy(x)
        if exponent == 0.5:
            return self.sqrt(x)
        return self.pow(x, self.full((), exponent, x.dtype))

    def pow_whole(self, x, y):
        """x to the power y, both whole; of negative powers only those of 1 and -1 are not 0, and of 0 that is 0 as well."""
        y = self._like(y, x)
        if self.dtype_names[y.dtype] == "uint8":
            return self.pow(x, y)
        unit = self.logical_or(x == 1, x == -1)
        odd = self.select(self.remainder(y, self.full((), 2, y.dtype)) == 0, 1, x)
        below = self.select(unit, odd, 0)
        return self.where(y < 0, below, self.pow(x, self.maximum(y, self.zeros_like(y))))

    def pow_slope(self, x, y):
        """y · x^(y-1), 0 where y is 0."""
        if isinstance(y, (int, float)):
            return self.zeros_like(x) if y == 0 else self.pow_scalar(x, y - 1) * y
        return self.select(y == 0, 0.0, y * self.pow(x, y - 1.0))

    def pow_log(self, x, y, out):
        """out · log x, 0 where x is 0 and Re y ≥ 0."""
        is_complex = self.dtype_names[y.dtype].startswith("complex")
        at_zero = self.logical_and(x == 0, (self.real(y) if is_complex else y) >= 0)
        return self.select(at_zero, 0.0, out * self.log(self.select(at_zero, 1.0, x)))

    # --- activations ---
    def silu_grad(self, g, x):
        s = self.sigmoid(x)
        return g * (s * (x * (1.0 - s) + 1.0))

    def gelu_tanh_grad(self, g, x):
        c = math.sqrt(2.0 / math.pi)
        t = self.tanh((x + x * x * x * 0.044715) * c)
        return g * ((t + 1.0) * 0.5 + x * 0.5 * (1.0 - t * t) * ((x * x * (3 * 0.044715) + 1.0) * c))

    def elu(self, x, alpha):
        return self.where(x > 0, x, self.expm1(x) * alpha)

    def hardtanh(self, x, low, high):
        return self.clip(x, low, high)

    # --- reductions ---
    def sum_all(self, x):
        return self.sum(x, None, False)

    @in_float32(1)
    def mean_all(self, x):
        n = self.count(x.shape, None)
        return self.sum(x, None, False) / n if n else self.sum(x, None, False) * math.nan

    def max_all(self, x):
        return self.max(x, None, False)

    def min_all(self, x):
        return self.min(x, None, False)

    def max_dim(self, x, axis, keepdims):
        at = self.wrap(self.argmax(x, axis, True))
        return self._picked(x, at, axis, keepdims)

    def min_dim(self, x, axis, keepdims):
        at = self.wrap(self.argmin(x, axis, True))
        return self._picked(x, at, axis, keepdims)

    def _picked(self, x, at, axis, keepdims):
        if not x.shape:
            return self.copy(x), self.reshape(at, ())
        values = self.take_along_axis(x, at, axis)
        if keepdims:
            return values, at
        shape = x.shape[:axis] + x.shape[axis + 1 :]
        return self.reshape(values, shape), self.reshape(at, shape)

    def unreduced(self, g, indices, axis, keepdims):
        """(g, indices) with the reduced axis back, as gather_backward takes them."""
        if keepdims or axis is None:
            return g, indices
        return self.expand_dims(g, axis), self.expand_dims(indices, axis)

    def evenly(self, chosen, axes, dtype):
        """1/n at each of the n chosen elements."""
        share = self.astype(chosen, dtype)
        return share / self.sum(share, axes, True)

    @in_float32(1)
    def product_of_others(self, x, axes):
        """Product of all other elements of a group; exact where some are zero."""
        order = tuple(i for i in range(len(x.shape)) if axes is not None and i not in axes)
        group = tuple(i for i in range(len(x.shape)) if i not in order)
        moved = self.permute_dims(x, order + group)
        kept = tuple(moved.shape[: len(order)])
        flat = self.reshape(moved, (*kept, self.count(moved.shape[len(order) :], None)))
        one = self.ones((*kept, 1), x.dtype)
        axis = len(order)
        n = flat.shape[axis]
        if n == 0:
            return self.ones(x.shape, x.dtype)
        before = self.concat([one, self.cumulative_prod(flat, axis)], axis)
        back = self.flip(self.cumulative_prod(self.flip(flat, (axis,)), axis), (axis,))
        after = self.concat([self.part(back, axis, 1, n), one], axis)
        others = self.reshape(self.part(before, axis, 0, n) * after, tuple(moved.shape))
        inverse = [0] * len(x.shape)
        for i, a in enumerate(order + group):
            inverse[a] = i
        return self.permute_dims(others, tuple(inverse))

    @in_float32(3)
    def cumulative_prod_grad(self, g, x, out, axis):
        """d/dx_k Σ g_i Π_{j≤i} x_j, by one running product per k so that zeros are exact."""
        n = x.shape[axis] if x.shape else 1
        parts = []
        for k in range(n):
            tail = self.concat([self.ones_like(self.part(x, axis, k, k + 1)), self.part(x, axis, k + 1, n)], axis)
            running = self.cumulative_prod(tail, axis)
            if k:
                running = running * self.part(out, axis, k - 1, k)
            parts.append(self.sum(self.part(g, axis, k, n) * running, (axis,), True))
        return self.concat(parts, axis) if parts else self.zeros_like(x)

    @in_float32(1)
    def norm(self, x, axes, keepdims):
        return self.sqrt(self.sum(self.square_abs(x), axes, keepdims))

    def norm_grad(self, g, x, out):
        return x * self.select(out == 0, 0.0, g / self.select(out == 0, 1.0, out))

    @in_float32(1)
    def power_norm(self, x, p, axes, keepdims):
        size = self.abs(x)
        if p == 0.0:
            return self.sum(self.sign(size), axes, keepdims)
        if p == 1.0:
            return self.sum(size, axes, keepdims)
        if math.isinf(p):
            return (self.max if p > 0 else self.min)(size, axes, keepdims)
        total = self.sum(self.pow_scalar(size, p), axes, keepdims)
        zero = total == 0
        return self.select(zero, 0.0, self.pow_scalar(self.select(zero, 1.0, total), 1.0 / p))

    def power_norm_grad(self, g, x, out, p, axes):
        """g and out have the reduced axes back. (|x|/out)^(p-1) · x/|x|, 0 where x or out is 0."""
        if p == 0.0:
            return None
        slope = g * self.direction(x)
        if p == 1.0:
            return slope
        size = self.abs(x)
        if math.isinf(p):
            return slope * self.evenly(size == out, axes, g.dtype)
        nothing = (size == 0) | (out == 0)
        share = self.select(nothing, 1.0, size) / self.select(nothing, 1.0, out)
        return slope * self.select(nothing, 0.0, self.pow_scalar(share, p - 1.0))

    def sort_with_index(self, x, axis, descending):
        at = self.argsort_order(x, axis, descending)
        return (self.take_along_axis(x, at, axis) if x.shape else self.copy(x)), at

    def argsort_order(self, x, axis, descending):
        if not x.shape:
            return self.zeros((), self.int64)
        if not descending:
            return self.argsort(x, axis)
        n = x.shape[axis]
        # Stable from the top: sort the reversed sequence and count its places from the end.
        at = self.argsort(self.flip(x, (axis,)), axis)
        return self.flip((n - 1) - at, (axis,))

    def topk(self, x, k, axis, largest):
        if not x.shape:
            return self.copy(x), self.zeros((), self.int64)
        at = self.part(self.argsort_order(x, axis, largest), axis, 0, k)
        return self.take_along_axis(x, at, axis), at

    def kth(self, x, k, axis, keepdims):
        at = self.argsort_order(x, axis, False)
        return self._picked(x, self.part(at, axis, k - 1, k) if x.shape else at, axis, keepdims)

    # --- placing ---
    def slice(self, a, key):
        return self.getitem(a, key)

    def part(self, a, axis, start, stop):
        """The elements from start to stop along one axis."""
        return self.slice(a, (slice(None),) * axis + (slice(start, stop), ...))

    def slice_backward(self, g, key, shape):
        out = self.zeros(shape, g.dtype)
        self.setitem(out, key, g)
        return out

    def unfold(self, x, axis, size, step):
        """All windows of ``size`` elements along an axis, ``step`` apart, as a new last axis: a copy."""
        n = x.shape[axis]
        windows = (n - size) // step + 1
        starts = self.reshape(self.arange(0, windows, 1, self.int64) * step, (windows, 1))
        places = self.reshape(starts + self.arange(0, size, 1, self.int64), (windows * size,))
        picked = self.getitem(x, (slice(None),) * axis + (places,))
        parted = self.reshape(picked, (*x.shape[:axis], windows, size, *x.shape[axis + 1 :]))
        last = len(x.shape)
        return self.permute_dims(parted, (*(i for i in range(last + 1) if i != axis + 1), axis + 1))

    def unfold_backward(self, g, axis, size, step, shape):
        """The sum over windows: tap k of all windows lies at k, k + step, ..."""
        windows = g.shape[axis]
        total = self.zeros(shape, g.dtype)
        for k in range(size):
            key = (slice(None),) * axis + (slice(k, k + (windows - 1) * step + 1, step), ...)
            total = total + self.slice_backward(self.slice(g, (..., k)), key, shape)
        return total

    def index_backward(self, g, key, shape):
        out = self.zeros(shape, g.dtype)
        self.add_at(out, key, g)
        return out

    def gather_backward(self, g, index, axis, shape):
        if not shape:
            return self.reshape(g, ())
        return self.index_backward(g, self.along(shape, index, axis), shape)

    def index_put(self, x, y, key):
        out = self.copy(x)
        self.setitem(out, key, y)
        return out

    def index_zero(self, x, key):
        return self.index_put(x, self.zeros((), x.dtype), key)

    def diagonal(self, x, offset):
        found = self.diagonal_view(x, offset)
        if found is not None:
            return found
        rows, columns = self._diagonal_key(x.shape, offset)
        return self.getitem(x, (..., rows, columns))

    def diagonal_view(self, x, offset):
        """The diagonals as every (n + 1)-th element of matrices that lie in one piece, None where they do not."""
        n, m = x.shape[-2:]
        last = len(x.shape) - 1
        for a, rows, columns, k in ((x, n, m, offset), (self.swap_axes(x, last - 1, last), m, n, -offset)):
            flat = self.reshape_view(a, (*x.shape[:-2], rows * columns))
            if flat is not None:
                start = k if k >= 0 else -k * columns
                count = max(min(rows - max(-k, 0), columns - max(k, 0)), 0)
                return self.slice(flat, (..., slice(start, start + count * (columns + 1), columns + 1)))
        return None

    def _diagonal_key(self, shape, offset):
        n, m = shape[-2:]
        first, second = max(-offset, 0), max(offset, 0)
        count = max(min(n - first, m - second), 0)
        return self.arange(first, first + count, 1, self.int64), self.arange(second, second + count, 1, self.int64)

    def diagonal_backward(self, g, offset, shape):
        out = self.zeros(shape, g.dtype)
        self.setitem(out, (..., *self._diagonal_key(shape, offset)), g)
        return out

    def _triangle(self, shape, k, lower):
        rows = self.reshape(self.arange(0, shape[-2], 1, self.int64), (shape[-2], 1))
        columns = self.reshape(self.arange(0, shape[-1], 1, self.int64), (1, shape[-1]))
        return columns - rows <= k if lower else columns - rows >= k

    def tril(self, x, k):
        return self.where(self._triangle(x.shape, k, True), x, self.zeros_like(x))

    def triu(self, x, k):
        return self.where(self._triangle(x.shape, k, False), x, self.zeros_like(x))

    def roll(self, x, shifts, axes):
        for shift, axis in zip(shifts, axes, strict=True):
            n = x.shape[axis]
            at = n - shift % n if n else 0
            head = (slice(None),) * axis
            x = self.concat([self.getitem(x, (*head, slice(at, n))), self.getitem(x, (*head, slice(0, at)))], axis)
        return x

    def rot90(self, x, k, axes):
        """Turned k times by 90 degrees, from the first axis towards the second."""
        i, j = axes
        turns = k % 4
        if turns == 0:
            return self.copy(x)
        if turns == 2:
            return self.flip(x, axes)
        return self.swap_axes(self.flip(x, (j,)), i, j) if turns == 1 else self.flip(self.swap_axes(x, i, j), (j,))

    def cast(self, x, dtype):
        return self.astype(x, dtype)

    def overwrite(self, x, y):
        """y broadcast to the shape of x and cast to its dtype."""
        if y.dtype != x.dtype:
            y = self.astype(y, x.dtype)
        return y if y.shape == x.shape else self.copy(self.broadcast_to(y, x.shape))

    def as_complex(self, re, im):
        """re + i·im; a missing part is zero."""
        some = re if im is None else im
        target = self.complex64 if some.dtype == self.float32 else self.complex128
        if im is None:
            return self.astype(re, target)
        turned = self.astype(im, target) * 1j
        return turned if re is None else self.astype(re, target) + turned
