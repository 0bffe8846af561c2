"""torch.linalg: norms of vectors and matrices, condition numbers, products, and other names for diagonals."""

import warnings
from itertools import pairwise

from .. import dtypes
from ..errors import scalar_name
from ..naming import named
from ..shapes import axes as axes_of
from ..shapes import dtype_of, one_axis, rank_of
from ..views import write_out
from . import elementwise as e
from . import join, product, reduction
from . import reduce as r
from .decompositions import svdvals
from .matrix_checks import need_one_dtype, need_square, need_tensor, untracked, written
from .reduction import power_norm
from .reshaping import diagonal as _diagonal
from .solving import inv_ex
from .solving_rows import cross_

INF = float("inf")


def _checked(name, A, dtype):
    """``A`` in the dtype to compute in."""
    if dtype_of(A).kind < dtypes.FLOAT:
        raise RuntimeError(
            f"linalg.{name}: Expected a floating point or complex tensor as input. Got {scalar_name(A.dtype)}"
        )
    if dtype is None:
        return A
    if dtype.kind < dtypes.FLOAT:
        raise RuntimeError(f"linalg.{name}: dtype should be floating point or complex, but got {scalar_name(dtype)}")
    if dtype.itemsize < A.dtype.itemsize:
        raise RuntimeError(
            f"linalg.{name}: the dtype of the input ({scalar_name(A.dtype)}) should be convertible without narrowing to the specified "
            f"dtype ({scalar_name(dtype)})"
        )
    return A.to(dtype)


def _out(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """Return (Σ|x|^ord)^(1/ord) of all elements, or over dimensions.

    Args:
        ord: a number; inf and -inf give the largest and smallest |x|, 0 counts what is not zero.
        dim: an int or a tuple; default: all elements.

    Shapes:
        x (*) → () or x without ``dim``.

    Raises:
        RuntimeError: x holds whole numbers, or inf is asked of no elements.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.vector_norm(plugrad.tensor([3.0, 4.0]))
        tensor(5.)
    """
    if isinstance(ord, str):
        raise TypeError("linalg_vector_norm(): argument 'ord' (position 2) must be Number, not str")
    input, x = x, _checked("vector_norm", x, dtype)
    axes = axes_of(dim, x.dim())
    _need_elements(x, ord, axes)
    return _out(out, power_norm(x, float(ord), axes, keepdim), input)


def _need_elements(x, ord, axes):
    if abs(ord) != INF or x.numel():
        return
    text = "because the operation does not have an identity"
    if axes is None:
        raise RuntimeError(f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor {text}")
    for axis in axes:
        if x._a.shape[axis] == 0:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {ord} norm on the dimension {axis}because this dimension is empty and the "
                "operation does not have an identity"
            )


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """Return a norm of each matrix that two dimensions hold.

    Args:
        ord: "fro" √Σ|a|²; "nuc" the sum of the singular values; 2 and -2 the largest and smallest of these; 1 and -1 the
            largest and smallest sum of |a| down a column; inf and -inf along a row.

    Shapes:
        A (*, n, m) → (*)

    Raises:
        RuntimeError: any other ord, whole numbers, fewer than two dimensions.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.matrix_norm(plugrad.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
        tensor(6.)
    """
    if rank_of(A) < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    input, A = A, _checked("matrix_norm", A, dtype)
    rows, columns = _two_axes(A, dim)
    if ord in ("nuc", 2, -2):
        if out is not None and out.dtype is not A.abs().dtype:
            raise RuntimeError(
                f"linalg.matrix_norm expected out tensor dtype {scalar_name(A.abs().dtype)} but got: {scalar_name(out.dtype)}"
            )
        return _out(out, _norm_of_values(A, ord, rows, columns, keepdim), input)
    if ord == "fro":
        return _out(out, power_norm(A, 2.0, (rows, columns), keepdim), input)
    if ord not in (1, -1, INF, -INF):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = r.sum_(A.abs(), (inner,), keepdim)
    if not keepdim and outer > inner:
        outer -= 1
    if ord > 0 and sums._a.shape[outer] == 0:
        return _out(out, r.sum_(sums, (outer,), keepdim), input)
    return _out(out, (reduction.amax if ord > 0 else reduction.amin)(sums, outer, keepdim), input)


def _norm_of_values(A, ord, rows, columns, keepdim):
    """A norm by the singular values."""
    matrices = A.movedim((rows, columns), (-2, -1))
    values = svdvals(matrices)
    if ord == "nuc" or (ord == 2 and 0 in matrices._a.shape[-2:]):
        made = values.sum(-1)
    elif not values._a.shape[-1]:
        raise IndexError("amin(): Expected reduction dim -1 to have non-zero size.")
    else:
        made = (reduction.amax if ord > 0 else reduction.amin)(values, -1)
    return made.unsqueeze(-1).unsqueeze(-1).movedim((-2, -1), (rows, columns)) if keepdim else made


def _two_axes(A, dim):
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        raise RuntimeError(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim)) if isinstance(dim, (tuple, list)) else dim}"
        )
    rows, columns = (one_axis(d, A.dim()) for d in dim)
    if rows == columns:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    return rows, columns


