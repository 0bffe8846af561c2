"""Differences, slopes and integrals along a dimension."""

from .. import dtypes
from ..naming import named
from ..shapes import axes as axes_of
from ..shapes import dtype_of, one_axis, rank_of
from ..tensor import Tensor
from ..views import write_out


def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The n-th differences x[i+1] - x[i] along a dimension; of bools, whether neighbours differ.

    Args:
        n: how often to take differences.
        prepend, append: what to put before and behind the input first.

    Raises:
        RuntimeError: n is negative, or the input has no dimension.

    Example:
        >>> import plugrad
        >>> plugrad.diff(plugrad.tensor([1, 3, 2]))
        tensor([ 2, -1])
    """
    _check_diff(input, prepend, append)
    axis = one_axis(dim, input.dim())
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    made = _with_ends(input, axis, prepend, append) if n else named(input.clone(), "CopyBackwards")
    n = min(n, made._a.shape[axis])
    for _ in range(n):
        length = made._a.shape[axis] - 1
        later, earlier = made.narrow(axis, 1, length), made.narrow(axis, 0, length)
        made = later.logical_xor(earlier) if made.dtype is dtypes.bool_ else later - earlier
    return made if out is None else write_out(out, made, input)


def _check_diff(input, prepend, append):
    if rank_of(input) < 1:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if any(t is not None and t.dim() != input.dim() for t in (prepend, append)):
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")


def _with_ends(input, axis, prepend, append):
    if prepend is None and append is None:
        return input
    from .join import cat

    return cat([t for t in (prepend, input, append) if t is not None], axis)


def trapezoid(y, x=None, *, dx=None, dim=-1):
    """∫ y dx along a dimension by trapezoids: Σ (x[i+1] - x[i]) (y[i] + y[i+1]) / 2.

    Args:
        x: the places, one per element along the dimension or of the shape of y.
        dx: their distance, where they are evenly spaced (default 1).

    Shapes:
        y (*S, n, *T) → (*S, *T)

    Example:
        >>> import plugrad
        >>> plugrad.trapezoid(plugrad.tensor([1.0, 2.0, 3.0]))
        tensor(4.)
    """
    return _integral("trapezoid", _trapezoid, y, x, dx, dim)


def trapz(y, x=None, *, dx=None, dim=-1):
    """The same as :func:`trapezoid`."""
    return _integral("trapz", _trapezoid, y, x, dx, dim)


def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of y up to each place but the first, by trapezoids.

    Args:
        x: the places, one per element along the dimension or of the shape of y.
        dx: their distance, where they are evenly spaced (default 1).

    Shapes:
        y (*S, n, *T) → (*S, n - 1, *T)

    Example:
        >>> import plugrad
        >>> plugrad.cumulative_trapezoid(plugrad.tensor([1.0, 2.0, 3.0]))
        tensor([1.5000, 4.0000])
    """
    return _integral("cumulative_trapezoid", _cumulative_trapezoid, y, x, dx, dim)


def _integral(name, function, y, x, dx, dim):
    if x is not None and dx is not None:
        raise TypeError(f"{name}() takes either x or dx, not both")
    if dtype_of(y) is dtypes.bool_ or (x is not None and dtype_of(x) is dtypes.bool_):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported")
    if dx.__class__ is bool or isinstance(dx, complex):
        raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
    axis = one_axis(dim, y.dim())
    return function(y, 1 if dx is None else dx, axis) if x is None else function(y, _widths(name, y, x, axis), axis)


def _widths(name, y, x, axis):
    """The distances between the places, in a shape that broadcasts with pairs of neighbours of y."""
    if x.dim() == 1 and y.dim() != 1:
        if x._a.shape[0] != y._a.shape[axis]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        return diff(x).reshape(*(1,) * axis, -1, *(1,) * (y.dim() - axis - 1))
    x = x.reshape(*(1,) * (y.dim() - x.dim()), *x._a.shape)
    return diff(x, dim=axis) if x._a.shape[axis] else x


def _pairs(y, axis):
    n = y._a.shape[axis]
    return y.narrow(axis, 0, n - 1), y.narrow(axis, 1, n - 1)


def _empty_sum(y, axis):
    from ..create import zeros

    kept = [n for i, n in enumerate(y._a.shape) if i != axis]
    return zeros(kept, dtype=y.dtype, device=y.device)


def _trapezoid(y, dx, axis):
    if not y._a.shape[axis]:
        return _empty_sum(y, axis)
    if isinstance(dx, Tensor):
        left, right = _pairs(y, axis)
        return named((dx * (left + right)).sum(axis) / 2.0, "DivBackward1")
    ends = (y.select(axis, 0) + y.select(axis, -1)) * 0.5
    return named((y.sum(axis) - ends) * dx, "MulBackward1")


def _cumulative_trapezoid(y, dx, axis):
    if not y._a.shape[axis]:
        return y
    left, right = _pairs(y, axis)
    if isinstance(dx, Tensor):
        return named((dx * (left + right)).cumsum(axis) / 2.0, "DivBackward1")
    return ((left + right) * (dx / 2.0)).cumsum(axis)


