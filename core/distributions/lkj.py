"""Cholesky factors of random correlation matrices."""

import math

from ..modes import no_grad
from ..ops.join import cat
from ..ops.special import mvlgamma
from ..queries import finfo
from ..sequences import arange
from ..tensor import Size
from . import constraints
from .dirichlet import Beta
from .distribution import Distribution
from .parameters import broadcast_all, standard_normal

__all__ = ["LKJCholesky"]


class LKJCholesky(Distribution):
    """Distribution of Cholesky factors L of correlation matrices, the density of L Lᵀ ∝ |L Lᵀ|^(concentration - 1).

    Args:
        dim: rows of the matrices, at least 2.
        concentration: positive; 1: all matrices alike, more: those near the identity.

    Raises:
        ValueError: dim is too small or concentration is outside its constraint.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import LKJCholesky
        >>> LKJCholesky(3, 0.5).sample().shape
        torch.Size([3, 3])

    Source: D. Lewandowski, D. Kurowicka and H. Joe, Generating random correlation matrices based on vines and extended
        onion method (2009).
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _parts = {"concentration": 0, "_beta": 1}
    _kept = ("dim",)

    def __init__(self, dim, concentration=1.0, validate_args=None):
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        offset = arange(dim - 1, dtype=self.concentration.dtype, device=self.concentration.device)
        offset = cat([offset.new_zeros((1,)), offset])
        marginal = self.concentration + 0.5 * (dim - 2)
        self._beta = Beta(offset + 0.5, marginal.unsqueeze(-1) - 0.5 * offset)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def sample(self, sample_shape=()):
        """Return factors drawn row by row: a direction from normal numbers, its length from a beta number."""
        with no_grad():
            y = self._beta.sample(sample_shape).unsqueeze(-1)
            normal = standard_normal(self._extended_shape(sample_shape), y).tril(-1)
            rows = normal[..., 1:, :] / normal[..., 1:, :].norm(dim=-1, keepdim=True)
            below = cat([rows.new_zeros((*rows.shape[:-2], 1, self.dim)), y[..., 1:, :].sqrt() * rows], -2)
            rest = (1 - (below**2).sum(-1)).clamp(min=finfo(below.dtype).tiny)
            return below + rest.sqrt().diag_embed()

    def log_prob(self, value):
        logs = self._checked(value).diagonal(dim1=-1, dim2=-2)[..., 1:].log()
        order = arange(2, self.dim + 1, device=self.concentration.device)
        order = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - order
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        norm = 0.5 * n * math.log(math.pi) + mvlgamma(alpha - 0.5, n) - alpha.lgamma() * n
        return (order * logs).sum(-1) - norm
