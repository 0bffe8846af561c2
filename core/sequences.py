"""New tensors of numbers by rule: logspace, the index pairs of triangles; one number as a tensor."""

from . import dtypes
from .create import _bounds, _give, _leaf, _line, _space, check_dtype, check_options, dtype_for
from .errors import invalid_combination, scalar_name
from .modes import Defaults
from .slow import native_dtype
from .tensor import Tensor


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
