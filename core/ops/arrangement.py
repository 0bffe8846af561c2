"""Tensors put together and laid out by rank: atleast_*, stacks, blocks, grids, diagonals, rot90."""

import itertools
import warnings

from .. import dtypes
from ..compile import linear
from ..naming import named
from ..shapes import one_axis, rank_of
from ..slow import result_type
from ..tensor import Tensor
from . import join
from . import reshaping as r
from . import shape as s
from .conversion import conj

rot90_ = linear(
    "rot90_(x, *, k, axes)",
    lambda xp, g, k, axes: xp.rot90(g, -k, axes),
    doc="turned k times by 90 degrees in a plane",
    xp="rot90",
    node="Rot90Backward0",
)


# --- ranks ---
def _at_least(name, raised, tensors):
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        return tuple(_at_least(name, raised, (t,)) for t in tensors[0])
    if len(tensors) == 1:
        check_tensor(name, tensors[0])
        return raised(tensors[0])
    return tuple(_at_least(name, raised, (t,)) for t in tensors)


def check_tensor(name, value):
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(value).__name__}")


def atleast_1d(*tensors):
    """Each tensor with at least one dimension, a view; a tuple for several tensors.

    Example:
        >>> import plugrad
        >>> plugrad.atleast_1d(plugrad.tensor(1.0))
        tensor([1.])
    """
    return _at_least("atleast_1d", lambda t: t if t.dim() else r.view(t, 1), tensors)


def atleast_2d(*tensors):
    """Each tensor with at least two dimensions, a view: a vector becomes a row.

    Example:
        >>> import plugrad
        >>> plugrad.atleast_2d(plugrad.ones(3)).shape
        torch.Size([1, 3])
    """
    return _at_least("atleast_2d", _matrix_of, tensors)


def _matrix_of(t):
    if t.dim() == 0:
        return r.view(t, 1, 1)
    return r.unsqueeze(t, 0) if t.dim() == 1 else t


def atleast_3d(*tensors):
    """Each tensor with at least three dimensions, a view: (n) → (1, n, 1), (n, m) → (n, m, 1).

    Example:
        >>> import plugrad
        >>> plugrad.atleast_3d(plugrad.ones(2, 3)).shape
        torch.Size([2, 3, 1])
    """
    return _at_least("atleast_3d", _cube_of, tensors)


def _cube_of(t):
    if t.dim() == 0:
        return r.view(t, 1, 1, 1)
    if t.dim() == 1:
        return r.unsqueeze(r.unsqueeze(t, 0), -1)
    return r.unsqueeze(t, -1) if t.dim() == 2 else t


# --- put together ---
def check_elements(tensors):
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")


def column_stack(tensors, *, out=None):
    """Join along the second dimension; vectors count as columns.

    Shapes:
        (n) and (n, m) → (n, 1 + m)

    Example:
        >>> import plugrad
        >>> plugrad.column_stack((plugrad.zeros(2), plugrad.ones(2)))
        tensor([[0., 1.],
                [0., 1.]])
    """
    columns = [r.reshape(t, t.numel(), 1) if t.dim() < 2 else t for t in join.some("column_stack", tensors)]
    return join.hstack(columns, out=out)


def dstack(tensors, *, out=None):
    """Join along the third dimension; tensors of fewer dimensions as :func:`atleast_3d` has them.

    Example:
        >>> import plugrad
        >>> plugrad.dstack((plugrad.ones(2), plugrad.ones(2))).shape
        torch.Size([1, 2, 2])
    """
    return join.cat([_cube_of(t) for t in join.some("dstack", tensors)], 2, out=out)


def block_diag(*tensors):
    """The matrix with the given matrices along its diagonal, zeros elsewhere; vectors count as rows.

    Raises:
        RuntimeError: a tensor with more than two dimensions.

    Example:
        >>> import plugrad
        >>> plugrad.block_diag(plugrad.ones(1, 2), plugrad.ones(1, 1))
        tensor([[1., 1., 0.],
                [0., 0., 1.]])
    """
    check_elements(tensors)
    if not tensors:
        from ..create import empty

        return empty(1, 0)
    for i, t in enumerate(tensors):
        if t.dim() > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.dim()} dimensions"
            )
    common = result_type(tensors)
    blocks = [_matrix_of(t).to(common) for t in tensors]
    width, before, rows = sum(t.size(1) for t in blocks), 0, []
    for t in blocks:
        rows.append(s.pad_(t, ((0, 0), (before, width - before - t.size(1))), 0))
        before += t.size(1)
    return named(join.cat(rows, 0), "BlockDiagBackward0")


def _vector(t):
    if rank_of(t) != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(t._a.shape)}")
    return t


