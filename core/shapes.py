"""Dimension arguments: torch's meaning of ``dim``, negative numbers, sizes given one by one or as a tuple.

And what an op reads off an argument before anything else. As functions these cost what the methods of Tensor cost, one frame,
and are where an argument that is no tensor is noticed: its error has torch's words, and nobody tests for it.
"""

from math import prod

from .errors import no_tensor


def rank_of(value):
    """The number of dimensions of a tensor."""
    try:
        return len(value._a.shape)
    except AttributeError:
        raise no_tensor(value) from None


def dtype_of(value):
    """The dtype of a tensor."""
    try:
        return value._xp.to_dtype[value._a.dtype]
    except AttributeError:
        raise no_tensor(value) from None


def shape_of(value):
    """The sizes of a tensor."""
    try:
        return value._a.shape
    except AttributeError:
        raise no_tensor(value) from None


def numel_of(value):
    """The number of elements of a tensor."""
    try:
        return prod(value._a.shape)
    except AttributeError:
        raise no_tensor(value) from None


def need_tensors(*values):
    """Raise torch's TypeError for the first value that is no tensor."""
    for value in values:
        if not hasattr(value, "_xp"):
            raise no_tensor(value)


def one_axis(dim, rank):
    """``dim`` as a non-negative axis of a tensor of that rank (a 0-d tensor counts as one dimension)."""
    low = max(rank, 1)
    try:
        known = -low <= dim < low
    except TypeError:
        raise TypeError(f"dim must be an int, not {type(dim).__name__}") from None
    if not known:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-low}, {low - 1}], but got {dim})")
    return int(dim) % low


def axes(dim, rank):
    """``dim`` (None, int or a sequence) as a tuple of axes, or None for all."""
    if dim is None:
        return None
    if isinstance(dim, (tuple, list)):
        if not dim:
            return None
        found = tuple(one_axis(d, rank) for d in dim)
        if len(set(found)) != len(found):
            twice = next(d for d in found if found.count(d) > 1)
            raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
        return found if rank else None
    axis = one_axis(dim, rank)
    return (axis,) if rank else None


def sizes(given):
    """Sizes given as ``f(2, 3)``, ``f((2, 3))`` or ``f([2, 3])``, as a tuple of ints."""
    if len(given) == 1 and not isinstance(given[0], int) and hasattr(given[0], "__iter__"):
        given = given[0]
    return tuple(int(n) if not isinstance(n, int) else n for n in given)


def infer_size(shape, count):
    """``shape`` with its one -1 replaced so that the elements are ``count``."""
    unknown = [i for i, n in enumerate(shape) if n == -1]
    if len(unknown) > 1:
        raise RuntimeError("only one dimension can be inferred")
    known = 1
    for i, n in enumerate(shape):
        if n < -1:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(shape)}")
        if n != -1:
            known *= n
    if unknown and known == 0 and count == 0:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 can be any "
            "value and is ambiguous"
        )
    if (unknown and (known == 0 or count % known)) or (not unknown and known != count):
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")
    return tuple(count // known if n == -1 else n for n in shape)


def broadcast_shapes(*shapes):
    """The shape that several shapes broadcast to.

    Example:
        >>> import plugrad
        >>> plugrad.broadcast_shapes((2, 1), (3,))
        torch.Size([2, 3])
    """
    from .tensor import Size

    shapes = [(s,) if isinstance(s, int) else s for s in shapes]
    result = [1] * max((len(s) for s in shapes), default=0)
    for number, shape in enumerate(shapes):
        for i in range(-1, -len(shape) - 1, -1):
            n = shape[i]
            if n in (1, result[i]):
                continue
            if result[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {n} at {i}! Mismatching argument at index {number} had {shape}; "
                    f"but expected shape should be broadcastable to {result}"
                )
            if n < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            result[i] = n
    return Size(result)
