"""The namespace of arrays under vmap: each function works on all examples at once.

What a backend derives from other functions is derived here in the same way; what is left are rules of few kinds: elementwise
functions (ranks aligned), functions of axes (axes shifted by one), functions of the last axes (nothing to do), functions of
images (examples and images folded into one axis), indexing and products. A function of the backend's own that none of
this covers is called for one example after the other, with a warning.
"""

import math
import warnings

from ..backends.common import DTYPE_NAMES, Backend
from .batched_index import BatchedIndexing
from .batched_product import BatchedProducts
from .batching import CONTROL_FLOW, BatchedArray, BatchTransform, in_place_on_unbatched, refusal

#: Functions of arrays of any shapes that broadcast: the k-th element of the result depends on the k-th elements only.
ELEMENTWISE = (
    "negative abs sign exp exp2 expm1 log log1p log2 log10 sqrt rsqrt square reciprocal sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh floor ceil trunc round isfinite isinf isnan signbit logical_not bitwise_invert add subtract rsub multiply divide "
    "pow maximum minimum atan2 remainder fmod floor_divide equal not_equal less less_equal greater greater_equal logical_and "
    "logical_or logical_xor bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift where select choose choose_not "
    "share inside strictly_inside direction lerp addcmul addcdiv pow_scalar pow_slope pow_log sigmoid relu step silu silu_grad softplus "
    "log_sigmoid erf clip leaky_relu gelu gelu_grad gelu_tanh gelu_tanh_grad elu selu selu_grad selu_grad_by_result celu mish mish_grad "
    "hardtanh hardsigmoid hardswish hardswish_slope threshold beyond softshrink hardshrink prelu rrelu scaled divided at_least_zero xlogy "
    "log_where conj real imag square_abs as_complex expm1_below exp_below divisor"
).split()

#: Functions (x, axis or axes, ...) whose result keeps the rank, or loses it only where keepdims says so.
OF_AXES = (
    "sum prod max min any all mean var logsumexp norm power_norm cumulative_sum cumulative_prod softmax log_softmax "
    "flip sort argsort roll glu"
).split()

#: Where the axes stand among the arguments after x, if not first.
AXES_AT = {"power_norm": 1, "roll": 1}

#: Functions of the last axes, whatever stands before them.
OF_LAST_AXES = (
    "pad_edges pad_edges_input diagonal tril triu resample resample_input pixel_shuffle pixel_unshuffle".split()
)

#: Functions of (N, C, *S): the examples are more images.
OF_IMAGES = (
    "max_pool max_pool_with_indices max_pool_indices adaptive_max_pool_with_indices avg_pool avg_pool_input adaptive_avg_pool "
    "adaptive_avg_pool_input unfold_windows fold_windows channel_shuffle"
).split()


