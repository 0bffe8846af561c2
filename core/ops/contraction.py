"""Products over chosen dimensions and their kin: tensordot, inner, kron, vdot, addbmm, addr, chain_matmul, vander."""

import itertools
import warnings

from ..naming import named
from ..shapes import one_axis, rank_of, shape_of
from ..tensor import Tensor
from ..views import check_in_place, store, write_out
from . import elementwise as e
from . import join, linalg, product
from . import reshaping as r
from .conversion import conj
from .in_place import in_place
from .reduction import cumprod


def _given(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


def _check_same_dtype(x, y):
    if x.dtype is not y.dtype:
        raise RuntimeError("both inputs should have same dtype")


def tensordot(a, b, dims=2, out=None):
    """Σ of products over pairs of dimensions: the last ``dims`` of ``a`` with the first of ``b``, or those listed.

    Args:
        a: a tensor.
        b: a tensor of the same dtype.
        dims: how many dimensions, or (those of ``a``, those of ``b``), also as a tensor of two rows.

    Shapes:
        a (*, K), b (K, •) → (*, •)

    Raises:
        RuntimeError: sizes that do not match, a dimension given twice, other dtypes.

    Example:
        >>> import plugrad
        >>> plugrad.tensordot(plugrad.ones(2, 3), plugrad.ones(3, 4), dims=1).shape
        torch.Size([2, 4])
    """
    of_a, of_b = _contracted(a, b, dims)
    _check_same_dtype(a, b)
    for i, j in zip(of_a, of_b, strict=True):
        if a.size(i) != b.size(j) and 1 not in (a.size(i), b.size(j)):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.size(i)} in dim {i} and second has size {b.size(j)} in dim {j}"
            )
    x, y = _without_repeats(a, of_a, b, of_b), _without_repeats(b, of_b, a, of_a)
    of_a, of_b = _axes(of_a, a.dim()), _axes(of_b, b.dim())
    rest_a = [i for i in range(a.dim()) if i not in of_a]
    rest_b = [i for i in range(b.dim()) if i not in of_b]
    n = 1
    for i in of_a:
        n *= x.size(i)
    left = r.reshape(r.permute(x, *rest_a, *of_a), -1 if n else _count(a, rest_a), n)
    right = r.reshape(r.permute(y, *of_b, *rest_b), n, -1 if n else _count(b, rest_b))
    made = r.reshape(product.mm(left, right), *(a.size(i) for i in rest_a), *(b.size(i) for i in rest_b))
    return _given(out, made, a, b)


def _count(t, dims):
    n = 1
    for i in dims:
        n *= t.size(i)
    return n


def _contracted(a, b, dims):
    """The dimensions of each, as they were given."""
    if isinstance(dims, Tensor):
        dims = dims.tolist() if dims.numel() > 1 else int(dims.item())
    if not isinstance(dims, int):
        of_a, of_b = dims
        for name, position, listed in (("dims_self", 3, of_a), ("dims_other", 4, of_b)):
            if not isinstance(listed, (tuple, list)):
                raise TypeError(
                    f"tensordot(): argument '{name}' (position {position}) must be tuple of ints, not {type(listed).__name__}"
                )
        if len(of_a) != len(of_b):
            raise RuntimeError("both dimension lists should have same length")
        return list(of_a), list(of_b)
    if dims < 0:
        raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
    if dims > min(a.dim(), b.dim()):
        raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
    return list(range(-dims, 0)), list(range(dims))


def _axes(dims, rank):
    found = [one_axis(d, rank) for d in dims]
    for d in found:
        if found.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return found


def _without_repeats(t, dims, other, of_other):
    """The tensor summed over contracted dimensions where the other one has size 1."""
    wide = tuple(i for i, j in zip(dims, of_other, strict=True) if other.size(j) == 1 != t.size(i))
    return t.sum(wide, keepdim=True) if wide else t


