"""The linear map."""

from ...core.ops import neural as rows
from ...core.ops.product import matmul
from ...core.tensor import Tensor

__all__ = ["linear"]


def linear(input, weight, bias=None):
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