def gradient(input, *, spacing=None, dim=None, edge_order=1):
    """The slopes along dimensions by second-order differences, one tensor per dimension.

    Args:
        spacing: the distance of neighbours, one for all or one per dimension; or the places along each dimension.
        dim: a dimension or several, None for all.
        edge_order: 1 or 2, the order of the differences at both ends.

    Raises:
        RuntimeError: too few elements, another edge_order, or spacing and dim do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.gradient(plugrad.tensor([1.0, 4.0, 9.0]))
        (tensor([3., 4., 5.]),)
    """
    _check_gradient(input, spacing, dim, edge_order)
    chosen = dim if dim is not None else tuple(range(input.dim()))
    axes = axes_of(chosen, input.dim()) or ()
    steps = list(spacing) if isinstance(spacing, (tuple, list)) else [1 if spacing is None else spacing] * len(axes)
    _check_lengths(input, steps, axes, edge_order)
    slope = _slope_between_places if any(_is_places(h) for h in steps) else _slope
    return tuple(slope(input, h, axis, edge_order) for h, axis in zip(steps, axes, strict=True))


def _is_places(h):
    return isinstance(h, Tensor) and h.dim() > 0


def _check_gradient(input, spacing, dim, edge_order):
    if dtype_of(input) is dtypes.uint8:
        raise RuntimeError("torch.gradient does not support uint8 input.")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if not isinstance(spacing, (tuple, list)):
        return
    for h in spacing:
        if isinstance(h, Tensor) and h.dim() > 1:
            raise RuntimeError(
                f"torch.gradient expected each element of spacing to have one dimension, but got an element with {h.dim()} dimensions!"
            )
    wanted = input.dim() if dim is None else len(dim) if isinstance(dim, (tuple, list)) else 1
    if len(spacing) != wanted:
        if dim is not None:
            raise RuntimeError(
                "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have the same "
                f"length, but got a spacing argument of length {len(spacing)} and a dim argument of length {wanted}."
            )
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = "
            f"{input.dim()}', since dim argument was not given, but got a list of length {len(spacing)}"
        )


def _check_lengths(input, steps, axes, edge_order):
    for h, axis in zip(steps, axes, strict=True):
        n = input._a.shape[axis]
        if n < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
        if _is_places(h) and h._a.shape[0] != n:
            raise RuntimeError(
                "torch.gradient expected each element of spacing to have the same length as the corresponding dimension"
            )


def _cut(x, axis, start, stop):
    return x.narrow(axis, start, stop - start)


def _slope(x, h, axis, edge_order):
    """Evenly spaced: (x[i+1] - x[i-1]) / 2h inside."""
    from .join import cat

    n = x._a.shape[axis]
    at = [_cut(x, axis, i, i + 1) for i in (*range(edge_order + 1), *range(-edge_order - 1, 0))] if n else []
    if edge_order == 1:
        first, last = (at[1] - at[0]) / h, (at[-1] - at[-2]) / h
    else:
        first = (-1.5 * at[0] + 2 * at[1] - 0.5 * at[2]) / h
        last = (1.5 * at[-1] - 2 * at[-2] + 0.5 * at[-3]) / h
    inside = (_cut(x, axis, 2, n) - _cut(x, axis, 0, n - 2)) / 2 / h
    return cat([first, inside, last], axis)


def _slope_between_places(x, places, axis, edge_order):
    """Unevenly spaced: with distances a to the left and b to the right, weights -b/a(a+b), (b-a)/ab, a/b(a+b)."""
    from .join import cat

    n, gaps = x._a.shape[axis], diff(places)
    wide = gaps.reshape(*(1,) * axis, -1, *(1,) * (x.dim() - axis - 1))
    a, b = _cut(wide, axis, 0, n - 2), _cut(wide, axis, 1, n - 1)
    parts = [_cut(x, axis, i, n - 2 + i) for i in range(3)]
    inside = parts[0] * (-b / (a * (a + b))) + parts[1] * ((b - a) / (a * b)) + parts[2] * (a / (b * (a + b)))
    ends = [_end_slope(x, gaps, axis, side, edge_order) for side in (1, -1)]
    return cat([ends[0], inside, ends[1]], axis)


def _end_slope(x, gaps, axis, side, edge_order):
    """The slope at the first (side 1) or the last (side -1) place, from the two or three places there."""
    n = x._a.shape[axis]
    near = [i if side == 1 else n - 1 - i for i in range(edge_order + 1)]
    values = [_cut(x, axis, i, i + 1) for i in near]
    a = gaps[0 if side == 1 else -1]
    if edge_order == 1:
        return side * (values[1] - values[0]) / a
    b = gaps[1 if side == 1 else -2]
    weights = -(2.0 * a + b) / (a * (a + b)), (a + b) / (a * b), -a / (b * (a + b))
    return side * (weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2])


def install():
    """Give Tensor its differences."""
    Tensor.diff = diff