def cartesian_prod(*tensors):
    """All ways to take one element of each vector, a row each; of one vector the vector itself.

    Shapes:
        (n), (m), ... → (n · m · ..., count)

    Raises:
        RuntimeError: not vectors, or of different dtypes.

    Example:
        >>> import plugrad
        >>> plugrad.cartesian_prod(plugrad.tensor([1, 2]), plugrad.tensor([3, 4]))
        tensor([[1, 3],
                [1, 4],
                [2, 3],
                [2, 4]])
    """
    check_elements(tensors)
    for t in tensors:
        _vector(t)
    if len(tensors) == 1:
        return tensors[0]
    return join.stack([r.reshape(g, -1) for g in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input, r=2, with_replacement=False):
    """All choices of ``r`` elements of a vector, in its order, a row each.

    Shapes:
        x (n) → (number of choices, r)

    Raises:
        RuntimeError: not a vector, or a negative ``r``.

    Example:
        >>> import plugrad
        >>> plugrad.combinations(plugrad.tensor([1, 2, 3]))
        tensor([[1, 2],
                [1, 3],
                [2, 3]])
    """
    _vector(input)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_empty(0)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    chosen = list(choose(range(input.size(0)), r))
    columns = zip(*chosen, strict=True) if chosen else [()] * r
    return join.stack([input[_places(input, column)] for column in columns], 1)


def _places(input, column):
    from ..create import tensor

    return tensor(list(column), dtype=dtypes.int64, device=input.device)


def meshgrid(*tensors, indexing=None):
    """The coordinates of a grid, a tensor for each vector: gᵢ[j₁, ..., jₙ] = xᵢ[jᵢ]; views.

    Args:
        tensors: vectors or 0-d tensors of one dtype, or one list of them.
        indexing: "ij"; "xy" exchanges the first two dimensions of the result.

    Shapes:
        (n), (m), ... → (n, m, ...) each, (m, n, ...) for "xy"

    Raises:
        RuntimeError: no tensor, one with more dimensions, other dtypes or devices, another indexing.

    Example:
        >>> import plugrad
        >>> x, y = plugrad.meshgrid(plugrad.tensor([1, 2]), plugrad.tensor([3, 4, 5]), indexing="ij")
        >>> y
        tensor([[3, 4, 5],
                [3, 4, 5]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    check_elements(tensors)
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    check_grid(tensors, indexing)
    swapped = indexing == "xy" and len(tensors) > 1
    given = [tensors[1], tensors[0], *tensors[2:]] if swapped else tensors
    shape = tuple(t.numel() for t in given)
    made = []
    for i, t in enumerate(given):
        laid = r.view(t, *((1,) * i), t.numel(), *((1,) * (len(given) - i - 1)))
        made.append(r.expand(laid, *shape))
    return (made[1], made[0], *made[2:]) if swapped else tuple(made)


def check_grid(tensors, indexing):
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for t in tensors:
        if t.dtype is not tensors[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
        if t.device != tensors[0].device:
            raise RuntimeError("meshgrid expects all tensors to have the same device")
        if t.dim() > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t.dim()}D tensor of shape {list(t._a.shape)}"
            )
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')


# --- diagonals and turns ---
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Matrices, in dimensions ``dim1`` and ``dim2``, with the last dimension of ``input`` on their diagonals.

    Shapes:
        x (*, n) → (*, n + |offset|, n + |offset|)

    Raises:
        RuntimeError: the two dimensions are one.

    Example:
        >>> import plugrad
        >>> plugrad.diag_embed(plugrad.tensor([1, 2]), offset=1)
        tensor([[0, 1, 0],
                [0, 0, 2],
                [0, 0, 0]])
    """
    rank = rank_of(input) + 1
    i, j = one_axis(dim1, rank), one_axis(dim2, rank)
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    shape = tuple(input._a.shape)
    n = shape[-1] + abs(offset)
    made = s.diagonal_backward(input, offset, (*shape[:-1], n, n))
    if (i, j) != (rank - 2, rank - 1):
        others = iter(range(rank - 2))
        order = [rank - 2 if d == i else rank - 1 if d == j else next(others) for d in range(rank)]
        made = s.contiguous_(r.permute(made, *order))
    return named(made, "DiagEmbedBackward0")


def diagflat(input, offset=0):
    """The matrix with all elements of ``input`` on its diagonal.

    Example:
        >>> import plugrad
        >>> plugrad.diagflat(plugrad.tensor([1, 2]))
        tensor([[1, 0],
                [0, 2]])
    """
    return r.diag(r.reshape(input, -1), offset)


def rot90(input, k=1, dims=(0, 1)):
    """Turned k times by 90 degrees in a plane, from the first of ``dims`` towards the second, a copy.

    Raises:
        RuntimeError: not two different dimensions, or a tensor with fewer than two.

    Example:
        >>> import plugrad
        >>> plugrad.rot90(plugrad.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if rank_of(input) < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.dim()}")
    axes = tuple(one_axis(d, input.dim()) for d in dims)
    if axes[0] == axes[1]:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return rot90_(input, k % 4, axes)


def adjoint(input):
    """The conjugate transpose of matrices, in the last two dimensions: a view of a real tensor."""
    return _adjoint("adjoint()", input)


def _adjoint(name, input):
    if rank_of(input) == 0:
        _warn_of_scalar(name, "Consider using x.conj().")
        return conj(input)
    if input.dim() == 1:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return conj(r.transpose(input, -2, -1))


def _warn_of_scalar(name, advice):
    warnings.warn(f"Tensor.{name} is deprecated on 0-D tensors. {advice}", UserWarning, stacklevel=4)


def _conjugate_transpose(input):
    """``x.H``: of a matrix."""
    if input.dim() not in (0, 2):
        batches = " For batches of matrices, consider using tensor.mH" if input.dim() > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {input.dim()}-D tensor.{batches}"
        )
    return _adjoint("H", input)


def _batch_transpose(input):
    """``x.mT``: of matrices, in the last two dimensions."""
    if input.dim() == 0:
        _warn_of_scalar("mT", "This function is the identity in these cases.")
        return input
    if input.dim() == 1:
        raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return r.transpose(input, -2, -1)


METHODS = (adjoint, diag_embed, diagflat, rot90)


def install():
    """Give Tensor these methods."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    Tensor.H = property(_conjugate_transpose)
    Tensor.mH = property(lambda self: _adjoint("mH", self))
    Tensor.mT = property(_batch_transpose)


__all__ = [
    "adjoint", "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "cartesian_prod", "column_stack", "combinations", "diag_embed",
    "diagflat", "dstack", "meshgrid", "rot90",
]  # fmt: skip
