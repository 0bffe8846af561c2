"""Public forms of reductions, scans and sorting: ``dim``, ``keepdim``, ``dtype``, named results."""

import warnings

from .. import dtypes
from ..errors import invalid_combination, no_tensor
from ..modes import get_default_dtype
from ..naming import kind_named, named
from ..shapes import axes as axes_of
from ..shapes import dtype_of, need_tensors, numel_of, one_axis, rank_of
from ..tensor import Tensor, wrap
from ..views import write_out
from . import elementwise as e
from . import reduce as r


class Pair(tuple):
    """A result of two tensors with names, ``result.values`` and ``result.indices``; printed as torch prints it."""

    __slots__ = ()
    fields = ("values", "indices")
    title = "torch.return_types.max"

    def __repr__(self):
        inside = ",\n".join(f"{name}={value!r}" for name, value in zip(self.fields, self, strict=True))
        return f"{self.title}(\n{inside})"

    @property
    def values(self):
        return self[0]

    @property
    def indices(self):
        return self[1]


def pair_type(name):
    return type(
        name, (Pair,), {"__slots__": (), "title": f"torch.return_types.{name}", "__module__": "torch.return_types"}
    )


KTH, MAX, MIN, SORT, TOPK = (pair_type(n) for n in ("kthvalue", "max", "min", "sort", "topk"))


def _out(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


def _summand(input, dtype):
    """sum and prod add up integers as int64."""
    if dtype is not None:
        need_tensors(input)
        return input.to(dtype)
    try:
        is_usual = input._a.dtype is input._xp.float32
    except AttributeError:
        raise no_tensor(input) from None
    if is_usual:
        return input
    return input.to(dtypes.int64) if input.dtype.kind < dtypes.FLOAT and input.dtype is not dtypes.int64 else input


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Sum of all elements, or over the given dimensions. Integers are summed as int64.

    Args:
        dim: a dimension, several, or None for all.
        keepdim: keep the summed dimensions with size 1.
        dtype: convert to this first.

    Example:
        >>> import plugrad
        >>> plugrad.ones(2, 3).sum(dim=0)
        tensor([2., 2., 2.])
    """
    input = _summand(input, dtype)
    if dim is None and not keepdim:
        return _out(out, r.sum_all(input), input)
    return _out(out, r.sum_(input, _all(dim, input), keepdim), input)


def _all(dim, input):
    try:
        rank = len(input._a.shape)
    except AttributeError:
        raise no_tensor(input) from None
    return (dim,) if dim.__class__ is int and 0 <= dim < rank else axes_of(dim, rank)


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Mean of all elements, or over the given dimensions.

    Raises:
        RuntimeError: the dtype is neither floating point nor complex.
    """
    if dtype is not None:
        need_tensors(input)
        input = input.to(dtype)
    try:
        is_usual = input._a.dtype is input._xp.float32
    except AttributeError:
        raise no_tensor(input) from None
    if not is_usual and input.dtype.kind < dtypes.FLOAT:
        from ..errors import scalar_name

        what = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {what} dtype must be either a floating point or complex dtype. Got: "
            f"{scalar_name(input.dtype)}"
        )
    if dim is None and not keepdim:
        return _out(out, r.mean_all(input), input)
    return _out(out, r.mean_(input, _all(dim, input), keepdim), input)