class BatchedSpace(BatchedIndexing, BatchedProducts, Backend):
    """The namespace of one batch over another namespace, ``base``."""

    array_type = BatchedArray

    def __init__(self, base, batch):
        self.base = base
        self.batch = batch
        self.transform = BatchTransform(batch)
        self.name, self.device_type, self.index, self.device = base.name, base.device_type, base.index, base.device
        self.dtype_names, self.to_dtype = base.dtype_names, base.to_dtype
        self.mutable, self.scope, self.has_windows = base.mutable, base.scope, base.has_windows
        self.has_diagonals = base.has_diagonals
        for name in DTYPE_NAMES:
            setattr(self, name, getattr(base, name))

    def __repr__(self):
        return f"<{self.batch.size} examples in {self.base!r}>"

    def __reduce__(self):
        raise TypeError("a tensor under vmap can't be pickled")

    @property
    def tensors(self):
        """The namespace of recorded ops on these tensors: the same ops, other constants. Not kept, as it refers back."""
        below = self.base.tensors
        made = object.__new__(type(below))
        made.__dict__.update(below.__dict__)
        made.raw = self
        return made

    def __getattr__(self, name):
        """A function that only the backend has: example by example."""
        function = getattr(self.__dict__.get("base"), name)  # an AttributeError if it has none either
        return one_by_one(self, name, function) if callable(function) else function

    def diagonal_view(self, a, offset):
        return self.base.diagonal_view(a.data, offset)

    # --- arrays in and out ---
    def made(self, data):
        return BatchedArray(self, self.base.wrap(data))

    def wrap(self, value):
        return self.own(value)

    def is_own(self, a):
        return a.__class__ is BatchedArray and a.space.batch is self.batch

    def is_array(self, a):
        return a.__class__ is BatchedArray or isinstance(a, self.base.array_type)

    def own(self, a):
        """An array as one of this namespace: where all examples share it, the front axis has size 1."""
        return a if self.is_own(a) else BatchedArray(self, self.base.expand_dims(a, 0))

    def every(self, a):
        """The data with as many entries in front as there are examples."""
        data = self.own(a).data
        if data.shape[0] == self.batch.size:
            return data
        return self.base.broadcast_to(data, (self.batch.size, *data.shape[1:]))

    def same_for_all(self, a):
        """The array that all examples share, None where they differ."""
        if not self.is_own(a):
            return a
        if a.data.shape[0] == 1 != self.batch.size:
            return self.base.reshape(a.data, a.shape)
        return None

    def ranked(self, a, rank):
        """The data of an array that is to have ``rank`` axes beside the examples."""
        a = self.own(a)
        have = len(a.shape)
        if have == rank:
            return a.data
        return self.base.reshape(a.data, (a.data.shape[0], *(1 for _ in range(rank - have)), *a.shape))

    def aligned(self, values):
        """Arrays among the values as data of equal ranks, so that they broadcast; other values as they are."""
        rank = max(len(v.shape) for v in values if self.is_array(v))
        return [
            v if not self.is_array(v) else self.ranked(v, rank) if self.is_own(v) else self.constant(v, rank)
            for v in values
        ]

    def constant(self, a, rank):
        # Without the axis of the examples it broadcasts as well, but for libraries that count ranks first.
        return a if len(a.shape) <= rank else self.own(a).data

    # --- creation ---
    def empty(self, shape, dtype):
        return self.made(self.base.empty((self.batch.size, *shape), dtype))

    def full(self, shape, value, dtype):
        return self.made(self.base.full((self.batch.size, *shape), value, dtype))

    def zeros(self, shape, dtype):
        return self.made(self.base.zeros((self.batch.size, *shape), dtype))

    def ones(self, shape, dtype):
        return self.made(self.base.ones((self.batch.size, *shape), dtype))

    def arange(self, start, stop, step, dtype):
        return self.own(self.base.arange(start, stop, step, dtype))

    def from_host(self, array):
        return self.own(self.base.from_host(array))

    def copy(self, a):
        return self.made(self.base.copy(self.every(a)))

    packed = copy

    def contiguous(self, a):
        return a if self.is_contiguous(a) else self.copy(a)

    def astype(self, a, dtype):
        return self.made(self.base.astype(self.own(a).data, dtype))

    def cast(self, a, dtype):
        return self.astype(a, dtype)

    def assign(self, target, value):
        if not self.is_own(target):
            raise in_place_on_unbatched()
        value = self.ranked(value, len(target.shape))
        if value.shape[0] > target.data.shape[0]:
            raise in_place_on_unbatched()
        self.base.assign(target.data, value)

    def accumulate(self, target, value):
        self.assign(target, target + value)

    # --- what the host wants to know ---
    def to_host(self, a):
        raise refusal(
            "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try "
            "to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please file a "
            "bug report."
        )

    def truth(self, a):
        raise refusal(CONTROL_FLOW)

    def nonzero(self, a):
        raise refusal(
            "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::nonzero. Please file "
            "an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
        )

    def owns(self, a):
        return a.data.shape[0] == self.batch.size and self.base.owns(a.data)

    def strides(self, a):
        return tuple(self.base.strides(a.data)[1:])

    def offset(self, a):
        return self.base.offset(a.data)

    def is_contiguous(self, a):
        steps, step = self.strides(a), 1
        for n, have in zip(reversed(a.shape), reversed(steps), strict=True):
            if n > 1 and have != step:
                return False
            step *= max(n, 1)
        return True

    def data_ptr(self, a):
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def device_count(self):
        return self.base.device_count()

    def synchronize(self):
        self.base.synchronize()

    # --- reductions ---
    def argmax(self, x, axis, keepdims):
        return self._place("argmax", x, axis, keepdims)

    def argmin(self, x, axis, keepdims):
        return self._place("argmin", x, axis, keepdims)

    def _place(self, name, x, axis, keepdims):
        x = self.own(x)
        shape = x.shape
        if axis is None or not shape:  # a place in all elements in a row
            found = getattr(self.base, name)(self.base.reshape(x.data, (x.data.shape[0], math.prod(shape))), 1, False)
            return self.reshape(self.made(found), (1,) * len(shape) if keepdims else ())
        return self.made(getattr(self.base, name)(x.data, axis + 1, keepdims))

    # --- shape ---
    def reshape(self, a, shape):
        a = self.own(a)
        return self.made(self.base.reshape(a.data, (a.data.shape[0], *shape)))

    def reshape_view(self, a, shape):
        found = self.base.reshape_view(a.data, (a.data.shape[0], *shape))
        return None if found is None else BatchedArray(self, found)

    def permute_dims(self, a, axes):
        return self.made(self.base.permute_dims(self.own(a).data, (0, *(axis + 1 for axis in axes))))

    def swap_axes(self, a, i, j):
        return self.made(self.base.swap_axes(self.own(a).data, i + 1, j + 1))

    def expand_dims(self, a, axis):
        return self.made(self.base.expand_dims(self.own(a).data, axis + 1))

    def broadcast_to(self, a, shape):
        data = self.ranked(a, len(shape))
        return self.made(self.base.broadcast_to(data, (data.shape[0], *shape)))

    def concat(self, arrays, axis):
        return self.made(self.base.concat(self._same_count(arrays), axis + 1))

    def stack(self, arrays, axis):
        return self.made(self.base.stack(self._same_count(arrays), axis + 1))

    def _same_count(self, arrays):
        if all(self.same_for_all(a) is not None for a in arrays):
            return [self.own(a).data for a in arrays]
        return [self.every(a) for a in arrays]

    def unfold(self, a, axis, size, step):
        return self.made(self.base.unfold(self.own(a).data, axis + 1, size, step))

    def pad(self, x, widths, value):
        return self.made(self.base.pad(self.own(x).data, ((0, 0), *widths), value))

    def overwrite(self, x, y):
        if y.dtype != x.dtype:
            y = self.astype(y, x.dtype)
        spread = self.broadcast_to(y, x.shape)
        return self.made(self.base.copy(spread.data))  # still once, where all examples are the same

    def running_update(self, running, value, momentum):
        if not self.is_own(running):
            raise refusal(
                "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, were "
                "not batched.\nIf you are using a module and do not need eval mode, please set `track_running_stats` to be False.If you "
                "are using a prebuilt module and do not need eval mode, please see the functorch website for resources on how to patch "
                "your module to work with vmap"
            )
        super().running_update(running, value, momentum)

    def _of_scalar(self, name, x, arguments):
        """A function of axes of a 0-d array, as that of a vector with one element."""
        if name in ("cumulative_sum", "cumulative_prod", "flip", "sort", "roll", "argsort"):
            return self.zeros((), self.int64) if name == "argsort" else self.copy(x)
        vector = self.base.reshape(x.data, (x.data.shape[0], 1))
        place = AXES_AT.get(name, 0)
        rest = arguments[place + 1 :]
        keeps = isinstance(rest[-1] if rest else None, bool)
        axis = 1 if isinstance(arguments[place], int) else (1,)
        found = getattr(self.base, name)(
            vector, *arguments[:place], axis, *rest[: -1 if keeps else None], *((False,) if keeps else ())
        )
        return self.made(self.base.reshape(self.base.wrap(found), (x.data.shape[0],)))

    def _unfolded(self, found, count, images):
        found = self.base.wrap(found)
        return self.made(self.base.reshape(found, (count, images, *found.shape[1:])))


