"""Distances between all pairs of rows."""

from ..compile import general, nondifferentiable
from ..errors import broadcast_failure, scalar_name
from ..shapes import broadcast_shapes
from ..slow import is_tensor
from ..tensor import Tensor
from . import reshaping as r
from .underived import no_forward_mode, underived

cdist_ = general(
    "cdist_(x, y, *, p)",
    lambda xp, g, x, y, out, p: xp.cdist_grad(g, x, y, out, p, True),
    lambda xp, g, x, y, out, p: xp.cdist_grad(g, x, y, out, p, False),
    jvp=lambda xp, t_x, t_y, x, y, out, p: xp.cdist_tangent(t_x, t_y, x, y, out, p),
    doc="p-norm distances of the rows of x to those of y",
    xp="cdist",
    node="CdistBackward0",
    match=True,
)
euclidean_dist_ = general(
    "euclidean_dist_(x, y)",
    lambda xp, g, x, y, out: xp.euclidean_grad(g, x, y, out),
    lambda xp, g, x, y, out: xp.euclidean_grad(xp.matrix_transpose(g), y, x, xp.matrix_transpose(out)),
    jvp=lambda xp, t_x, t_y, x, y, out: xp.euclidean_tangent(t_x, t_y, x, y, out),
    doc="Euclidean distances of the rows of x to those of y, by a matrix product",
    xp="euclidean_dist",
    node="EuclideanDistBackward0",
    match=True,
)


def _pdist_gradient(xp, g, x, out, p):
    made = xp.pdist_grad(g, x, out, p)
    if not is_tensor(made):
        return made
    message = "the derivative for '_pdist_backward' is not implemented."
    return underived(made, (g, x), message, "PdistBackwardBackward0", NotImplementedError)


pdist_ = general(
    "pdist_(x, *, p)",
    lambda xp, g, x, out, p: _pdist_gradient(xp, g, x, out, p),
    jvp=no_forward_mode("_pdist_forward"),
    doc="p-norm distances of each two rows of x",
    xp="pdist",
    node="PdistBackward0",
)
pdist_grad = nondifferentiable("pdist_grad(g, x, out, *, p)", doc="the gradient of pdist for x")

MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)
MANY = 25  # rows, from which on the default mode takes the matrix product


def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The distances of all rows of ``x1`` to all rows of ``x2``: (Σ |x1ᵢ - x2ᵢ|^p)^(1/p).

    Args:
        x1: rows in the last dimension, batches before the last two.
        x2: the same, with as many columns.
        p: at least 0; 0 counts the columns that differ, infinity takes the largest difference.
        compute_mode: whether Euclidean distances come from a matrix product, which is faster and less exact.

    Shapes:
        x1 (*, P, M), x2 (*, R, M) → (*, P, R); batches broadcast

    Raises:
        RuntimeError: fewer than two dimensions, other numbers of columns, whole numbers, a negative p.
        ValueError: another mode.

    Example:
        >>> import plugrad
        >>> plugrad.cdist(plugrad.zeros(1, 2), plugrad.tensor([[3.0, 4.0]]))
        tensor([[5.]])
    """
    if compute_mode not in MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    check(x1, x2, p)
    batch = broadcast_shapes(x1._a.shape[:-2], x2._a.shape[:-2])
    x = r.expand(x1, *batch, *x1._a.shape[-2:])
    y = r.expand(x2, *batch, *x2._a.shape[-2:])
    many = x.size(-2) > MANY or y.size(-2) > MANY
    if p == 2 and (compute_mode == MODES[1] or (many and compute_mode == MODES[0])):
        return euclidean_dist_(x, y)
    return cdist_(x, y, float(p))


def check(x1, x2, p):
    for name, t in (("X1", x1), ("X2", x2)):
        if not isinstance(t, Tensor):
            raise TypeError(f"cdist(): argument '{name.lower()}' must be Tensor, not {type(t).__name__}")
    for name, t in (("X1", x1), ("X2", x2)):
        if not t.is_floating_point():
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {scalar_name(t.dtype)}")
    for name, t in (("X1", x1), ("X2", x2)):
        if t.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {t.dim()}D")
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if x1.dtype is not x2.dtype:
        raise RuntimeError(f"expected scalar type {scalar_name(x1.dtype)} but found {scalar_name(x2.dtype)}")
    error = broadcast_failure([x1._a.shape[:-2], x2._a.shape[:-2]])
    if error is not None:
        raise error


def pdist(input, p=2.0):
    """The distances of each two rows, (Σ |xᵢ - xⱼ|^p)^(1/p) for i < j: the upper triangle of ``cdist`` of the rows with themselves.

    Args:
        input: the rows.
        p: at least 0; 0 counts the columns that differ, infinity takes the largest difference.

    Shapes:
        input (N, M) → (N·(N-1)/2)

    Raises:
        RuntimeError: not two dimensions, whole numbers, a negative p.
        NotImplementedError: half precision; or, in a backward pass, that torch has no second derivative of it.

    Example:
        >>> import plugrad
        >>> plugrad.pdist(plugrad.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
        tensor([5.0000, 1.0000, 4.2426])
    """
    if not is_tensor(input):
        raise TypeError(f"pdist(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    if not isinstance(p, (int, float)):
        raise TypeError(f"pdist(): argument 'p' (position 2) must be float, not {type(p).__name__}")
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if input.dtype.itemsize < 4 and input.numel() and input.size(0) > 1:
        raise NotImplementedError(f"\"pdist\" not implemented for '{scalar_name(input.dtype)}'")
    return pdist_(input, float(p))


__all__ = ["cdist", "pdist"]
