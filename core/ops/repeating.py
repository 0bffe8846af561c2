"""repeat_interleave: every element, or slice along a dimension, several times in a row."""

from .. import dtypes
from ..errors import invalid_combination, scalar_name
from ..shapes import one_axis
from ..tensor import Tensor
from . import reshaping as r
from .index import index_select
from .order import bucketize
from .reduction import cumsum


def repeat_interleave(input=None, repeats=None, dim=None, *, output_size=None):
    """Every element, or slice along ``dim``, several times in a row; of repeats alone, the index of each as often as it says.

    Args:
        input: a tensor; alone, the repeats.
        repeats: how often: a number for all, or a vector of whole numbers, one for each.
        dim: the dimension; default: that of all elements in a row.
        output_size: the sum of the repeats, where it is known: on a device nothing is waited for to find it.

    Shapes:
        x (n, *), repeats (n) → (Σ repeats, *)

    Raises:
        RuntimeError: repeats that are negative or not one for each, or an output_size that is not their sum.
        NotImplementedError: repeats that are neither int32 nor int64.

    Example:
        >>> import plugrad
        >>> plugrad.repeat_interleave(plugrad.tensor([5, 6, 7]), plugrad.tensor([2, 0, 1]))
        tensor([5, 5, 7])
    """
    if input is None or repeats is None:
        return _indices(_vector(repeats if input is None else input), output_size)
    if not isinstance(input, Tensor) or not isinstance(repeats, (int, Tensor)):
        raise invalid_combination("repeat_interleave", (input, repeats, *(() if dim is None else (dim,))), {})
    if dim is None:
        input, dim = r.reshape(input, -1), 0
    axis = one_axis(dim, input.dim())
    if isinstance(repeats, int):
        return _repeated(input, repeats, axis, output_size)
    if repeats.dim() > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if not input.dim() and repeats.numel() != 1:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    n = input._a.shape[axis] if input.dim() else 1
    if repeats.numel() == 1:
        repeats = r.expand(r.reshape(repeats, 1), n)
    if repeats.size(0) != n:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.size(0)} and "
            f"input.size({axis}) = {n}"
        )
    return index_select(r.reshape(input, 1) if not input.dim() else input, axis, _indices(repeats, output_size))


def _repeated(input, repeats, axis, output_size):
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    input = input if input.dim() else r.reshape(input, 1)
    shape = input._a.shape
    if output_size not in (None, shape[axis] * repeats):
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {shape[axis] * repeats} but got {output_size}"
        )
    wide = r.expand(r.unsqueeze(input, axis + 1), (*shape[: axis + 1], repeats, *shape[axis + 1 :]))
    return r.reshape(wide.clone(), (*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))


def _vector(repeats):
    if not isinstance(repeats, Tensor):
        raise invalid_combination("repeat_interleave", (repeats,), {})
    if repeats.dim() != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    return repeats


def _indices(repeats, output_size):
    """Each place of a vector as often as the vector says."""
    if repeats.numel() and repeats.dtype not in (dtypes.int32, dtypes.int64):
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{scalar_name(repeats.dtype)}'")
    if not repeats.numel():
        return repeats.to(dtypes.int64) if output_size is None else _need_size(repeats, 0, output_size)
    if bool((repeats < 0).any()):
        raise RuntimeError("repeats can not be negative")
    from ..sequences import arange

    ends = cumsum(repeats, 0)
    total = int(ends[-1]) if output_size is None or repeats.is_cpu else output_size
    _need_size(repeats, total, output_size)
    places = bucketize(arange(total, device=repeats.device), ends, right=True)
    return places.to(repeats.dtype)


def _need_size(repeats, total, output_size):
    if output_size not in (None, total):
        raise RuntimeError("allocated size does not match required size")
    return repeats


def method(self, repeats, dim=None, *, output_size=None):
    """Every element, or slice along ``dim``, several times in a row; see :func:`plugrad.repeat_interleave`."""
    return repeat_interleave(self, repeats, dim, output_size=output_size)


def install():
    """Give Tensor the method."""
    method.__name__ = method.__qualname__ = "repeat_interleave"
    Tensor.repeat_interleave = method
