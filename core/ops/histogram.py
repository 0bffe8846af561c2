"""Counting: how often each number occurs, and how many values fall into each bin."""

import math

from .. import dtypes
from ..errors import scalar_name
from ..shapes import dtype_of, need_tensors, rank_of
from ..tensor import Tensor, wrap
from ..views import write_out
from .reduction import Pair
from .underived import underived


class Counts(Pair):
    """A result with the names ``hist`` and ``bin_edges``."""

    __slots__ = ()
    fields = ("hist", "bin_edges")
    title = "torch.return_types.histogram"
    hist = property(lambda self: self[0])
    bin_edges = property(lambda self: self[1])


class CountsInSpace(Counts):
    """The same of several dimensions."""

    __slots__ = ()
    title = "torch.return_types.histogramdd"


Counts.__name__ = Counts.__qualname__ = "histogram"
CountsInSpace.__name__ = CountsInSpace.__qualname__ = "histogramdd"


def bincount(input, weights=None, minlength=0):
    """How often each whole number 0, 1, ... occurs, or the sum of the weights at it.

    Args:
        input: numbers not below 0, in one dimension.
        weights: one per number.
        minlength: the least length of the result.

    Raises:
        RuntimeError: negative numbers, more than one dimension, or weights of another length.

    Example:
        >>> import plugrad
        >>> plugrad.bincount(plugrad.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    if dtype_of(input) is dtypes.bool_ or input.dtype.kind >= dtypes.FLOAT:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{scalar_name(input.dtype)}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    xp = input._xp
    some = bool(input.numel())
    if input.dim() != 1 or (some and int(xp.to_host(xp.wrap(xp.min(input._a, None, False)))) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None and tuple(weights._a.shape) != tuple(input._a.shape):
        raise RuntimeError("weights should be 1-d and have the same length as input")
    most = int(xp.to_host(xp.wrap(xp.max(input._a, None, False)))) if some else -1
    size, places = max(most + 1, minlength), xp.astype(input._a, xp.int64)
    if weights is None:
        return wrap(Tensor, xp, _counted(xp, places, None, size, xp.int64), None)
    kind = weights.dtype if weights.dtype in (dtypes.float32, dtypes.float64) else dtypes.float64
    amounts = weights.detach().to(kind)._a
    made = wrap(Tensor, xp, _counted(xp, places, amounts, size, amounts.dtype), None)
    return underived(made, (weights,), "derivative for aten::bincount is not implemented")


def _counted(xp, places, amounts, size, dtype):
    counts = xp.zeros((size,), dtype)
    if places.shape[0]:
        xp.add_at(counts, (places,), xp.ones(places.shape, dtype) if amounts is None else amounts)
    return counts


def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many values fall into each of ``bins`` equal parts of [min, max]; others are not counted.

    Args:
        bins: how many parts.
        min, max: the range; where both are equal, that of the values.

    Raises:
        RuntimeError: no bins, or max is less than min.

    Example:
        >>> import plugrad
        >>> plugrad.histc(plugrad.tensor([1.0, 2.0, 2.0]), bins=2)
        tensor([1., 2.])
    """
    _need_floats("histogram_cpu", input)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = _range("histc", input, float(min), float(max))
    if not low < high:
        raise RuntimeError("torch.histc: max must be larger than min")
    xp, values = input._xp, input.detach().reshape(-1)._a
    inside = xp.logical_and(values >= low, values <= high)
    part = xp.select(inside, values, low)
    place = xp.astype(xp.floor((part - low) * bins / (high - low)), xp.int64)
    place = xp.minimum(place, xp.full((), bins - 1, xp.int64))
    made = wrap(Tensor, xp, _counted(xp, place, xp.astype(inside, values.dtype), bins, values.dtype), None)
    return made if out is None else write_out(out, made, input)


def _need_floats(name, input):
    if dtype_of(input).kind != dtypes.FLOAT:
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(input.dtype)}'")


def _range(name, input, low, high):
    """The range that is counted, as Python numbers: a device must tell the host its values' range."""
    if low == high and input.numel():
        xp = input._xp
        low, high = (float(xp.to_host(xp.wrap(f(input._a, None, False)))) for f in (xp.min, xp.max))
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.{name}: range of [{low:g}, {high:g}] is not finite")
    return (low - 1, high + 1) if low == high and name == "histc" else (low, high)