def inner(input, other, *, out=None):
    """Σ of products over the last dimension of both; of a 0-d tensor the product.

    Shapes:
        x (*, K), y (•, K) → (*, •)

    Raises:
        RuntimeError: last dimensions or dtypes that differ.

    Example:
        >>> import plugrad
        >>> plugrad.inner(plugrad.tensor([1.0, 2.0]), plugrad.tensor([3.0, 4.0]))
        tensor(11.)
    """
    if not rank_of(input) or not rank_of(other):
        return _given(out, e.mul(input, other), input, other)
    if input.size(-1) != other.size(-1):
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input._a.shape)} and {list(other._a.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]), out=out)


def vdot(input, other, *, out=None):
    """Σ conj(xᵢ) yᵢ of two vectors.

    Raises:
        RuntimeError: not vectors of one length and dtype.

    Example:
        >>> import plugrad
        >>> plugrad.vdot(plugrad.tensor([1j]), plugrad.tensor([1j]))
        tensor(1.+0.j)
    """
    made = named(product.dot(conj(input) if rank_of(input) == 1 else input, other), "VdotBackward0")
    return _given(out, made, input, other)


def cross(input, other, dim=None, *, out=None):
    """The cross products of vectors of three along a dimension; see :func:`plugrad.linalg.cross`.

    Args:
        input: a tensor with three elements along ``dim``.
        other: of as many dimensions; the others broadcast.
        dim: default: the first dimension of size 3, with a warning.

    Raises:
        RuntimeError: no dimension of size 3.

    Example:
        >>> import plugrad
        >>> plugrad.cross(plugrad.tensor([1.0, 0.0, 0.0]), plugrad.tensor([0.0, 1.0, 0.0]), dim=0)
        tensor([0., 0., 1.])
    """
    if dim is None:
        warnings.warn(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or simply use "
            "torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a future release.",
            UserWarning,
            stacklevel=2,
        )
        sizes = list(shape_of(input))
        if 3 not in sizes:
            raise RuntimeError("no dimension of size 3 in input")
        dim = sizes.index(3)
    return linalg.cross(input, other, dim=dim, out=out)


def kron(input, other, *, out=None):
    """The Kronecker product: every element of ``input`` times the whole of ``other``.

    Shapes:
        x (n₁, ..., nₖ), y (m₁, ..., mₖ) → (n₁ m₁, ..., nₖ mₖ); of fewer dimensions ones are put in front

    Example:
        >>> import plugrad
        >>> plugrad.kron(plugrad.tensor([1, 2]), plugrad.tensor([1, 1]))
        tensor([1, 1, 2, 2])
    """
    rank = max(rank_of(input), rank_of(other))
    n = (1,) * (rank - input.dim()) + tuple(input._a.shape)
    m = (1,) * (rank - other.dim()) + tuple(other._a.shape)
    x = r.reshape(input, tuple(size for i in n for size in (i, 1)))
    y = r.reshape(other, tuple(size for i in m for size in (1, i)))
    made = r.reshape(e.mul(x, y), tuple(i * j for i, j in zip(n, m, strict=True)))
    return _given(out, named(made, "UnsafeViewBackward0"), input, other)


# --- sums with products ---
def _check_numbers(input, beta, alpha):
    if input.dtype.kind < 2:
        for name, number in (("beta", beta), ("alpha", alpha)):
            if isinstance(number, float):
                raise RuntimeError(f"For integral input tensors, argument {name} must not be a floating point number.")


def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """β · input + α · Σ_b batch1[b] @ batch2[b].

    Shapes:
        input broadcasts to (n, m), batch1 (b, n, k), batch2 (b, k, m) → (n, m)

    Raises:
        RuntimeError: shapes that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.addbmm(plugrad.zeros(1, 1), plugrad.ones(2, 1, 3), plugrad.ones(2, 3, 1))
        tensor([[6.]])
    """
    for name, batch in (("batch1", batch1), ("batch2", batch2)):
        if rank_of(batch) != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    (b, n, k), (c, j, m) = batch1._a.shape, batch2._a.shape
    if b != c:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {b} and {c}")
    if k != j:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({n}x{k} and {j}x{m})")
    if input.dtype.kind < 2:
        beta, alpha = int(beta), int(alpha)
    made = _scaled_sum(r.expand(input, n, m), beta, product.bmm(batch1, batch2).sum(0), alpha)
    return _given(out, named(made, "AddbmmBackward0"), input, batch1, batch2)


