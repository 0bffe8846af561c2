"""Parameters of distributions: one shape for all, probabilities and logits, values computed when first asked for."""

import functools

from ..create import tensor
from ..dtypes import int64
from ..modes import Defaults, enable_grad
from ..ops.elementwise import softplus as softplus_row
from ..ops.loss import binary_cross_entropy_with_logits_
from ..ops.reduction import softmax
from ..ops.reshaping import broadcast_tensors
from ..queries import finfo
from ..tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "broadcast_all",
    "clamp_probs",
    "is_number",
    "lazy_property",
    "logits_to_probs",
    "one_of",
    "probs_to_logits",
    "softplus",
    "standard_normal",
    "sum_rightmost",
    "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]

#: Euler's constant.
EULER = 0.57721566490153286060


def is_number(value):
    """Whether it is a Python number that a parameter may be."""
    return isinstance(value, (bool, int, float))


def broadcast_all(*values):
    """Return all values as tensors of one shape; numbers take the dtype and device of the first tensor.

    Raises:
        ValueError: a value is neither a number nor a tensor.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions.utils import broadcast_all
        >>> broadcast_all(1, plugrad.zeros(2))
        (tensor([1., 1.]), tensor([0., 0.]))
    """
    if not all(is_number(v) or isinstance(v, Tensor) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    first = next((v for v in values if isinstance(v, Tensor)), None)
    dtype, device = (Defaults.dtype, None) if first is None else (first.dtype, first.device)
    made = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype, device=device) for v in values]
    return tuple(broadcast_tensors(*made))


def one_of(probs, logits):
    """The name of the parameter that is given.

    Raises:
        ValueError: none is, or both.
    """
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return "logits" if probs is None else "probs"


def logits_to_probs(logits, is_binary=False):
    """softmax(logits) along the last dimension, or sigmoid(logits) where there are two outcomes."""
    return logits.sigmoid() if is_binary else softmax(logits, -1)


def clamp_probs(probs):
    """The probabilities held within [ε, 1 - ε], ε the dtype's precision."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """log p, or log(p / (1 - p)) where there are two outcomes; p is held within (0, 1)."""
    held = clamp_probs(probs)
    return held.log() - (-held).log1p() if is_binary else held.log()


def binary_cross_entropy(logits, values):
    """-log of the probability of values between 0 and 1 by the logits of 1, element by element."""
    return binary_cross_entropy_with_logits_(logits, values, None, None, "none")


def softplus(x):
    """log(1 + eˣ)."""
    return softplus_row(x, 1.0, 20.0)


def standard_normal(shape, like):
    """Standard normal numbers of the dtype and device of a tensor."""
    return like.new_empty(shape).normal_()


def sum_rightmost(value, dims):
    """The sum over the last ``dims`` dimensions."""
    if dims == 0:
        return value
    return value.reshape((*value.shape[: value.dim() - dims], -1)).sum(-1)


class lazy_property:
    """An attribute that is computed when it is first asked for, recording gradients whatever the grad mode is.

    Example:
        >>> from plugrad.distributions.utils import lazy_property
        >>> class Circle:
        ...     radius = 2.0
        ...     @lazy_property
        ...     def area(self):
        ...         return 3.0 * self.radius**2
        >>> Circle().area
        12.0
    """

    def __init__(self, wrapped):
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def _lower(n, diagonal, like):
    """Where the lower triangle of an n × n matrix up to a diagonal is, row by row."""
    places = [(i, j) for i in range(n) for j in range(n) if j <= i + diagonal]
    return [tensor([p[k] for p in places], dtype=int64, device=like.device) for k in (0, 1)]


def tril_matrix_to_vec(mat, diag=0):
    """The entries of the lower triangle up to diagonal ``diag``, row by row.

    Shapes:
        mat (*, n, n) → (*, number of entries)

    Raises:
        ValueError: the matrix has no such diagonal.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions.utils import tril_matrix_to_vec
        >>> tril_matrix_to_vec(plugrad.tensor([[1, 2], [3, 4]]))
        tensor([1, 3, 4])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = _lower(n, diag, mat)
    return mat[..., rows, columns]


def vec_to_tril_matrix(vec, diag=0):
    """The inverse of :func:`tril_matrix_to_vec`: a matrix with zeros above diagonal ``diag``.

    Raises:
        ValueError: no matrix has so many entries there.
    """
    count, side = vec.shape[-1], 1 + 2 * diag
    n = (-side + (side**2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    if round(n) - n > finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part of a square D x D matrix."
        )
    n = round(n)
    rows, columns = _lower(n, diag, vec)
    made = vec.new_zeros((*vec.shape[:-1], n, n))
    made[..., rows, columns] = vec
    return made