def histogram(input, bins=100, *, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges): how many values, or how much weight, fall into each bin; the last bin includes its end.

    Args:
        bins: their number, or a tensor of the edges in rising order.
        range: (least, greatest edge); default that of the values.
        weight: one per value.
        density: divide so that the integral over the range is 1.

    Raises:
        RuntimeError: no bins, or a range or weights that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.histogram(plugrad.tensor([1.0, 2.0, 3.0]), bins=2).hist
        tensor([1., 2.])
    """
    if isinstance(bins, Tensor) and range is not None:
        raise TypeError("histogram(): range is for a number of bins, not for edges")
    need_tensors(input)
    points = input.reshape(-1, 1)
    flat = None if weight is None else _flat_weight(input, weight)
    hist, edges = _counts_in_space(points, (bins,), range, flat, density)
    made = [underived(t, (input,), "derivative for aten::histogram is not implemented") for t in (hist, edges[0])]
    return Counts(made if out is None else (write_out(o, f, input) for o, f in zip(out, made, strict=True)))


def _flat_weight(input, weight):
    if tuple(weight._a.shape) != tuple(input._a.shape):
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its "
            f"innermost dimension, but got input with shape {[input.numel(), 1]} and weight with shape {list(weight._a.shape)}"
        )
    return weight.reshape(-1)


def histogramdd(input, bins, range=None, weight=None, density=False, out=None):
    """(hist, bin_edges) of points in several dimensions: one edge tensor per dimension.

    Args:
        input: the points; the last dimension holds their coordinates.
        bins: the number of bins for all dimensions or one per dimension, or a sequence of edge tensors.
        range: (least, greatest edge) for each dimension, one after the other.
        weight: one per point.
        density: divide so that the integral is 1.

    Shapes:
        x (*S, D) → hist (bins_1, ..., bins_D)

    Raises:
        RuntimeError: bins, range or weights that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.histogramdd(plugrad.tensor([[0.0, 1.0], [1.0, 0.0]]), 2).hist
        tensor([[0., 1.],
                [1., 0.]])
    """
    if out is not None:
        raise NotImplementedError("histogramdd: out= is not supported")
    if rank_of(input) < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    count = input._a.shape[-1]
    bins = (bins,) * count if isinstance(bins, (int, Tensor)) else tuple(bins)
    if len(bins) != count:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if weight is not None and tuple(weight._a.shape) != tuple(input._a.shape[:-1]):
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its "
            f"innermost dimension, but got input with shape {list(input._a.shape)} and weight with shape {list(weight._a.shape)}"
        )
    points = input.reshape(-1, count)
    hist, edges = _counts_in_space(points, bins, range, None if weight is None else weight.reshape(-1), density)
    message = "derivative for aten::_histogramdd_from_bin_cts is not implemented"
    return CountsInSpace((underived(hist, (input,), message), tuple(edges)))


def _counts_in_space(points, bins, limits, weight, density):
    """(hist, list of edges) of points (N, D)."""
    _need_floats("histogramdd", points)
    xp, n, points = points._xp, points._a.shape[0], points.detach()
    edges = _all_edges(points, bins, limits)
    place, counted, total = xp.zeros((n,), xp.int64), xp.full((n,), True, xp.bool), 1
    for d, e in enumerate(edges):
        size, column = e.numel() - 1, points.select(1, d).contiguous()._a
        found = xp.places_in(e._a, column, True) - 1
        last = xp.full((), size - 1, xp.int64)
        found = xp.where(column == e[-1]._a, xp.broadcast_to(last, found.shape), found)
        # By the outer edges, not by the place found: of edges in no order torch leaves out the same ones.
        fits = xp.logical_and(column >= e[0]._a, column <= e[-1]._a)
        counted = xp.logical_and(counted, fits)
        place = place * size + xp.where(fits, found, xp.zeros_like(found))
        total *= size
    amount = xp.astype(counted, points._a.dtype)
    if weight is not None:
        amount = amount * weight.detach().to(points.dtype)._a
    hist = wrap(Tensor, xp, _counted(xp, place, amount, total, points._a.dtype), None)
    hist = hist.reshape([e.numel() - 1 for e in edges])
    return _dense(hist, edges) if density else hist, edges


def _all_edges(points, bins, limits):
    made, given = [], list(limits) if limits is not None else None
    if given is not None and len(given) != 2 * len(bins):
        raise RuntimeError(
            f"torch.histogramdd: for a {len(bins)}-dimensional histogram range should have {2 * len(bins)} elements, but got {len(given)}"
        )
    for d, b in enumerate(bins):
        if isinstance(b, Tensor):
            made.append(b.detach())
            continue
        if b <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {b} for dimension {d}")
        low, high = given[2 * d : 2 * d + 2] if given is not None else _span(points, d)
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {d}"
            )
        low, high = (low - 0.5, high + 0.5) if low == high else (low, high)
        made.append(_evenly(points, low, high, b))
    return made


def _span(points, d):
    return _range("histogramdd", points.select(1, d), 0.0, 0.0) if points.numel() else (0.0, 1.0)


def _evenly(points, low, high, bins):
    from ..sequences import linspace

    return linspace(low, high, bins + 1, dtype=points.dtype, device=points.device)


def _dense(hist, edges):
    """Divided by the total and by the volume of each bin."""
    made = hist / hist.sum()
    for d, e in enumerate(edges):
        widths = e.narrow(0, 1, e.numel() - 1) - e.narrow(0, 0, e.numel() - 1)
        made = made / widths.reshape(*(1,) * d, -1, *(1,) * (len(edges) - d - 1))
    return made


METHODS = (bincount, histc, histogram)


def install():
    """Give Tensor its counts."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