def prod(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """Product of all elements, or along one dimension."""
    input = _summand(input, dtype)
    axes = None if dim is None else (one_axis(dim, input.dim()),) if input.dim() else None
    made = r.prod_(input, axes, keepdim and dim is not None)
    return _out(out, made if dim is None else named(made, "ProdBackward1"), input)


def _correction(unbiased, correction):
    if correction is not None:
        return correction
    return 1 if unbiased is None or unbiased else 0


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """Variance Σ(x - mean)² / (n - correction); the correction is 1 unless given."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    _need_float("var", input)
    _warn_freedom("var", input, dim, _correction(unbiased, correction))
    return _out(out, r.var_(input, _all(dim, input), _correction(unbiased, correction), keepdim), input)


def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """Standard deviation: the root of :func:`var`; its derivative is 0 where it is 0."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    _need_float("std", input)
    _warn_freedom("std", input, dim, _correction(unbiased, correction))
    return _out(out, r.std_(input, _all(dim, input), _correction(unbiased, correction), keepdim), input)


def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(variance, mean)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    found = var(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)
    return tuple(named(t, "VarMeanBackward0") for t in found)


def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """(standard deviation, mean)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    found = std(input, dim, unbiased, keepdim, correction=correction), mean(input, dim, keepdim)
    return tuple(named(t, "StdMeanBackward0") for t in found)


def _warn_freedom(name, input, dim, correction):
    if input._xp.count(input._a.shape, _all(dim, input)) <= correction:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel divided by "
            "output numel).",
            UserWarning,
            stacklevel=3,
        )


def _need_float(name, input):
    if dtype_of(input).kind < dtypes.FLOAT:
        raise RuntimeError("std and var only support floating point and complex dtypes")


def _need_elements(name, input):
    if numel_of(input) == 0:
        text = f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
        if name.startswith("arg"):
            raise IndexError(text)
        raise RuntimeError(text + " Specify the reduction dim with the 'dim' argument.")


def _extreme(name, all_row, dim_row, binary, kind, input, dim, keepdim, out):
    if not isinstance(input, Tensor) or not (dim is None or isinstance(dim, (int, Tensor))):
        raise invalid_combination(name, (input,) if dim is None else (input, dim), {})
    if isinstance(dim, Tensor):
        return binary(input, dim, out=out)
    if dim is None:
        _need_elements(name, input)
        if input.is_complex():
            from ..errors import scalar_name

            raise NotImplementedError(f"\"{name}_all\" not implemented for '{scalar_name(input.dtype)}'")
        made = all_row(input)
        return _out(out, made.to(out.dtype) if out is not None and out.dtype.kind >= made.dtype.kind else made, input)
    axis = one_axis(dim, input.dim())
    _need_size(name, input, axis)
    found = kind(dim_row(input, axis, keepdim))
    if out is None:
        return found
    return kind(write_out(o, f, input) for o, f in zip(out, found, strict=True))


def _need_sizes(name, input, dim):
    if _all(dim, input) is None:
        _need_elements(name, input)
    for axis in _all(dim, input) or range(input.dim()):
        _need_size(name, input, axis)


def _need_size(name, input, axis):
    if input.dim() and input._a.shape[axis] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


def max(input, dim=None, keepdim=False, *, out=None):
    """The maximum; along a dimension (values, indices); with a tensor, the elementwise maximum.

    Example:
        >>> import plugrad
        >>> plugrad.tensor([1.0, 3.0]).max(dim=0).indices
        tensor(1)
    """
    return _extreme("max", r.max_all, r.max_dim, e.maximum, MAX, input, dim, keepdim, out)


def min(input, dim=None, keepdim=False, *, out=None):
    """The minimum; along a dimension (values, indices); with a tensor, the elementwise minimum."""
    return _extreme("min", r.min_all, r.min_dim, e.minimum, MIN, input, dim, keepdim, out)


def amax(input, dim=(), keepdim=False, *, out=None):
    """The maximum over dimensions; ties share the gradient evenly."""
    _need_sizes("amax", input, dim)
    return _out(out, r.amax(input, _all(dim, input), keepdim), input)


def amin(input, dim=(), keepdim=False, *, out=None):
    """The minimum over dimensions; ties share the gradient evenly."""
    _need_sizes("amin", input, dim)
    return _out(out, r.amin(input, _all(dim, input), keepdim), input)


def argmax(input, dim=None, keepdim=False, *, out=None):
    """The index of the first maximum, of all elements or along a dimension."""
    return _out(out, _arg("argmax", r.argmax_, input, dim, keepdim), input)


def argmin(input, dim=None, keepdim=False, *, out=None):
    """The index of the first minimum, of all elements or along a dimension."""
    return _out(out, _arg("argmin", r.argmin_, input, dim, keepdim), input)


def _arg(name, row, input, dim, keepdim):
    if dim is None:
        _need_elements(name, input)
        found = row(input.reshape(-1), 0, False)
        return found.reshape((1,) * input.dim()) if keepdim else found
    axis = one_axis(dim, rank_of(input))
    _need_size(name, input, axis)
    if input.dim() == 0:
        return row(input.reshape(1), 0, False)
    return row(input, axis, keepdim)


def _flag(row, input, dim, keepdim):
    made = row(input, _all(dim, input), keepdim)
    return made.to(dtypes.uint8) if input.dtype is dtypes.uint8 else made


def any(input, dim=None, keepdim=False, *, out=None):
    """Whether an element is nonzero, of all or along dimensions."""
    return _out(out, _flag(r.any_, input, dim, keepdim), input)


def all(input, dim=None, keepdim=False, *, out=None):
    """Whether no element is zero, of all or along dimensions."""
    return _out(out, _flag(r.all_, input, dim, keepdim), input)


def count_nonzero(input, dim=None):
    """How many elements are nonzero."""
    need_tensors(input)
    return sum(input != 0, dim)


def _scan(row, input, dim, dtype, out):
    axis = one_axis(dim, rank_of(input))
    input = _summand(input, dtype)
    if input.dim() == 0:
        made = named(input.clone(), "CumsumBackward0" if row is r.cumsum_ else "CumprodBackward0")
        return _out(out, made, input)
    return _out(out, row(input, axis), input)


def cumsum(input, dim, *, dtype=None, out=None):
    """Running sum along a dimension, in the dtype of ``out`` where it is given."""
    return _scan(r.cumsum_, input, dim, out.dtype if dtype is None and out is not None else dtype, out)


def cumprod(input, dim, *, dtype=None, out=None):
    """Running product along a dimension, in the dtype of ``out`` where it is given."""
    return _scan(r.cumprod_, input, dim, out.dtype if dtype is None and out is not None else dtype, out)


def logsumexp(input, dim, keepdim=False, *, out=None):
    """log Σ eˣ over dimensions, computed without overflow."""
    if dtype_of(input).kind < dtypes.FLOAT:
        input = input.to(get_default_dtype())
    return _out(out, r.logsumexp_(input, _all(dim, input), keepdim), input)


def softmax(input, dim, dtype=None):
    """eˣ / Σ eˣ along a dimension."""
    return _softmax(r.softmax_, "softmax", input, dim, dtype)


def log_softmax(input, dim, dtype=None):
    """x - log Σ eˣ along a dimension."""
    return _softmax(r.log_softmax_, "log_softmax", input, dim, dtype)


def _softmax(row, name, input, dim, dtype):
    if dtype is not None:
        need_tensors(input)
        input = input.to(dtype)
    axis = one_axis(dim, rank_of(input))
    if input.dtype.kind < dtypes.FLOAT:
        from ..errors import scalar_name

        kernel = f"{name}_lastdim_kernel_impl" if axis + 1 >= input.dim() else f"{name}_kernel_impl"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(input.dtype)}'")
    if input.dim() == 0:
        return row(input.reshape(1), 0).reshape(())
    return row(input, axis)


def sort(input, dim=-1, descending=False, *, stable=None, out=None):
    """(values, indices) along a dimension in rising or falling order; always stable."""
    found = SORT(r.sort_(input, one_axis(dim, rank_of(input)), descending))
    node = getattr(found[0]._fn, "node", None)
    if stable is not None and node is not None:
        node.__class__ = kind_named(type(node), "SortBackward1")
    return found if out is None else SORT(write_out(o, f, input) for o, f in zip(out, found, strict=True))


def argsort(input, dim=-1, descending=False, *, stable=False):
    """The indices that sort along a dimension; always stable."""
    return r.argsort_(input, one_axis(dim, rank_of(input)), descending)


def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    """(values, indices) of the k largest, or smallest, along a dimension, in order."""
    axis = one_axis(dim, rank_of(input))
    if k < 0 or k > (input._a.shape[axis] if input.dim() else 1):
        raise RuntimeError("selected index k out of range")
    found = TOPK(r.topk_(input, k, axis, largest))
    return found if out is None else TOPK(write_out(o, f, input) for o, f in zip(out, found, strict=True))


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm (Σ|x|^p)^(1/p), of all elements or over dimensions; p "fro" is 2.

    p = "nuc" is the sum of the singular values of a matrix.
    """
    if dtype is not None:
        input = input.to(dtype)
    if input.dtype.kind < dtypes.FLOAT:
        from ..errors import scalar_name

        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {scalar_name(input.dtype)}"
        )
    if p == "nuc":
        from .linalg import matrix_norm

        return matrix_norm(input, "nuc", (0, 1) if dim is None else dim, keepdim, out=out)
    return _out(out, power_norm(input, 2.0 if p in ("fro", None) else float(p), _all(dim, input), keepdim), input)


