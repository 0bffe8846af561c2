"""New tensors of numbers by rule: arange, linspace, logspace, the index pairs of triangles; one number as a tensor."""

import math

from . import dtypes
from .create import _give, _leaf, _space, check_dtype, check_options, dtype_for
from .errors import invalid_combination, scalar_name
from .modes import Defaults
from .slow import native_dtype
from .tensor import Tensor


def arange(start, end=None, step=1, *, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return start, start + step, ... below end.

    Example:
        >>> import plugrad
        >>> plugrad.arange(1, 2.5, 0.5)
        tensor([1.0000, 1.5000, 2.0000])
    """
    check_options("arange", **options)
    check_dtype("arange", dtype)
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    _check_numbers("arange", start, end, step)
    fractions = any(isinstance(v, float) for v in (start, end, step))
    d = dtype_for(dtype, out, Defaults.dtype if fractions else dtypes.int64)
    if d is dtypes.bool_ or d.is_complex:
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{scalar_name(d)}'")
    count = _count(start, end, step, d)
    xp = _space(device)
    if d.kind < dtypes.FLOAT:
        start, step = int(start), int(step)
    wide = xp.float64 if d.is_floating_point else xp.int64
    steps = xp.arange(0, count, 1, xp.int64)
    values = xp.astype(steps, wide) * step + start
    return _give(out, _leaf(xp, xp.astype(values, native_dtype(xp, d)), requires_grad))


def _check_numbers(name, start, end, step):
    for position, (argument, value) in enumerate((("start", start), ("end", end), ("step", step))):
        if not isinstance(value, (int, float)):
            raise TypeError(
                f"{name}(): argument '{argument}' (position {position + 1}) must be Number, not {type(value).__name__}"
            )


def _count(start, end, step, d):
    """How many numbers there are from start to below end; int64 counts with the whole parts alone, as torch does."""
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if step == 0 or step != step:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if d is not dtypes.int64:
        return math.ceil((end - start) / step)
    start, end, step = int(start), int(end), int(step)
    if step == 0:
        raise ValueError("step must be nonzero")
    return -((start - end) // step)


def linspace(start, end, steps, *, out=None, dtype=None, device=None, requires_grad=False, **options):
    """Return ``steps`` values from start to end, both included, evenly spaced."""
    steps = steps.item() if isinstance(steps, Tensor) else steps
    if options or not isinstance(steps, int) or isinstance(steps, bool):
        raise invalid_combination("linspace", (start, end, steps), options)
    start, end = _bounds("linspace", start, end)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    d = dtype_for(dtype, out, Defaults.dtype.to_complex() if is_complex else None)
    if d is dtypes.bool_:
        raise NotImplementedError("\"linspace_cpu\" not implemented for 'Bool'")
    xp = _space(device)
    values = _line(xp, start, end, steps, d)
    return _give(out, _leaf(xp, xp.astype(values, native_dtype(xp, d)), requires_grad))


def _bounds(name, *bounds):
    """Numbers, where 0-d tensors may have been given."""
    ranks = [
        f"{argument} with {b.dim()} dimension(s)"
        for argument, b in zip(("start", "end"), bounds, strict=True)
        if isinstance(b, Tensor) and b.dim()
    ]
    if ranks:
        raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {' and '.join(ranks)}.")
    return [b.item() if isinstance(b, Tensor) else b for b in bounds]


def _line(xp, start, end, steps, d):
    # torch counts from the nearer end, in the precision of the result; of whole numbers, between their whole parts.
    if d.kind < dtypes.FLOAT:
        start, end, native = int(start), int(end), xp.float64
    else:
        bounds_are_real = not isinstance(start, complex) and not isinstance(end, complex)
        kind = d.to_real() if bounds_are_real else d
        native = native_dtype(xp, kind) if kind.itemsize >= 4 else xp.float32
    if steps == 1:
        return xp.full((1,), start, native)
    counted = xp.arange(0, steps, 1, xp.int64)
    place = xp.astype(counted, native)
    width = (end - start) / max(steps - 1, 1)
    first = xp.full((), start, native)
    last = xp.full((), end, native)
    step = xp.full((), width, native)
    rising = first + step * place
    falling = last - step * ((steps - 1) - place)
    return xp.where(counted < steps // 2, rising, falling)


def logspace(
    start, end, steps, base=10.0, *, out=None, dtype=None, device=None, requires_grad=False, pin_memory=False, **options
):
    """Return ``steps`` values from base^start to base^end, both included, whose logarithms are evenly spaced.

    Raises:
        RuntimeError: a negative number of steps, or bounds that are tensors with dimensions.

    Example:
        >>> import plugrad
        >>> plugrad.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    check_options("logspace", **options)
    check_dtype("logspace", dtype)
    check_pinned("logspace", pin_memory)
    start, end = _bounds("logspace", start, end)
    if not isinstance(steps, int):
        raise invalid_combination("logspace", (start, end, steps), {})
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    d = dtype_for(dtype, out)
    xp = _space(device)
    exponents = _line(xp, start, end, steps, d.to_real() if d.is_complex else d)
    values = xp.pow(xp.full((), base, exponents.dtype), exponents)
    return _give(out, _leaf(xp, xp.astype(values, native_dtype(xp, d)), requires_grad))


def check_pinned(name, pin_memory):
    if pin_memory:
        raise NotImplementedError(f"{name}: pin_memory=True is not supported")


def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False, pin_memory=False, **options):
    """Return a 0-d tensor of one number, in the default dtype unless another is given.

    Example:
        >>> import plugrad
        >>> plugrad.scalar_tensor(3)
        tensor(3.)
    """
    check_options("scalar_tensor", **options)
    check_dtype("scalar_tensor", dtype)
    check_pinned("scalar_tensor", pin_memory)
    if isinstance(s, Tensor):
        s = s.item()
    if not isinstance(s, (int, float, complex)):
        raise TypeError(f"scalar_tensor(): argument 's' (position 1) must be Number, not {type(s).__name__}")
    d = dtype or Defaults.dtype
    if isinstance(s, complex) and not d.is_complex:
        raise RuntimeError("value cannot be converted to type float without overflow")
    xp = _space(device)
    return _leaf(xp, xp.full((), s, native_dtype(xp, d)), requires_grad)