def norm(A, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """Return a vector norm, or a matrix norm where ``ord`` is a name, two dimensions are given, or A is a matrix.

    Raises:
        RuntimeError: ord is given without dim and A has more than two dimensions.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.norm(plugrad.ones(2, 2))
        tensor(2.)
    """
    if dim is None and ord is not None and rank_of(A) not in (1, 2) and not isinstance(ord, str):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is not None and (isinstance(ord, str) or pair or (dim is None and A.dim() == 2)):
        return _out(out, matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype), A)
    return _out(out, vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype), A)


def frobenius_norm(input, dim, keepdim=False, *, out=None):
    """Return √Σ|x|² over one or two dimensions, all of them for ``dim=[]``.

    Example:
        >>> import warnings, plugrad
        >>> with warnings.catch_warnings(action="ignore"):
        ...     plugrad.frobenius_norm(plugrad.tensor([[3.0, 4.0]]), [0, 1])
        tensor(5.)
    """
    _left_for_jit("frobenius_norm", "vector_norm(A, 2., dim, keepdim)")
    _need_smooth_norm(input)
    listed = (dim,) if isinstance(dim, int) else tuple(dim)
    if len(listed) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(listed)} dimensions instead.")
    made = named(power_norm(input, 2.0, axes_of(listed, input.dim()), keepdim), "NormBackward1")
    return _out(out, made, input)


def _left_for_jit(name, instead):
    warnings.warn(
        f"at::{name} is deprecated and it is just left for JIT compatibility. It will be removed in a future PyTorch release. Please "
        f"use `linalg.{instead}` instead",
        UserWarning,
        stacklevel=3,
    )


def _need_smooth_norm(input):
    if dtype_of(input).kind < dtypes.FLOAT:
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {scalar_name(input.dtype)} instead."
        )


def nuclear_norm(input, dim=(-2, -1), keepdim=False, *, out=None):
    """Return the sum of the singular values of matrices; ``nuclear_norm(input, True)`` keeps the dimensions.

    Example:
        >>> import warnings, plugrad
        >>> with warnings.catch_warnings(action="ignore"):
        ...     plugrad.nuclear_norm(plugrad.eye(3))
        tensor(3.)
    """
    _left_for_jit("nuclear_norm", "matrix_norm(A, 'nuc', dim, keepdim)")
    if isinstance(dim, bool):
        dim, keepdim = (-2, -1), dim
    return matrix_norm(input, "nuc", dim, keepdim, out=out)


def norm_except_dim(v, pow=2, dim=0):
    """Return the norms over all dimensions but one, which the weights of ``weight_norm`` are divided by.

    Args:
        pow: the p of the p-norm.
        dim: the dimension that stays; -1: none does.

    Shapes:
        (d0, d1, d2) with dim=1 → (1, d1, 1); with dim=-1 → ()

    Example:
        >>> import plugrad
        >>> plugrad.norm_except_dim(plugrad.tensor([[3.0, 4.0], [0.0, 2.0]]))
        tensor([[5.],
                [2.]])
    """
    _need_smooth_norm(v)
    if dim == -1:
        return named(power_norm(v, float(pow), None, False), "NormBackward0")
    if dim not in (0, v.dim() - 1):
        return norm_except_dim(v.transpose(0, dim), pow, 0).transpose(0, dim)
    kept = v.contiguous().reshape(v.size(0), -1) if dim == 0 else v.contiguous().reshape(-1, v.size(dim))
    norms = named(power_norm(kept, float(pow), (1 - bool(dim),), False), "NormBackward1")
    return norms.view([-1 if i == dim else 1 for i in range(v.dim())])


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """Return the diagonal of the last two dimensions, a view."""
    return _diagonal(A, offset, dim1, dim2)


def matmul(input, other, *, out=None):
    """Return the matrix product; see :func:`plugrad.matmul`."""
    return product.matmul(input, other, out=out)


def vecdot(x, y, *, dim=-1, out=None):
    """Return Σ conj(x)·y along a dimension."""
    need_one_dtype("linalg.vecdot", x, y, "x", "y")
    if out is not None and out.dtype is not x.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected out of dtype{scalar_name(x.dtype)} but found {scalar_name(out.dtype)}"
        )
    return _out(out, (x.conj() * y).sum(dim), x, y)


