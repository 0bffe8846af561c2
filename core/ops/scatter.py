"""Scattering with a reduction."""

from .. import dtypes
from ..compile import general
from ..errors import scalar_name
from ..naming import named
from ..shapes import dtype_of, one_axis
from ..tensor import Tensor
from ..views import write_out
from ..watching import watch
from . import shape as s
from .index import _check_gather, _outside, _sum, _unlike_source

WAYS = ("sum", "prod", "mean", "amax", "amin")

scatter_reduce_ = general(
    "scatter_reduce_(x, y, *, index, axis, reduce, include_self)",
    vjp=lambda xp, g, x, y, out, index, axis, reduce, include_self: xp.scatter_reduce_grad(
        g, x, y, out, index, axis, reduce, include_self
    ),
    doc="the product, maximum or minimum of all that y brings to each place of x",
    xp="scatter_reduce",
    node="ScatterReduceBackward0",
)


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None):
    """input with src reduced into it at ``index`` along a dimension.

    Args:
        dim: the dimension that ``index`` leads along.
        index: where each element of src goes.
        src: what goes there.
        reduce: sum, prod, mean, amax or amin.
        include_self: whether the input's own element counts.

    Shapes:
        x (*S), index (*I), src at least (*I) → (*S)

    Raises:
        RuntimeError: an unknown reduction, or dtypes, shapes or indices that do not fit.

    Example:
        >>> import plugrad
        >>> x, at = plugrad.zeros(2), plugrad.tensor([0, 0, 1])
        >>> plugrad.scatter_reduce(x, 0, at, plugrad.tensor([1.0, 2.0, 3.0]), "sum")
        tensor([3., 3.])
    """
    if reduce not in WAYS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    axis = one_axis(dim, input.dim())
    check_scatter(input, axis, index, src)
    if input.is_complex() and reduce in ("amax", "amin", "mean"):
        raise NotImplementedError(
            f"\"scatter_gather_tensor_cpu_reduce_{reduce}\" not implemented for '{scalar_name(input.dtype)}'"
        )
    made = named(_reduced(input, axis, index, src, reduce, include_self), "ScatterReduceBackward0")
    return made if out is None else write_out(out, made, input, src)