def tril_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None, pin_memory=False, **options):
    """Return the places (i, j) with ``j - i <= offset`` of a row × col matrix, row by row.

    Shapes:
        → (2, N): the i above, the j below.

    Raises:
        RuntimeError: a negative size.

    Example:
        >>> import plugrad
        >>> plugrad.tril_indices(2, 2)
        tensor([[0, 1, 1],
                [0, 0, 1]])
    """
    check_triangle("tril_indices", row, col, dtype, pin_memory, options)
    return triangle(row, lambda i: range(min(max(i + offset + 1, 0), col)), dtype, device)


def triu_indices(row, col, offset=0, *, dtype=dtypes.int64, device=None, pin_memory=False, **options):
    """Return the places (i, j) with ``j - i >= offset`` of a row × col matrix, row by row.

    Shapes:
        → (2, N): the i above, the j below.

    Raises:
        RuntimeError: a negative size.

    Example:
        >>> import plugrad
        >>> plugrad.triu_indices(2, 2)
        tensor([[0, 0, 1],
                [0, 1, 1]])
    """
    check_triangle("triu_indices", row, col, dtype, pin_memory, options)
    return triangle(row, lambda i: range(min(max(i + offset, 0), col), col), dtype, device)


def check_triangle(name, row, col, dtype, pin_memory, options):
    check_options(name, **options)
    check_dtype(name, dtype)
    check_pinned(name, pin_memory)
    for argument, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{argument} must be non-negative, got{n}")
    if dtype not in (dtypes.int32, dtypes.int64):
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(dtype)}'")


def triangle(row, columns_of, dtype, device):
    from .create import tensor

    rows, columns = [], []
    for i in range(row):
        found = columns_of(i)
        rows += [i] * len(found)
        columns += found
    return tensor([rows, columns], dtype=dtype, device=device)


__all__ = ["logspace", "scalar_tensor", "tril_indices", "triu_indices"]
