"""Quantiles, covariances and correlations."""

from .. import dtypes
from ..errors import scalar_name
from ..naming import named
from ..shapes import numel_of, one_axis, rank_of
from ..tensor import Tensor
from ..views import write_out

WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-quantiles of all elements or along a dimension: the value at rank q · (n - 1) in rising order.

    Args:
        q: a number in [0, 1], or a tensor of them in one dimension; the results then have one more dimension in front.
        dim: the dimension, None for all.
        keepdim: keep the reduced dimensions with size 1.
        interpolation: between two ranks: linear, lower, higher, midpoint or nearest.

    Raises:
        RuntimeError: no elements, a q outside [0, 1], another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.quantile(plugrad.tensor([0.0, 1.0, 2.0, 3.0]), 0.25)
        tensor(0.7500)
    """
    return _given(out, _quantile("quantile", input, q, dim, keepdim, interpolation, False), input)


def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-quantiles of the elements that are not NaN; NaN where there is none.

    Args:
        q: a number in [0, 1], or a tensor of them in one dimension; the results then have one more dimension in front.
        dim: the dimension, None for all.
        keepdim: keep the reduced dimensions with size 1.
        interpolation: between two ranks: linear, lower, higher, midpoint or nearest.

    Raises:
        RuntimeError: no elements, a q outside [0, 1], another dtype than float32 and float64.

    Example:
        >>> import plugrad
        >>> plugrad.nanquantile(plugrad.tensor([float("nan"), 1.0, 2.0]), 0.5)
        tensor(1.5000)
    """
    return _given(out, _quantile("nanquantile", input, q, dim, keepdim, interpolation, True), input)


def _given(out, made, input):
    return made if out is None else write_out(out, made, input)


def _quantile(name, input, q, dim, keepdim, interpolation, skips_nan):
    q = _check_quantile(name, input, q, interpolation)
    axis = None if dim is None else one_axis(dim, input.dim())
    rows = input.reshape(-1) if dim is None or not input.dim() else input.movedim(axis, -1)
    picked = _at_ranks(rows.sort(-1)[0], q.reshape(-1), interpolation, skips_nan)
    return named(_arranged(picked, input, q, axis, keepdim), "SqueezeBackward4")


def _check_quantile(name, input, q, interpolation):
    if not numel_of(input):
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if interpolation not in WAYS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
        from ..create import full

        return full((), q, dtype=input.dtype, device=input.device)
    if q.dim() > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if q._xp.values_at_hand and q.numel() and not bool(((q.detach() >= 0) & (q.detach() <= 1)).all()):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _at_ranks(rows, q, interpolation, skips_nan):
    """Rows (..., n) in rising order → (..., number of q)."""
    last = rows._a.shape[-1] - 1
    plain = rows.detach()
    known = (plain == plain).sum(-1, True)
    if skips_nan:
        ranks = (q * (known - 1).to(q.dtype)).clamp(min=0)
    else:
        ranks = (q * last).expand(*known._a.shape[:-1], q.numel()).masked_fill(known <= last, last)
    lower = {"higher": ranks.detach().ceil(), "nearest": ranks.detach().round()}.get(
        interpolation, ranks.detach().floor()
    )
    found = rows.gather(-1, lower.to(dtypes.int64))
    if interpolation not in ("linear", "midpoint"):
        return found
    upper = rows.gather(-1, ranks.detach().ceil().to(dtypes.int64))
    return found.lerp(upper, 0.5 if interpolation == "midpoint" else ranks - lower)


def _arranged(picked, input, q, axis, keepdim):
    """(..., number of q) in the shape that is asked for."""
    many = q.dim() == 1
    picked = picked.movedim(-1, 0)
    if keepdim and input.dim():
        picked = picked.reshape(-1, *(1,) * input.dim()) if axis is None else picked.unsqueeze(axis + 1)
    return picked if many else picked.squeeze(0)


def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables (rows) over observations (columns): Σ w (x - mean)(x - mean)* / (Σ w - correction).

    Args:
        correction: what is taken from the number of observations.
        fweights: how often each observation occurred, whole numbers.
        aweights: the weight of each observation.

    Shapes:
        x (variables, observations) → (variables, variables); of one dimension: one variable, a number.

    Raises:
        RuntimeError: more than two dimensions, bools, or weights that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.cov(plugrad.tensor([[0.0, 2.0], [2.0, 0.0]]))
        tensor([[ 2., -2.],
                [-2.,  2.]])
    """
    if rank_of(input) > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    if input.dtype is dtypes.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.dim() < 2 else input
    count = x._a.shape[1]
    weights = _weights(x, fweights, aweights, count)
    total = count if weights is None else weights.sum()
    if weights is not None and weights._xp.values_at_hand and count and not bool(total.detach() != 0):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    mean = (x.sum(1) if weights is None else (x * weights).sum(1)) / total
    centred = x - mean.unsqueeze(1)
    other = (centred if weights is None else centred * weights).t().conj()
    return ((centred @ other) / _norm(total, weights, fweights, aweights, correction)).squeeze()


def _weights(x, fweights, aweights, count):
    """The product of both weights, None without any."""
    _check_weights("fweights", fweights, count, lambda d: d.kind < dtypes.FLOAT, "integral")
    _check_weights("aweights", aweights, count, lambda d: d.kind == dtypes.FLOAT, "floating point")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


def _check_weights(name, w, count, fits, kind):
    if w is None:
        return
    if w.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w.dim()} dimensions"
        )
    if not fits(w.dtype):
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {scalar_name(w.dtype)} dtype"
        )
    if w.numel() != count:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got "
            f"{w.numel()} != {count}"
        )
    if w._xp.values_at_hand and count and bool(w.detach().min() < 0):
        raise RuntimeError(f"cov(): {name} cannot be negative")


def _norm(total, weights, fweights, aweights, correction):
    """What the sum of products is divided by, at least 0."""
    if weights is None:
        return max(total - correction, 0)
    if aweights is None:
        free = total - correction
    else:
        free = total - correction * (weights * aweights).sum() / total
    return free.clamp(min=0) if isinstance(free, Tensor) else max(free, 0)


def corrcoef(input):
    """The correlations of variables (rows): their covariance divided by both standard deviations.

    Shapes:
        x (variables, observations) → (variables, variables)

    Raises:
        RuntimeError: more than two dimensions.

    Example:
        >>> import plugrad
        >>> plugrad.corrcoef(plugrad.tensor([[0.0, 1.0, 2.0], [0.0, -1.0, -2.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if rank_of(input) > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    c = cov(input)
    if c.dim() == 0:
        return c / c
    size = c.diagonal()
    size = (size.real if c.is_complex() else size).sqrt()
    c = c / size.reshape(-1, 1) / size.reshape(1, -1)
    if not c.is_complex():
        return c.clamp(-1, 1)
    return c.real.clamp(-1, 1) + c.imag.clamp(-1, 1) * 1j


METHODS = (corrcoef, cov, nanquantile, quantile)


def install():
    """Give Tensor its quantiles and covariances."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