def check_scatter(input, axis, index, src, name="scatter"):
    """Raise what torch raises for index and src that do not fit the input."""
    if dtype_of(index) not in (dtypes.int32, dtypes.int64):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if isinstance(src, Tensor) and src.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if not index.numel():
        return
    if max(index.dim(), 1) != max(input.dim(), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if isinstance(src, Tensor) and max(src.dim(), 1) != max(index.dim(), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    _check_sizes(input, axis, index, src)
    _check_gather(input, index, axis)


def _check_sizes(input, axis, index, src):
    wide, places = list(input._a.shape) or [1], list(index._a.shape) or [1]
    given = (list(src._a.shape) or [1]) if isinstance(src, Tensor) else places
    too_wide = any(n > m for i, (n, m) in enumerate(zip(places, wide, strict=True)) if i != axis)
    if too_wide or any(n > m for n, m in zip(places, given, strict=True)):
        told = f" and to be no larger size than src {list(src._a.shape)}" if isinstance(src, Tensor) else ""
        raise RuntimeError(
            f"Expected index {list(index._a.shape)} to be no larger than self {list(input._a.shape)} apart from dimension {axis}{told}"
        )


def fitting(input, index, src):
    """(input, index, src) with at least one dimension, src cut to the shape of the index."""
    # Copies, as a view would be written to by an in-place op.
    raised = [t.clone().reshape(1) if t.dim() == 0 else t for t in (input, index, src)]
    shape = tuple(raised[1]._a.shape)
    if tuple(raised[2]._a.shape) != shape:
        raised[2] = raised[2][tuple(slice(0, n) for n in shape)]
    return raised


def _reduced(input, axis, index, src, reduce, include_self):
    if not index.numel():
        return input.clone()
    x, i, y = fitting(input, index, src)
    if reduce in ("sum", "mean"):
        made = _total(x, axis, i, y, include_self)
        made = made if reduce == "sum" else _mean(made, x, axis, i, include_self)
    else:
        made = _product_or_extreme(x, axis, i, y, reduce, include_self)
    made = watch(made, index)
    return made.reshape(input._a.shape) if input.dim() == 0 else made


def _product_or_extreme(x, axis, index, y, reduce, include_self):
    if x.dtype is dtypes.bool_:
        made = scatter_reduce_(x.to(dtypes.uint8), y.to(dtypes.uint8), index._a, axis, reduce, include_self)
        return made.to(dtypes.bool_)
    return watch(scatter_reduce_(x, y, index._a, axis, reduce, include_self), index)


def _total(x, axis, index, y, include_self):
    if not include_self:
        x = watch(s.index_zero(x, x._xp.along(x._a.shape, index._a, axis)), index)
    added = watch(s.gather_backward(y, index._a, axis, tuple(x._a.shape)), index)
    return _sum(x, added)


def _mean(total, x, axis, index, include_self):
    """The total divided by the number of its terms, at least 1."""
    if x.dtype is dtypes.bool_:
        raise NotImplementedError("\"scatter_gather_tensor_cpu_reduce_mean\" not implemented for 'Bool'")
    from ..create import ones

    one = ones(tuple(index._a.shape), dtype=dtypes.int64, device=x.device)
    count = s.gather_backward(one, index._a, axis, tuple(x._a.shape))
    count = (count + 1 if include_self else count.clamp(min=1)).to(x.dtype)
    return total / count if x.dtype.kind >= dtypes.FLOAT else total.div(count, rounding_mode="floor")


def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None):
    """input with the slices of source reduced into those that ``index`` lists.

    Args:
        dim: the dimension of the slices.
        index: which slice of the input each slice of source goes to, in one dimension.
        source: as the input, but for the length of that dimension.
        reduce: prod, mean, amax or amin.
        include_self: whether the input's own slice counts.

    Raises:
        RuntimeError: an unknown reduction, or dtypes and shapes that do not fit.
        IndexError: an index out of range.

    Example:
        >>> import plugrad
        >>> x, at = plugrad.ones(2), plugrad.tensor([0, 0])
        >>> plugrad.index_reduce(x, 0, at, plugrad.tensor([2.0, 3.0]), "prod")
        tensor([6., 1.])
    """
    if reduce not in WAYS[1:]:
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    axis = one_axis(dim, input.dim())
    _check_index_reduce(input, axis, index, source, dim)
    if input.dim() == 0:
        wide, source = index.reshape(-1), source.reshape(-1)
    else:
        wide = index.reshape(*(1,) * axis, -1, *(1,) * (input.dim() - axis - 1)).expand(*source._a.shape)
    x = input.clone().reshape(1) if input.dim() == 0 else input
    made = _reduced(x, axis, wide, source, reduce, include_self)
    made = made.reshape(()) if input.dim() == 0 else made
    made = named(watch(made, index), "IndexReduceBackward0")
    return made if out is None else write_out(out, made, input, source)


def _check_index_reduce(input, axis, index, source, dim):
    if index.dim() > 1:
        raise IndexError(
            f"index_reduce_(): Index is supposed to be a vector, but got dim: {index.dim()} with type: {scalar_name(index.dtype)} "
            f"and size: {list(index._a.shape)}"
        )
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise RuntimeError(f"index_reduce_(): Expected dtype int32/int64 for index but got: {scalar_name(index.dtype)}")
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"index_reduce_(): self ({scalar_name(input.dtype)}) and source ({scalar_name(source.dtype)}) must have the same scalar type"
        )
    count = source._a.shape[axis] if source.dim() else 1
    if count != index.numel():
        raise RuntimeError(
            f"index_reduce_(): Number of indices ({index.numel()}) should be equal to source.size(dim): ({count}), for dim: {dim}"
        )
    have, given = list(input._a.shape), list(source._a.shape)
    if have[:axis] + have[axis + 1 :] != given[:axis] + given[axis + 1 :]:
        raise _unlike_source(have, given)
    if index.numel() and _outside(input._xp, index._a, have[axis] if have else 1, 0) is not None:
        raise IndexError("index out of range in self")


METHODS = (index_reduce, scatter_reduce)


def install():
    """Give Tensor its scatters and their in-place forms."""
    from .in_place import in_place

    for function in METHODS:
        setattr(Tensor, function.__name__, function)
        setattr(Tensor, function.__name__ + "_", in_place(function, function.__name__ + "_"))
