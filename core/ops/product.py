"""Matrix products."""

from ..compile import bilinear
from ..dtypes import FLOAT
from ..errors import broadcast_failure, c_name, c_type, no_tensor, two_devices
from ..naming import named
from ..shapes import broadcast_shapes, dtype_of, rank_of
from ..tensor import Tensor
from ..views import write_out
from . import elementwise as e
from .shape import erase_


def mT(xp, a):
    return xp.swap_axes(a, len(a.shape) - 2, len(a.shape) - 1)


def _dtypes_differ(x, y):
    if x.dtype is not y.dtype:
        return RuntimeError(
            f"expected m1 and m2 to have the same dtype, but got: {c_name(x.dtype)} != {c_name(y.dtype)}"
        )
    return None


def _mm_check(x, y):
    for name, value in (("self", x), ("mat2", y)):
        if rank_of(value) != 2:
            return RuntimeError(f"{name} must be a matrix")
    a, b = x.shape, y.shape
    if a[1] != b[0]:
        return RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})")
    return _dtypes_differ(x, y)


def _bmm_check(x, y):
    for name, value in (("batch1", x), ("batch2", y)):
        if rank_of(value) != 3:
            return RuntimeError(f"{name} must be a 3D tensor")
    a, b = x.shape, y.shape
    if a[0] != b[0] or a[2] != b[1]:
        return RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: [{b[0]}, {b[1]}]."
        )
    return _dtypes_differ(x, y)


def _batches_check(x, y):
    """Batches broadcast here, unlike in bmm."""
    return broadcast_failure([x.shape[:-2], y.shape[:-2]]) or _bmm_check(x, y)


mm_ = bilinear(
    "mm_(x, y)",
    lambda xp, g, y: xp.matmul(g, mT(xp, y)),
    lambda xp, g, x: xp.matmul(mT(xp, x), g),
    doc="product of two matrices",
    xp="matmul",
    node="MmBackward0",
    check=_mm_check,
)
bmm_ = bilinear(
    "bmm_(x, y)",
    lambda xp, g, y: xp.matmul(g, mT(xp, y)),
    lambda xp, g, x: xp.matmul(mT(xp, x), g),
    doc="products of matrices, batch by batch; the walk sums over broadcast batches",
    xp="matmul",
    node="BmmBackward0",
    check=_batches_check,
)
mv_ = bilinear(
    "mv_(x, y)",
    lambda xp, g, y: xp.expand_dims(g, 1) * y,
    lambda xp, g, x: xp.matmul(mT(xp, x), g),
    doc="matrix times vector",
    xp="matmul",
    node="MvBackward0",
)
dot_ = bilinear(
    "dot_(x, y)",
    lambda xp, g, y: g * y,
    lambda xp, g, x: g * x,
    doc="Σ xᵢ yᵢ",
    xp="matmul",
    node="DotBackward0",
)


def _out(out, made, *inputs):
    return made if out is None else write_out(out, made, *inputs)


def mm(input, mat2, *, out=None):
    """The product of two matrices: x (n, k), y (k, m) → (n, m).

    Raises:
        RuntimeError: not matrices, inner sizes or dtypes that differ.
    """
    error = _mm_check(input, mat2)
    if error is not None:
        raise error
    return _out(out, mm_(input, mat2), input, mat2)


def bmm(input, mat2, *, out=None):
    """The products of matrices, batch by batch: (b, n, k), (b, k, m) → (b, n, m)."""
    error = _bmm_check(input, mat2)
    if error is not None:
        raise error
    return _out(out, bmm_(input, mat2), input, mat2)


def mv(input, vec, *, out=None):
    """Matrix times vector: (n, k), (k) → (n)."""
    if rank_of(input) != 2 or rank_of(vec) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {rank_of(vec)}, {input.dim()}, {rank_of(vec)}")
    if input._a.shape[1] != vec._a.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input._a.shape[0]}), mat ({input._a.shape[0]}x{input._a.shape[1]}), vec ({vec._a.shape[0]})"
        )
    return _out(out, mv_(input, vec), input, vec)


