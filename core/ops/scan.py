"""Running extremes and running logs of sums."""

from .. import dtypes
from ..compile import general
from ..errors import scalar_name
from ..shapes import one_axis, rank_of
from ..tensor import Tensor
from ..views import write_out
from .reduction import pair_type

CUMMAX, CUMMIN = pair_type("cummax"), pair_type("cummin")

cummax_ = general(
    "cummax_(x, *, axis) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis: xp.gather_backward(g, indices, axis, x_shape),
    jvp=lambda xp, t_x, indices, axis: xp.take_along_axis(t_x, indices, axis),
    doc="the maximum so far and where it was met last",
    xp="cummax",
    node="CummaxBackward0",
)
cummin_ = general(
    "cummin_(x, *, axis) -> values, indices:no",
    lambda xp, g, indices, x_shape, axis: xp.gather_backward(g, indices, axis, x_shape),
    jvp=lambda xp, t_x, indices, axis: xp.take_along_axis(t_x, indices, axis),
    doc="the minimum so far and where it was met last",
    xp="cummin",
    node="CumminBackward0",
)
logcumsumexp_ = general(
    "logcumsumexp_(x, *, axis)",
    lambda xp, g, x, out, axis: xp.logcumsumexp_grad(g, x, out, axis),
    doc="log of the running sum of eˣ, without overflow",
    xp="logcumsumexp",
    node="LogcumsumexpBackward0",
)


def cummax(input, dim, *, out=None):
    """(values, indices) of the maximum up to each element along a dimension; of equal ones the last counts, a NaN stays.

    Args:
        dim: the dimension.

    Shapes:
        x (*S) → values (*S), indices (*S)

    Example:
        >>> import plugrad
        >>> plugrad.cummax(plugrad.tensor([1.0, 3.0, 2.0]), 0).values
        tensor([1., 3., 3.])
    """
    return _extreme_so_far("cummax", cummax_, CUMMAX, input, dim, out)


def cummin(input, dim, *, out=None):
    """(values, indices) of the minimum up to each element along a dimension; of equal ones the last counts, a NaN stays.

    Args:
        dim: the dimension.

    Shapes:
        x (*S) → values (*S), indices (*S)

    Example:
        >>> import plugrad
        >>> plugrad.cummin(plugrad.tensor([2.0, 3.0, 1.0]), 0).indices
        tensor([0, 0, 2])
    """
    return _extreme_so_far("cummin", cummin_, CUMMIN, input, dim, out)


def _extreme_so_far(name, row, kind, input, dim, out):
    axis = one_axis(dim, rank_of(input))
    if input.is_complex():
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    if input.dtype is dtypes.bool_:
        values, indices = row(input.to(dtypes.uint8), axis)
        found = values.to(dtypes.bool_), indices
    else:
        found = row(input, axis)
    return kind(found if out is None else (write_out(o, f, input) for o, f in zip(out, found, strict=True)))


def logcumsumexp(input, dim, *, out=None):
    """log Σ_{j≤i} exp(x_j) along a dimension, computed without overflow.

    Args:
        dim: the dimension.

    Shapes:
        x (*S) → (*S)

    Example:
        >>> import plugrad
        >>> plugrad.logcumsumexp(plugrad.zeros(3), 0).exp()
        tensor([1., 2., 3.])
    """
    axis = one_axis(dim, rank_of(input))
    if input.dtype.kind < dtypes.FLOAT:
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    made = logcumsumexp_(input, axis)
    return made if out is None else write_out(out, made, input)


METHODS = (cummax, cummin, logcumsumexp)


def install():
    """Give Tensor its scans."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