def multi_dot(tensors, *, out=None):
    """Return the product of two or more matrices, multiplied in the order that needs the fewest operations."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    _need_chain(tensors)
    made = _chain(tensors, *_best_cuts([t._a.shape for t in _as_matrices(tensors)]))
    return _out(out, made, *tensors)


def _need_chain(tensors):
    shapes = [list(t.shape) for t in _as_matrices(tensors)]
    for i, (a, b) in enumerate(pairwise(shapes)):
        if len(a) == 2 and len(b) == 2 and a[1] != b[0]:
            raise RuntimeError(f"multi_dot(): tensors {i} and {i + 1} with shapes {a} and {b} cannot be multiplied")


def _as_matrices(tensors):
    first = tensors[0].unsqueeze(0) if tensors[0].dim() == 1 else tensors[0]
    last = tensors[-1].unsqueeze(1) if tensors[-1].dim() == 1 else tensors[-1]
    return [first, *tensors[1:-1], last]


def _best_cuts(shapes):
    """The cheapest place to cut each run of matrices, by length (dynamic programming), and how many matrices there are."""
    n = len(shapes)
    sizes = [shapes[0][0], *(shape[1] for shape in shapes)]
    cost = {(i, i): 0 for i in range(n)}
    cut = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [(cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)]
            cost[i, j], cut[i, j] = min(options)
    return cut, n


def _chain(tensors, cut, n):
    matrices = _as_matrices(tensors)

    def multiply(i, j):
        return matrices[i] if i == j else product.mm(multiply(i, cut[i, j]), multiply(cut[i, j] + 1, j))

    made = multiply(0, n - 1)
    if tensors[0].dim() == 1:
        made = made.view(made._a.shape[1:])
    return made.view(made._a.shape[:-1]) if tensors[-1].dim() == 1 else made


def cond(A, p=None, *, out=None):
    """Return the condition number ‖A‖·‖A⁻¹‖, of p None or 2 the ratio of the largest singular value to the smallest.

    Args:
        p: None, 2, -2, "fro", "nuc", 1, -1, inf or -inf, as in :func:`plugrad.linalg.matrix_norm`.

    Shapes:
        A (*, n, n) → (*); for p None, 2 and -2 also (*, m, n)

    Raises:
        RuntimeError: fewer than two dimensions, another p.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.cond(plugrad.tensor([[4.0, 0.0], [0.0, 2.0]]))
        tensor(2.)
    """
    need_tensor("linalg_cond", "input", 1, A)
    if A.dim() < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p not in (None, 2, -2, "fro", "nuc", 1, -1, INF, -INF):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if p in (None, 2, -2):
        return written(out, _ratio_of_values(A, p), A, castable="linalg.cond")
    need_square(f"linalg.cond(ord={p})", A)
    if not A.numel():
        return written(out, A.abs().sum((-2, -1)), A, castable="linalg.cond")
    inverse, info = inv_ex(A)
    if p != "nuc":
        inverse = e.where_(INF, inverse, (info != 0).unsqueeze(-1).unsqueeze(-1)._a)
    return written(out, matrix_norm(A, p) * matrix_norm(inverse, p), A, castable="linalg.cond")


def _ratio_of_values(A, p):
    values = svdvals(A)
    if not values.numel():
        return untracked(A, A._xp.zeros(values._a.shape[:-1], values._a.dtype))
    largest, smallest = values[..., :1], values[..., -1:]
    return (smallest / largest if p == -2 else largest / smallest).squeeze(-1)


def cross(input, other, *, dim=-1, out=None):
    """Return the cross products of vectors of three along a dimension.

    Shapes:
        input (*, 3), other (*, 3) → (*, 3); the other dimensions broadcast.

    Raises:
        RuntimeError: ranks differ, the dimension has not size 3.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.cross(plugrad.tensor([1.0, 0.0, 0.0]), plugrad.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    need_tensor("linalg_cross", "input", 1, input)
    need_tensor("linalg_cross", "other", 2, other)
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    axis = one_axis(dim, input.dim())
    a, b = input._a.shape, other._a.shape
    if a[axis] != 3 or b[axis] != 3:
        raise RuntimeError(f"linalg.cross: inputs dimension {dim} must have length 3. Got {a[axis]} and {b[axis]}")
    if input.dtype is not other.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(input.dtype)} but found {scalar_name(other.dtype)}")
    return written(out, cross_(input, other, axis), input, other)


def vander(x, N=None):
    """Return the powers 0 … N - 1 of each element, in rows.

    Args:
        N: how many; default: as many as the last dimension of x has elements.

    Shapes:
        x (*, n) → (*, n, N)

    Raises:
        RuntimeError: N is below 2, or x holds bools.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.vander(plugrad.tensor([1, 2, 3]), N=3)
        tensor([[1, 1, 1],
                [1, 2, 4],
                [1, 3, 9]])
    """
    need_tensor("linalg_vander", "x", 1, x)
    if x.dtype is dtypes.bool_:
        raise RuntimeError("linalg.vander supports floating point, complex, and integer tensors, but got Bool")
    x = x if x.dim() else x.unsqueeze(0)
    count = x._a.shape[-1] if N is None else N
    if count <= 1:
        raise RuntimeError("N must be greater than 1.")
    columns = x.unsqueeze(-1).expand(*x._a.shape, count - 1)
    xp = x._xp
    ones = untracked(x, xp.ones((*x._a.shape, 1), columns._a.dtype))
    powers = columns.cumprod(-1)
    return join.cat([ones.to(powers.dtype), powers], -1)


__all__ = [
    "cond",
    "cross",
    "diagonal",
    "matmul",
    "matrix_norm",
    "multi_dot",
    "norm",
    "vander",
    "vecdot",
    "vector_norm",
]
