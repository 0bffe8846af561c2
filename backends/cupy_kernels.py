"""The cupy backend's own CUDA kernels: which methods use them, and how they are launched.

A kernel is used where the composition needs many launches. Arrays are made contiguous first, and whatever a kernel does
not cover (complex activations, integers, empty arrays) goes the way of the composition.
"""

import math
from dataclasses import astuple, dataclass

from .cupy_source import ELEMENTWISE, TYPES, source
from .cupy_windows import CupyWindows
from .half import HALF
from .steps import adam_factors, adam_step, sgd_step

__all__ = ["CupyKernels"]

#: Threads of a block where each takes elements of its own.
THREADS = 256
MOST_BLOCKS = 65535
#: Threads of a block that reduces together: at most what the source has shared memory for, at least a warp.
MOST_TOGETHER, LEAST_TOGETHER = 512, 32
#: Elements a thread takes before a block that reduces gets more threads.
ELEMENTS_EACH = 4
NULL = 0  # an int argument: the same eight bytes as a null pointer

#: The dtype whose kernels step the real and the imaginary parts.
PARTS = {"complex64": "float32", "complex128": "float64"}


@dataclass(frozen=True)
class Places:
    """Where the elements of a group that is normalized together lie, and which weight is whose; see NORMS."""

    groups: int
    count: int
    inner: int
    weights: int
    weight_step: int


