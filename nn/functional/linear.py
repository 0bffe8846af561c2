"""Linear and bilinear maps."""

from ...core.errors import c_name
from ...core.ops import neural as rows
from ...core.ops.product import matmul
from ...core.outputs import write_same
from ...core.tensor import Tensor

__all__ = ["bilinear", "linear"]


def linear(input, weight, bias=None, *, out=None):
    """x @ weightᵀ + bias.

    Args:
        input: (*, k).
        weight: (m, k), or (k) without a bias.
        bias: (m) or None.

    Shapes:
        (*, k) → (*, m)

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.linear(plugrad.ones(1, 3), plugrad.ones(2, 3), plugrad.tensor([0.0, 1.0]))
        tensor([[3., 4.]])
    """
    if out is not None:
        return write_same(out, linear(input, weight, bias), input, weight, bias, name="linear")
    try:
        rank = len(input._a.shape)
        if len(weight._a.shape) != 2 or rank == 0:
            return _unusual(input, weight, bias)
        if bias is None:
            return _WITHOUT_BIAS.get(rank, rows.linear_of_batch_without_bias)(input, weight, None)
        row = rows.linear_of_matrix if rank == 2 else rows.linear_of_batch
        return row(input, weight, bias)
    except (AttributeError, TypeError):
        for place, (name, value) in enumerate((("input", input), ("weight", weight), ("bias", bias)), 1):
            if not isinstance(value, Tensor) and not (value is None and name == "bias"):
                kind = type(value).__name__
                raise TypeError(f"linear(): argument '{name}' (position {place}) must be Tensor, not {kind}") from None
        raise


_WITHOUT_BIAS = {1: rows.linear_of_vector_without_bias, 2: rows.linear_of_matrix_without_bias}


def _unusual(input, weight, bias):
    """A weight of another rank than 2: a vector maps to one number, the rest are errors."""
    if bias is None and weight.dim() == 1 and input.dim() > 0:
        return matmul(input, weight)
    raise rows.linear_check(input, weight, bias)


def bilinear(input1, input2, weight, bias=None):
    """y_o = Σ_{i, j} x1_i · weight[o, i, j] · x2_j + bias_o.

    Args:
        input1: (*, I).
        input2: (*, J).
        weight: (O, I, J).
        bias: (O) or None.

    Shapes:
        (*, I), (*, J) → (*, O)

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    Example:
        >>> import plugrad
        >>> x, y = plugrad.tensor([[1.0, 2.0]]), plugrad.tensor([[3.0]])
        >>> plugrad.nn.functional.bilinear(x, y, plugrad.ones(1, 2, 1))
        tensor([[9.]])
    """
    for place, (name, value) in enumerate((("input1", input1), ("input2", input2), ("weight", weight)), 1):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"bilinear(): argument '{name}' (position {place}) must be Tensor, not {type(value).__name__}"
            )
    error = _bilinear_error(input1, input2, weight, bias)
    if error is not None:
        raise error
    o, i, j = weight.shape
    lead = input1.shape[:-1]
    half = matmul(input1.reshape(-1, i), weight.permute(1, 0, 2).reshape(i, o * j)).reshape(-1, o, j)
    out = (half * input2.reshape(-1, 1, j)).sum(-1).reshape(*lead, o)
    return out if bias is None else out + bias


def _bilinear_error(x, y, weight, bias):
    """The error that torch raises for arguments of ``bilinear`` that do not fit, or None."""
    if weight.dim() != 3:
        return RuntimeError(f"bilinear(): weight must have 3 dimensions, but got {weight.dim()}")
    if not x.dtype is y.dtype is weight.dtype:
        kinds = ", ".join(
            f"{name}: {c_name(t.dtype)}" for name, t in (("input1", x), ("input2", y), ("weight", weight))
        )
        return RuntimeError(f"All tensors must have the same dtype, got {kinds}")
    if x.dim() != y.dim():
        return RuntimeError(f"bilinear(): input dimensions do not match: got {x.dim()} and {y.dim()}")
    for place, (n, m) in enumerate(zip(x.shape[:-1], y.shape[:-1], strict=True)):
        if n != m:
            return RuntimeError(f"bilinear(): input batch dimensions do not match at dim {place}: got {n} and {m}")
    for name, t, size in (("input1", x, weight.shape[1]), ("input2", y, weight.shape[2])):
        if t.shape[-1] != size:
            return RuntimeError(
                f"bilinear(): {name} size does not match weight size: got {t.shape[-1]} but expected {size}"
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        return RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected {weight.shape[0]}"
        )
    return None
