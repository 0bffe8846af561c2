"""Class indices as vectors."""

from ...core import dtypes
from ...core.tensor import Tensor, wrap

__all__ = ["one_hot"]


def one_hot(input, num_classes=-1):
    """For each class index a vector with a 1 in its place and zeros elsewhere.

    Args:
        input: int64 indices of any shape.
        num_classes: the length of the vectors; -1 takes the largest index plus one.

    Shapes:
        (*) → (*, num_classes)

    Raises:
        RuntimeError: not int64, a negative index, one that is too large, or no index and no number of classes.

    Example:
        >>> import plugrad
        >>> plugrad.nn.functional.one_hot(plugrad.tensor([0, 2]))
        tensor([[1, 0, 0],
                [0, 0, 1]])
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"one_hot(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if input.dtype is not dtypes.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if input.numel() == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if num_classes != -1 and num_classes <= 0:
        raise RuntimeError("Class values must be smaller than num_classes.")
    xp, a = input._xp, input._a
    if input.numel() and (xp.values_at_hand or num_classes == -1):
        num_classes = _checked_classes(xp, a, num_classes)
    classes = xp.arange(0, num_classes, 1, xp.int64)
    return wrap(Tensor, xp, xp.astype(xp.expand_dims(a, len(a.shape)) == classes, xp.int64), None)


def _checked_classes(xp, a, num_classes):
    if int(xp.min(a, None, False)) < 0:
        raise RuntimeError("Class values must be non-negative.")
    largest = int(xp.max(a, None, False))
    if num_classes == -1:
        return largest + 1
    if largest >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return num_classes