class CupyKernels(CupyWindows):
    """Mixed into the cupy backend, which gives ``cupy``, the module, and ``_kernels``, an empty dict."""

    def kernel(self, family, name, dtype_name):
        """The compiled kernel of a family for a dtype."""
        key = name, dtype_name
        if key not in self._kernels:
            self._kernels[key] = self.cupy.RawKernel(source(family, dtype_name), name)
        return self._kernels[key]

    def _each(self, kernel, n, args):
        """Launch a kernel whose threads take elements each for itself."""
        kernel((min(-(-n // THREADS), MOST_BLOCKS),), (THREADS,), pointers(args))

    def _together(self, kernel, groups, count, args):
        """Launch a kernel whose blocks reduce groups of ``count`` elements."""
        threads = LEAST_TOGETHER
        while threads < MOST_TOGETHER and threads * ELEMENTS_EACH < count:
            threads *= 2
        kernel((min(groups, MOST_BLOCKS),), (threads,), pointers(args))

    def _fits(self, *arrays):
        """Whether kernels exist for these arrays: of one real floating dtype and one shape, not empty."""
        first = arrays[0]
        return (
            self.dtype_names[first.dtype] in TYPES
            and first.size > 0
            and all(a.dtype == first.dtype and a.shape == first.shape for a in arrays)
        )

    def _real(self, dtype):
        """The dtype that kernels for a dtype compute in."""
        return self.float32 if self.dtype_names[dtype] in HALF else dtype

    def _like_real(self, a, dtype):
        """A constant array as the kernels for a dtype take it; None stays None."""
        return None if a is None else self.contiguous(self.narrowed(a, self._real(dtype)))

    # --- optimizer steps ---
    def _can_step(self, arrays):
        w, held = arrays[0], [a for a in arrays if a is not None]
        name = self.dtype_names[w.dtype]
        known = PARTS.get(name, name) in TYPES
        written = [a for a in held if a is not arrays[1]]
        return known and all(a.dtype == w.dtype for a in held) and all(self.is_contiguous(a) for a in written)

    def _step(self, name, arrays, *numbers):
        w, g, *state = arrays
        if not w.size:
            return
        dtype = self.dtype_names[w.dtype]
        n = w.size * 2 if dtype in PARTS else w.size
        kernel = self.kernel("steps", name, PARTS.get(dtype, dtype))
        self._each(kernel, n, (w, self.contiguous(g), *state, n, *numbers))

    def sgd_step(self, w, g, buf, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
        """As :func:`plugrad.backends.steps.sgd_step`, in one launch."""
        if not self._can_step((w, g, buf)):
            sgd_step(
                self, w, g, buf, lr=lr, momentum=momentum, dampening=dampening,
                weight_decay=weight_decay, nesterov=nesterov, maximize=maximize,
            )  # fmt: skip
            return
        numbers = map(float, (lr, momentum, 1 - dampening, weight_decay))
        self._step("sgd_step", (w, g, buf), *numbers, int(nesterov), int(maximize))

    def adam_step(self, w, g, m, v, v_max, *, step, lr, beta1, beta2, eps, weight_decay, decoupled, maximize):
        """As :func:`plugrad.backends.steps.adam_step`, in one launch."""
        if not self._can_step((w, g, m, v, v_max)):
            adam_step(
                self, w, g, m, v, v_max, step=step, lr=lr, beta1=beta1, beta2=beta2, eps=eps,
                weight_decay=weight_decay, decoupled=decoupled, maximize=maximize,
            )  # fmt: skip
            return
        size, root = adam_factors(step, lr, beta1, beta2)
        shrink, decay = (1 - lr * weight_decay, 0) if decoupled else (1, weight_decay)
        numbers = map(float, (size, eps * root, 1 - beta1, beta2, 1 - beta2, shrink, decay))
        self._step("adam_step", (w, g, m, v, v_max), *numbers, int(maximize))

    # --- normalization ---
    def _norm(self, name, dtype):
        return self.kernel("norms", name, self.dtype_names[dtype])

    def _moments(self, x, p, centred=True):
        """(mean or None, variance or mean square) of each group."""
        mean = self.empty((p.groups,), self._real(x.dtype)) if centred else None
        var = self.empty((p.groups,), self._real(x.dtype))
        self._together(self._norm("moments", x.dtype), p.groups, p.count, (x, mean, var, p.groups, p.count, p.inner))
        return mean, var

    def _normalized(self, x, mean, var, weight, bias, p, eps):
        weight, bias = self._like_real(weight, x.dtype), self._like_real(bias, x.dtype)
        out = self.empty(x.shape, x.dtype)
        rest = (x.size, p.groups, p.inner, p.weights, p.weight_step, float(eps))
        self._each(self._norm("normalize", x.dtype), x.size, (x, mean, var, weight, bias, out, *rest))
        return out

    def _norm_sums(self, g, x, mean, var, weight, p, eps):
        """Per group the sums of g · weight and of g · weight · normal."""
        sums, products = (self.empty((p.groups,), self._real(x.dtype)) for _ in range(2))
        arrays = (g, x, mean, var, weight, sums, products)
        self._together(self._norm("norm_sums", x.dtype), p.groups, p.count, (*arrays, *astuple(p), float(eps)))
        return sums, products

    def _norm_grad(self, g, x, mean, var, weight, sums, products, p, outside, eps):
        out = self.empty(x.shape, x.dtype)
        arrays = (g, x, mean, var, weight, sums, products, out)
        rest = (x.size, *astuple(p), int(outside), float(eps))
        self._each(self._norm("norm_grad", x.dtype), x.size, (*arrays, *rest))
        return out

    def _affine_sums(self, g, x, mean, var, p, axes, eps, needs):
        """The gradients for weight and bias, summed over the axes; None where not needed."""
        for_weight = for_bias = None
        if needs[1]:
            product = self.empty(x.shape, self._real(x.dtype))
            rest = (x.size, p.groups, p.inner, float(eps))
            self._each(self._norm("times_normal", x.dtype), x.size, (g, x, mean, var, product, *rest))
            for_weight = self.sum(product, axes, False)
        if needs[2]:
            for_bias = self.sum(self.widened(g), axes, False)
        return for_weight, for_bias

    def _norm_backward(self, g, x, weight, mean, var, p, axes, eps, needs):
        """The gradients for x, weight and bias where the weights differ within a group."""
        g, x, weight = self.contiguous(g), self.contiguous(x), self._like_real(weight, x.dtype)
        sums = self._affine_sums(g, x, mean, var, p, axes, eps, needs)
        if not needs[0]:
            return None, *sums
        total, product = self._norm_sums(g, x, mean, var, weight, p, eps)
        if mean is None:
            total = None
        return self._norm_grad(g, x, mean, var, weight, total, product, p, False, eps), *sums

    def batch_norm(self, x, weight, bias, running_mean, running_var, training, eps):
        """As :meth:`Normalization.batch_norm`, in two launches when training."""
        if not self._fits(x):
            return super().batch_norm(x, weight, bias, running_mean, running_var, training, eps)
        x, p = self.contiguous(x), by_channel(x.shape)
        if training:
            mean, var = self._moments(x, p)
        else:
            mean, var = (self._like_real(self.copy(a), x.dtype) for a in (running_mean, running_var))
        return self._normalized(x, mean, var, weight, bias, p, eps), mean, var

    def batch_norm_grad(self, g, x, weight, mean, var, training, eps, needs):
        """As :meth:`Normalization.batch_norm_grad`, in two launches."""
        if not self._fits(x, g):
            return super().batch_norm_grad(g, x, weight, mean, var, training, eps, needs)
        g, x, p = self.contiguous(g), self.contiguous(x), by_channel(x.shape)
        total = product = for_x = None
        if training or needs[1] or needs[2]:
            total, product = self._norm_sums(g, x, mean, var, None, p, eps)
        if needs[0]:
            sums = (total, product) if training else (None, None)
            for_x = self._norm_grad(g, x, mean, var, self._like_real(weight, x.dtype), *sums, p, True, eps)
        return for_x, product if needs[1] else None, total if needs[2] else None

    def running_update(self, running, value, momentum):
        """As :meth:`Normalization.running_update`, in one launch."""
        plain = self._fits(running) and self.is_contiguous(running)
        if not plain or value.dtype != self._real(running.dtype) or value.shape != running.shape:
            super().running_update(running, value, momentum)
            return
        args = (running, self.contiguous(value), running.size, float(momentum))
        self._each(self._norm("blend", running.dtype), running.size, args)

    def layer_norm(self, x, weight, bias, axes, eps):
        """As :meth:`Normalization.layer_norm`, in two launches."""
        if not self._fits(x):
            return super().layer_norm(x, weight, bias, axes, eps)
        x, p = self.contiguous(x), by_row(x.shape, axes)
        mean, var = self._moments(x, p)
        y = self._normalized(x, mean, var, weight, bias, p, eps)
        kept = self.kept_shape(x.shape, axes)
        return y, self.reshape(mean, kept), self.reshape(var, kept)

    def layer_norm_grad(self, g, x, weight, mean, var, axes, eps, needs):
        """As :meth:`Normalization.layer_norm_grad`, in five launches."""
        if not self._fits(x, g):
            return super().layer_norm_grad(g, x, weight, mean, var, axes, eps, needs)
        outer = tuple(range(axes[0]))
        return self._norm_backward(g, x, weight, mean, var, by_row(x.shape, axes), outer, eps, needs)

    def rms_norm(self, x, weight, axes, eps):
        """As :meth:`Normalization.rms_norm`, in two launches."""
        if not self._fits(x):
            return super().rms_norm(x, weight, axes, eps)
        x, p = self.contiguous(x), by_row(x.shape, axes)
        _, square = self._moments(x, p, centred=False)
        y = self._normalized(x, None, square, weight, None, p, eps)
        return y, self.reshape(square, self.kept_shape(x.shape, axes))

    def rms_norm_grad(self, g, x, weight, square, axes, eps, needs):
        """As :meth:`Normalization.rms_norm_grad`, in four launches."""
        if not self._fits(x, g):
            return super().rms_norm_grad(g, x, weight, square, axes, eps, needs)
        outer, p = tuple(range(axes[0])), by_row(x.shape, axes)
        return self._norm_backward(g, x, weight, None, square, p, outer, eps, (*needs, False))[:2]

    def group_norm(self, x, weight, bias, groups, eps):
        """As :meth:`Normalization.group_norm`, in two launches."""
        if not self._fits(x):
            return super().group_norm(x, weight, bias, groups, eps)
        x, p = self.contiguous(x), by_group(x.shape, groups)
        mean, var = self._moments(x, p)
        y = self._normalized(x, mean, var, weight, bias, p, eps)
        shape = (x.shape[0], groups)
        return y, self.reshape(mean, shape), self.reshape(var, shape)

    def group_norm_grad(self, g, x, weight, mean, var, groups, eps, needs):
        """As :meth:`Normalization.group_norm_grad`, in five launches."""
        if not self._fits(x, g):
            return super().group_norm_grad(g, x, weight, mean, var, groups, eps, needs)
        axes = tuple(i for i in range(len(x.shape)) if i != 1)
        return self._norm_backward(g, x, weight, mean, var, by_group(x.shape, groups), axes, eps, needs)

    # --- many classes ---
    def _nll_samples(self, x, target, weight, dtype, classes, ignore_index, wanted):
        """Per sample (loss, weight) in the dtype that is computed in, None where not wanted."""
        loss, each = (self.empty(target.shape, self._real(dtype)) if w else None for w in wanted)
        places = 1 if target.ndim < 2 else math.prod(target.shape[1:])
        args = (x, target, weight, loss, each, target.size, classes, places, ignore_index)
        self._each(self.kernel("losses", "nll_samples", self.dtype_names[dtype]), target.size, args)
        return loss, each

    def _nll_constants(self, target, weight, dtype):
        weight = None if weight is None else self.contiguous(self.narrowed(weight, dtype))
        return self.contiguous(self.narrowed(target, self.int64)), weight

    def nll_loss(self, x, target, weight, reduction, ignore_index):
        """As :meth:`Losses.nll_loss`, in one launch and the sums."""
        if not self._fits(x):
            return super().nll_loss(x, target, weight, reduction, ignore_index)
        classes = x.shape[min(len(x.shape), 2) - 1]
        target, weight = self._nll_constants(target, weight, x.dtype)
        wanted = (True, reduction == "mean")
        loss, each = self._nll_samples(self.contiguous(x), target, weight, x.dtype, classes, ignore_index, wanted)
        if reduction != "none":
            loss = self.sum_all(loss)
        if reduction == "mean":
            loss = loss / self.sum_all(each)
        return self.narrowed(loss, x.dtype)

    def nll_loss_backward(self, g, target, weight, reduction, ignore_index, shape):
        """As :meth:`Losses.nll_loss_backward`, in one launch, and two for the total weight of a mean."""
        if not self._fits(g) or 0 in shape:
            return super().nll_loss_backward(g, target, weight, reduction, ignore_index, shape)
        dtype, classes, places = g.dtype, shape[min(len(shape), 2) - 1], math.prod(shape[2:])
        target, weight = self._nll_constants(target, weight, dtype)
        total = None
        if reduction == "mean":
            total = self.sum_all(
                self._nll_samples(None, target, weight, dtype, classes, ignore_index, (False, True))[1]
            )
        out = self.empty(shape, dtype)
        sizes = (out.size, classes, places, ignore_index, int(reduction == "none"))
        kernel = self.kernel("losses", "nll_grad", self.dtype_names[dtype])
        self._each(kernel, out.size, (self.contiguous(g), target, weight, total, out, *sizes))
        return out


def pointers(args):
    """Arguments of a launch: a missing array is a null pointer."""
    return tuple(NULL if a is None else a for a in args)


def by_channel(shape):
    inner = math.prod(shape[2:])
    return Places(shape[1], shape[0] * inner, inner, shape[1], inner)


def by_row(shape, axes):
    size = math.prod(shape[axes[0] :])
    return Places(math.prod(shape[: axes[0]]), size, size, size, 1)


def by_group(shape, groups):
    places = math.prod(shape[2:])
    size = shape[1] // groups * places
    return Places(shape[0] * groups, size, size, shape[1], places)


def by_elements(name):
    """The method for a row of ELEMENTWISE."""
    arrays, _, _ = ELEMENTWISE[name]
    count = len(arrays.split())

    def method(self, *args):
        given, numbers = args[:count], args[count:]
        if not self._fits(*given):
            return getattr(super(CupyKernels, self), name)(*args)
        out = self.empty(given[0].shape, given[0].dtype)
        kernel = self.kernel("activations", f"{name}_kernel", self.dtype_names[out.dtype])
        self._each(kernel, out.size, (*map(self.contiguous, given), out, out.size, *map(float, numbers)))
        return out

    method.__name__ = name
    method.__doc__ = f"As the composition of this name, in one launch: {ELEMENTWISE[name][2]}"
    return method


def by_rows(name):
    """The method for a kernel of the softmax family: of one array, or a gradient and a result, and an axis."""

    def method(self, *args):
        *given, axis = args
        if not given[0].shape or not self._fits(*given):
            return getattr(super(CupyKernels, self), name)(*args)
        shape = given[0].shape
        out = self.empty(shape, given[0].dtype)
        inner = math.prod(shape[axis + 1 :])
        sizes = (out.size // shape[axis], shape[axis], inner)
        kernel = self.kernel("softmax", name, self.dtype_names[out.dtype])
        self._together(kernel, sizes[0], sizes[1], (*map(self.contiguous, given), out, *sizes))
        return out

    method.__name__ = name
    method.__doc__ = "As the composition of this name, in one launch."
    return method


for _name in ELEMENTWISE:
    setattr(CupyKernels, _name, by_elements(_name))
for _name in ("softmax", "log_softmax", "softmax_grad", "log_softmax_grad"):
    setattr(CupyKernels, _name, by_rows(_name))