# --- the rules that many functions share ---
def elementwise(name):
    def function(self, *arguments):
        return self.made(getattr(self.base, name)(*self.aligned(arguments)))

    return function


def of_axes(name):
    place = AXES_AT.get(name, 0)

    def function(self, x, *arguments):
        x = self.own(x)
        before, axes, after = arguments[:place], arguments[place], arguments[place + 1 :]
        if not x.shape:  # a 0-d array has the axes of a vector of one
            return self._of_scalar(name, x, arguments)
        if axes is None:
            axes = tuple(range(len(x.shape)))
        shifted = axes + 1 if isinstance(axes, int) else tuple(axis + 1 for axis in axes)
        return self.made(getattr(self.base, name)(x.data, *before, shifted, *after))

    return function


def of_last_axes(name):
    def function(self, x, *arguments):
        return self.made(getattr(self.base, name)(self.own(x).data, *arguments))

    return function


def of_images(name):
    def function(self, x, *arguments):
        x = self.own(x)
        count, images = x.data.shape[:2]
        folded = self.base.reshape(x.data, (count * images, *x.data.shape[2:]))
        found = getattr(self.base, name)(folded, *arguments)
        if isinstance(found, tuple):
            return tuple(self._unfolded(part, count, images) for part in found)
        return self._unfolded(found, count, images)

    return function


def one_by_one(space, name, function):
    """The function called for one example after the other, the results stacked."""

    def looped(*arguments):
        warnings.warn(
            f"There is a performance drop because we have not yet implemented the batching rule for {name}.",
            UserWarning,
            stacklevel=4,
        )
        rows = [function(*(example(space, value, i) for value in arguments)) for i in range(space.batch.size)]
        if not isinstance(rows[0], tuple):
            return space.made(space.base.stack(rows, 0))
        return tuple(space.made(space.base.stack(list(parts), 0)) for parts in zip(*rows, strict=True))

    return looped


def example(space, value, i):
    """What an argument is for the i-th example."""
    if isinstance(value, (tuple, list)):
        return type(value)(example(space, part, i) for part in value)
    if not space.is_own(value):
        return value
    return space.base.getitem(value.data, (i if value.data.shape[0] > 1 else 0, ...))


for _rule, _names in (
    (elementwise, ELEMENTWISE),
    (of_axes, OF_AXES),
    (of_last_axes, OF_LAST_AXES),
    (of_images, OF_IMAGES),
):
    for _name in _names:
        setattr(BatchedSpace, _name, _rule(_name))


__all__ = ["BatchedSpace"]
