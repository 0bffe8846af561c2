"""Tensors cut into equal parts or at given places: tensor_split and its forms by dimension."""

import itertools

from .. import dtypes
from ..errors import scalar_name
from ..shapes import one_axis, rank_of
from ..tensor import Tensor
from . import shape as s


def tensor_split(input, indices_or_sections, dim=0):
    """Cut into so many parts, the first ones longer by one where needed, or at the listed places; the parts are views.

    Args:
        input: at least one dimension.
        indices_or_sections: the number of parts, or where each but the first begins; a tensor of these.
        dim: along which.

    Raises:
        RuntimeError: no dimension, no parts, or a tensor that is neither 0-d nor a vector of int64 on the cpu.

    Example:
        >>> import plugrad
        >>> plugrad.tensor_split(plugrad.arange(5), 2)
        (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if rank_of(input) == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    axis = one_axis(dim, input.dim())
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = _read_places(indices_or_sections)
    n = input._a.shape[axis]
    if isinstance(indices_or_sections, int):
        places = _even_places(n, indices_or_sections)
    elif isinstance(indices_or_sections, (tuple, list)):
        places = [int(i) for i in indices_or_sections]
    else:
        kind = type(indices_or_sections).__name__
        raise TypeError(
            f"tensor_split() received an invalid combination of arguments - got (Tensor, {kind}); give a number or a tuple of ints"
        )
    head = (slice(None),) * axis
    bounds = itertools.pairwise([0, *places, n])
    return tuple(s.slice_(input, (*head, slice(*_within(first, last, n)), ...)) for first, last in bounds)


def _within(first, last, n):
    first, last, _ = slice(first, last).indices(n)
    return first, max(first, last)


def _even_places(n, sections):
    if sections <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {sections}")
    size, longer = divmod(n, sections)
    return [i * size + min(i, longer) for i in range(1, sections)]


def _read_places(places):
    if places.device.type != "cpu":
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to be on cpu, but it's on {places.device}"
        )
    if places.dtype is not dtypes.int64:
        raise RuntimeError(
            f"tensor_split expected tensor_indices_or_sections to have dtype of long, but got {scalar_name(places.dtype)}"
        )
    if places.dim() > 1:
        raise RuntimeError(
            "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor "
            f"with {places.dim()} dims"
        )
    return places.tolist()


def _split_along(name, input, indices_or_sections, axis, least):
    if rank_of(input) < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.dim()} dimensions!"
        )
    if isinstance(indices_or_sections, int):
        n = input._a.shape[axis]
        if not indices_or_sections or n % indices_or_sections:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {axis}, but the size of the dimension {n} is not divisible by the "
                f"split_size {indices_or_sections}!"
            )
    return tensor_split(input, indices_or_sections, axis)


def hsplit(input, indices_or_sections):
    """Cut along the second dimension (the first of a vector) into equal parts, or at the listed places; views."""
    return _split_along("hsplit", input, indices_or_sections, 0 if rank_of(input) == 1 else 1, 1)


def vsplit(input, indices_or_sections):
    """Cut along the first dimension of at least two into equal parts, or at the listed places; views."""
    return _split_along("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input, indices_or_sections):
    """Cut along the third dimension into equal parts, or at the listed places; views."""
    return _split_along("dsplit", input, indices_or_sections, 2, 3)


METHODS = (tensor_split, hsplit, vsplit, dsplit)


def install():
    """Give Tensor these methods."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)


__all__ = ["dsplit", "hsplit", "tensor_split", "vsplit"]