def dot(input, tensor, *, out=None):
    """Σ xᵢ yᵢ of two vectors."""
    if rank_of(input) != 1 or rank_of(tensor) != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.dim()}D and {rank_of(tensor)}D tensors")
    if input.dtype is not tensor.dtype:
        from ..errors import scalar_name

        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {scalar_name(input.dtype)} and {scalar_name(tensor.dtype)}"
        )
    if input._a.shape != tensor._a.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{input.numel()}] and src [{tensor.numel()}] to have the same number of "
            f"elements, but got {input.numel()} and {tensor.numel()} elements respectively"
        )
    return _out(out, dot_(input, tensor), input, tensor)


def matmul(input, other, *, out=None):
    """Matrix product by the ranks: vectors are rows or columns, leading dimensions are batches and broadcast.

    Example:
        >>> import plugrad
        >>> plugrad.matmul(plugrad.ones(2, 3), plugrad.ones(3))
        tensor([3., 3.])
    """
    return _out(out, _matmul(input, other), input, other)


def _matmul(x, y):
    if not isinstance(y, Tensor):
        raise no_tensor(y if isinstance(x, Tensor) else x)
    try:
        n, m = len(x._a.shape), len(y._a.shape)
    except AttributeError:
        raise no_tensor(x) from None
    if n == 2 and m == 2:
        return mm_(x, y)
    if n == 0 or m == 0:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {n}D and {m}D")
    if x._xp.device is not y._xp.device:
        raise two_devices([x, y])
    if n == 1 and m == 1:
        return dot(x, y)
    if n == 2 and m == 1:
        return mv(x, y)
    if n == 1:
        return _matmul(x.unsqueeze(0), y).squeeze(-2)
    if m == 1:
        return _matmul(x, y.unsqueeze(1)).squeeze(-1)
    return _batched(x, y)


def _batched(x, y):
    a, b = x._a.shape, y._a.shape
    if a[-1] != b[-2]:
        if len(b) == 2:
            rows = 1
            for size in a[:-1]:
                rows *= size
            raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a[-1]} and {b[0]}x{b[1]})")
        misfit = broadcast_failure([a[:-2], b[:-2]])
        if misfit is not None:
            raise misfit
        batch = broadcast_shapes(a[:-2], b[:-2]).numel()
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {a[-1]}] but got: [{batch}, {b[-2]}]."
        )
    error = _dtypes_differ(x, y)
    if error is not None:
        raise RuntimeError(str(error).replace("m1 and m2", "m1 and m2"))
    if len(b) == 2:
        return mm_(x.reshape(-1, a[-1]), y).reshape(*a[:-1], b[-1])
    return bmm_(x, y)


def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """β · input + α · mat1 @ mat2."""
    made = named(_share(input, beta) + _share(mm(mat1, mat2), alpha), "AddmmBackward0")
    return _out(out, made, input, mat1, mat2)


def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """β · input + α · mat @ vec."""
    made = named(_share(input, beta) + _share(mv(mat, vec), alpha), "AddmvBackward0")
    return _out(out, made, input, mat, vec)


def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """β · input + α · batch1 @ batch2, batch by batch."""
    made = named(_share(input, beta) + _scale(bmm(batch1, batch2), alpha), "BaddbmmBackward0")
    return _out(out, made, input, batch1, batch2)


def _scale(x, factor):
    """Of whole numbers, the whole part of the factor times x."""
    if dtype_of(x).kind < FLOAT and not isinstance(factor, int):
        if isinstance(factor, complex):
            raise RuntimeError(f"value cannot be converted to type {c_type(x.dtype)} without overflow")
        factor = int(factor)
    return x if factor == 1 else x * factor


def _share(x, factor):
    """A factor times x; the factor 0 leaves NaN and infinities behind."""
    return erase_(x) if factor == 0 and x.dtype.kind >= FLOAT else _scale(x, factor)


def outer(input, vec2, *, out=None):
    """xᵢ yⱼ of two vectors."""
    if rank_of(input) != 1 or rank_of(vec2) != 1:
        raise RuntimeError(f"outer: Expected 1-D argument self, but got {input.dim()}-D")
    return _out(out, e.mul(input.reshape(-1, 1), vec2), input, vec2)


def ger(input, vec2, *, out=None):
    """xᵢ yⱼ of two vectors; an older name of :func:`outer`."""
    return outer(input, vec2, out=out)


METHODS = (ger, mm, bmm, mv, dot, matmul, addmm, addmv, baddbmm, outer)


def install():
    """Give Tensor its products."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
    Tensor.__matmul__ = _matmul
    Tensor.__rmatmul__ = lambda self, other: _matmul(other, self)