def power_norm(input, p, axes, keepdim):
    """(Σ|x|^p)^(1/p) over axes; its derivative is 0 where it is 0."""
    return r.norm_(input, axes, keepdim) if p == 2.0 else r.power_norm_(input, p, axes, keepdim)


def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the k-th smallest element along a dimension, counted from 1; NaN counts as largest.

    Raises:
        RuntimeError: k is not among 1 ... the size of the dimension.
    """
    axis = one_axis(dim, rank_of(input))
    n = input._a.shape[axis] if input.dim() else 1
    if n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {axis} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    found = KTH(r.kth_(input, k, axis, keepdim))
    return found if out is None else KTH(write_out(o, f, input) for o, f in zip(out, found, strict=True))


def nonzero(input, *, out=None, as_tuple=False):
    """The indices of the nonzero elements, as rows of one tensor or as one tensor per dimension."""
    made = _nonzero(input, as_tuple)
    return made if out is None or as_tuple else write_out(out, made, input)


def _nonzero(input, as_tuple):
    need_tensors(input)
    xp = input._xp
    if input.dim() == 0 and as_tuple:
        return _nonzero(input.reshape(1), True)
    if input.dim() == 0:
        return wrap(Tensor, xp, xp.zeros((int(bool(input)), 0), xp.int64), None)
    found = tuple(wrap(Tensor, xp, xp.astype(a, xp.int64), None) for a in xp.nonzero(input._a))
    if as_tuple:
        return found
    from .join import stack

    return stack(found, 1)


METHODS = (
    sum, mean, prod, var, std, max, min, amax, amin, argmax, argmin, any, all, count_nonzero, cumsum, cumprod, logsumexp,
    softmax, log_softmax, sort, argsort, topk, kthvalue, norm, nonzero,
)  # fmt: skip


def install():
    """Give Tensor its reductions."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
