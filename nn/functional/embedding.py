"""Rows of a table by their numbers."""

from ...core import dtypes
from ...core.errors import two_devices
from ...core.ops import neural as rows
from ...core.shapes import need_tensors
from ...core.tensor import Tensor
from ...core.views import check_in_place
from ...core.watching import watch

__all__ = ["embedding", "embedding_renorm_"]


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """weight[input]: the rows of a table by their numbers.

    Args:
        input: int64 or int32 row numbers of any shape.
        weight: (rows, D).
        padding_idx: a row that gets no gradient; negative counts from the end.
        max_norm: rows that are met and longer than this are first shortened to it, in place.
        norm_type: the p of the p-norm that ``max_norm`` speaks of.
        scale_grad_by_freq: divide each row's gradient by how often it is met.

    Shapes:
        (*) → (*, D)

    Raises:
        IndexError: a number that is no row's, where the device's values are at hand.
        RuntimeError: row numbers of another dtype, or a weight that is no matrix.
        NotImplementedError: ``sparse=True``: there are no sparse gradients.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.embedding(plugrad.tensor([2, 0]), plugrad.tensor([[0.0], [1.0], [2.0]]))
        tensor([[2.],
                [0.]])
    """
    if not isinstance(weight, Tensor):
        raise TypeError(f"embedding(): argument 'weight' (position 1) must be Tensor, not {type(weight).__name__}")
    if not isinstance(input, Tensor):
        raise TypeError(f"embedding(): argument 'indices' (position 2) must be Tensor, not {type(input).__name__}")
    if sparse:
        raise NotImplementedError("embedding: sparse=True is not supported: there are no sparse gradients")
    if input.dtype is not dtypes.int64 and input.dtype is not dtypes.int32:
        raise _wrong_index(input)
    if len(weight._a.shape) != 2:
        raise RuntimeError("'weight' must be 2-D")
    if input._xp.device is not weight._xp.device:
        raise two_devices([weight, input])
    if padding_idx is not None:
        padding_idx = _row_number(padding_idx, weight.size(0))
    if max_norm is not None:
        shorten(weight, input, max_norm, norm_type)
    return watch(rows.embedding_(weight, input._a, padding_idx, bool(scale_grad_by_freq)), input)


def _wrong_index(input, function="embedding", place=1):
    name = "CPUBoolType" if input.dtype is dtypes.bool_ else f"torch.{input.dtype.type_name}"
    return RuntimeError(
        f"Expected tensor for argument #{place} 'indices' to have one of the following scalar types: Long, Int; but got "
        f"{name} instead (while checking arguments for {function})"
    )


def _row_number(padding_idx, count):
    if not -count <= padding_idx < count:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % count


def embedding_renorm_(input, indices, max_norm, norm_type):
    """Shorten the rows of a table that are met and longer than ``max_norm``, in place and unrecorded.

    Args:
        input: (rows, D).
        indices: int64 or int32 row numbers of any shape.
        norm_type: the p of the p-norm that ``max_norm`` speaks of.

    Raises:
        IndexError: a number that is no row's, where the device's values are at hand.
        RuntimeError: row numbers of another dtype, no matrix, or a leaf that requires grad.

    Example:
        >>> import plugrad
        >>> plugrad.embedding_renorm_(plugrad.tensor([[3.0, 4.0], [9.0, 9.0]]), plugrad.tensor([0]), 1.0, 2.0)
        tensor([[0.6000, 0.8000],
                [9.0000, 9.0000]])
    """
    need_tensors(input, indices)
    if indices.dtype is not dtypes.int64 and indices.dtype is not dtypes.int32:
        raise _wrong_index(indices, "embedding_renorm_", 2)
    if input.dim() != 2:
        raise RuntimeError(
            f"Expected 2-dimensional tensor, but got {input.dim()}-dimensional tensor for argument #1 'self' (while checking "
            "arguments for embedding_renorm_)"
        )
    check_in_place(input)
    if input._xp.device is not indices._xp.device:
        raise two_devices([input, indices])
    shorten(input, indices, max_norm, norm_type)
    return input


def shorten(weight, input, max_norm, norm_type):
    """Bring the rows that are met to a norm of at most ``max_norm``, in place and unrecorded."""
    xp = weight._xp
    met = xp.getitem(weight._a, (input._a,))
    if norm_type == 2:
        norm = xp.norm(met, (len(met.shape) - 1,), True)
    elif norm_type == float("inf"):
        norm = xp.max(xp.abs(met), len(met.shape) - 1, True)
    else:
        powers = xp.sum(xp.pow_scalar(xp.abs(met), norm_type), (len(met.shape) - 1,), True)
        norm = xp.pow_scalar(powers, 1.0 / norm_type)
    # torch keeps this little distance from a division by zero.
    factor = xp.select(norm > max_norm, max_norm / (norm + 1e-7), 1.0)
    xp.setitem(weight._a, (input._a,), met * factor)
    weight._bump()