def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """β · input + α · vec1ᵢ vec2ⱼ.

    Shapes:
        input broadcasts to (n, m), vec1 (n), vec2 (m) → (n, m)

    Raises:
        RuntimeError: not vectors, or shapes that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.addr(plugrad.zeros(1, 2), plugrad.ones(1), plugrad.tensor([1.0, 2.0]))
        tensor([[1., 2.]])
    """
    for name, vector in (("vec1", vec1), ("vec2", vec2)):
        if rank_of(vector) != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {vector.dim()}-D")
    _check_numbers(input, beta, alpha)
    wide = r.expand(input, vec1.size(0), vec2.size(0))
    made = _scaled_sum(wide, beta, e.mul(r.reshape(vec1, -1, 1), vec2), alpha)
    return _given(out, named(made, "AddrBackward0"), input, vec1, vec2)


def _scaled_sum(x, beta, y, alpha):
    """β x + α y; β = 0 leaves x out, whose NaN would spread otherwise."""
    y = y if alpha == 1 else e.mul(y, alpha)
    if beta == 0:
        return y
    return e.add(x if beta == 1 else e.mul(x, beta), y)


def chain_matmul(*matrices, out=None):
    """The product of matrices, in the order that needs the fewest operations (use plugrad.linalg.multi_dot).

    Raises:
        RuntimeError: no matrix, or shapes that do not fit.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.multi_dot([plugrad.ones(1, 2), plugrad.ones(2, 1)])  # in place of chain_matmul
        tensor([[2.]])
    """
    warnings.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use torch.linalg.multi_dot instead, which "
        "accepts a list of two or more tensors rather than multiple parameters.",
        UserWarning,
        stacklevel=2,
    )
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    for t in matrices:
        if rank_of(t) != 2:
            raise RuntimeError(f"Tensor dimension is {t.dim()}, expected 2 instead.")
    if len(matrices) == 1:
        return _given(out, matrices[0].clone(), *matrices)
    for i, (x, y) in enumerate(itertools.pairwise(matrices)):
        if x.size(1) != y.size(0):
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(x._a.shape)} and {list(y._a.shape)} cannot be multiplied"
            )
    return linalg.multi_dot(matrices, out=out)


def vander(x, N=None, increasing=False):
    """The Vandermonde matrix: the powers N-1, ..., 1, 0 of each element, a row each.

    Args:
        x: a vector; whole numbers give int64.
        N: how many powers; default: as many as elements.
        increasing: from 0 to N - 1 instead.

    Raises:
        RuntimeError: not a vector, or a negative N.

    Example:
        >>> import plugrad
        >>> plugrad.vander(plugrad.tensor([1, 2, 3]))
        tensor([[1, 1, 1],
                [4, 2, 1],
                [9, 3, 1]])
    """
    if rank_of(x) != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.size(0) if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    x = x.long() if x.dtype.kind < 2 else x
    if n == 0:
        return x.new_empty(x.size(0), 0)
    made = x.new_ones(x.size(0), 1)
    if n > 1:
        made = join.cat([made, cumprod(r.expand(r.unsqueeze(x, 1), x.size(0), n - 1), 1)], 1)
    return made if increasing else r.flip(made, 1)


def addbmm_(self, batch1, batch2, *, beta=1, alpha=1):
    """In-place form of :func:`addbmm`; a tensor that is broadcast there grows to the shape of the result."""
    made = addbmm(self, batch1, batch2, beta=beta, alpha=alpha)
    if made._a.shape != self._a.shape and not self._is_view():
        check_in_place(self, made)
        self._a = self._xp.empty(made._a.shape, self._a.dtype)
    return store(self, made)


addmv_ = in_place(product.addmv, "addmv_")
METHODS = (inner, vdot, cross, kron, addbmm, addr)


def install():
    """Give Tensor these methods, and the in-place ones of the sums with products."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    Tensor.addbmm_ = addbmm_
    for function in (addr, product.addmm, product.addmv, product.baddbmm):
        name = function.__name__ + "_"
        setattr(Tensor, name, in_place(function, name))


__all__ = ["addbmm", "addmv_", "addr", "chain_matmul", "cross", "inner", "kron", "tensordot", "vander", "vdot"]
