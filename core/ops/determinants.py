"""Determinants, powers and the exponential of square matrices."""

from ..tensor import Tensor
from .elementwise import where_
from .matrix_checks import filled, need_smooth, need_square, result_type, untracked, written
from .shape import overwrite
from .solving import inv
from .solving_rows import det_, matrix_exp_, slogdet_

LINALG_SLOGDET, SLOGDET = (result_type(n, "sign", "logabsdet") for n in ("linalg_slogdet", "slogdet"))


# --- determinants ---
def det(A, *, out=None):
    """Return the determinants of square matrices.

    Shapes:
        A (*, n, n) → (*)

    Example:
        >>> import plugrad
        >>> plugrad.linalg.det(plugrad.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor(8.)
    """
    need_square("linalg.det", A)
    need_smooth("linalg.det", A, "lu_cpu")
    return written(out, det_(A), A)


def linalg_slogdet(A, *, out=None):
    """Return (the sign of the determinant, log |determinant|), (0, -inf) for a singular matrix.

    Shapes:
        A (*, n, n) → sign (*), logabsdet (*), which is real.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.slogdet(-plugrad.eye(3)).sign
        tensor(-1.)
    """
    return filled(LINALG_SLOGDET, _slogdet("linalg.slogdet", A), out, A)


def slogdet(input):
    """Return (the sign of the determinant, log |determinant|); see :func:`plugrad.linalg.slogdet`."""
    return SLOGDET(_slogdet("linalg.slogdet", input))


def _slogdet(name, A):
    need_square(name, A)
    need_smooth(name, A, "lu_cpu")
    return slogdet_(A)


def logdet(input):
    """Return log of the determinants of square matrices, NaN where they are negative.

    Shapes:
        input (*, n, n) → (*)

    Example:
        >>> import plugrad
        >>> plugrad.logdet(plugrad.eye(3))
        tensor(0.)
    """
    sign, log = _slogdet("logdet", input)
    if input.is_complex():
        return sign.log() + log
    return where_(float("nan"), log, (sign == -1)._a)


# --- powers and the exponential ---
def matrix_power(A, n, *, out=None):
    """Return A·A·…·A, n times; of a negative n the power of the inverse.

    Shapes:
        A (*, n, n) → (*, n, n)

    Raises:
        LinAlgError: n is negative and A singular.

    Example:
        >>> import plugrad
        >>> plugrad.linalg.matrix_power(plugrad.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    need_square("linalg.matrix_power", A)
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    if n == 0:
        return written(
            out, overwrite(A, untracked(A, A._xp.identity(A._a.shape[-1], A._a.dtype))), A, castable="matrix_power"
        )
    base, made = (inv(A) if n < 0 else A), None
    n = abs(n)
    if n == 1:
        return written(out, base.clone() if base is A else base, A, castable="matrix_power")
    while n:
        if n % 2:
            made = base if made is None else made @ base
        n //= 2
        base = base @ base if n else base
    return written(out, made, A, castable="matrix_power")


def matrix_exp(A):
    """Return the exponential of square matrices, Σ Aᵏ / k!.

    Shapes:
        A (*, n, n) → (*, n, n)

    Example:
        >>> import plugrad
        >>> plugrad.linalg.matrix_exp(plugrad.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    need_square("linalg.matrix_exp", A)
    need_smooth("linalg.matrix_exp", A)
    return matrix_exp_(A)


METHODS = (det, logdet, matrix_exp, matrix_power, slogdet)


def install():
    """Give Tensor its determinants and powers."""
    for function in METHODS:
        setattr(Tensor, function.__name__, function)
