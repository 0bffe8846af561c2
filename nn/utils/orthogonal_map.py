"""Orthogonal matrices as functions of matrices without constraints."""

from enum import Enum, auto

from ...core.create import eye, zeros_like
from ...core.modes import no_grad
from ...core.ops.arithmetic import allclose, where
from ...core.ops.decompositions import qr
from ...core.ops.determinants import matrix_exp
from ...core.ops.join import cat, stack
from ...core.ops.sampling import randn
from ...core.ops.solving import solve, solve_triangular
from ...core.queries import finfo
from ..module import Module

__all__ = ["_OrthMaps", "_Orthogonal"]


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


def _diagonal(a):
    return a.diagonal(dim1=-2, dim2=-1)


def _is_orthogonal(q):
    n, k = q.size(-2), q.size(-1)
    identity = eye(k, dtype=q.dtype, device=q.device)
    return allclose(q.mH @ q, identity.expand(*q.shape[:-2], k, k), atol=10.0 * n * finfo(q.dtype).eps)


def _made_orthogonal(a):
    """The Q of a = QR with a diagonal of R that is not negative."""
    q, r = qr(a)
    return q * _diagonal(r).sgn().unsqueeze(-2)


def product_of_reflections(a, tau):
    """The first columns of H₁H₂...Hₖ, Hᵢ = I - tauᵢ vᵢvᵢᵀ, vᵢ being 1 at i and below that the column i of ``a``.

    As one matrix, I - V T Vᵀ with T⁻¹ = the upper part of VᵀV, and 1/tau on the diagonal.
    """
    n, k = a.size(-2), a.size(-1)
    identity = eye(n, k, dtype=a.dtype, device=a.device)
    v = a.tril(-1) + identity
    inner = (v.mT @ v).triu(1) + (1.0 / tau).diag_embed()
    return identity - v @ solve_triangular(inner, v[..., :k, :].mT, upper=True)


def reflections_of(a):
    """(the vectors of the reflections of a = QR below the diagonal, the diagonal of R on it; which reflections there are)."""
    columns, there = [], []
    for i in range(a.size(-1)):
        column = a[..., i]
        x = column[..., i:]
        first, rest = x[..., :1], x[..., 1:]
        some = (rest * rest).sum(-1, keepdim=True) > 0
        length = x.norm(2, -1, keepdim=True)
        top = where(some, where(first >= 0, -length, length), first)
        below = where(some, rest / where(some, first - top, top * 0 + 1), rest * 0)
        v = cat([first * 0 + 1, below], -1).unsqueeze(-1)
        tau = where(some, (top - first) / where(some, top, top * 0 + 1), top * 0).unsqueeze(-1)
        part = a[..., i:, :]
        a = cat([a[..., :i, :], part - tau * (v @ (v.mT @ part))], -2)
        columns.append(cat([column[..., :i], top, below], -1))
        there.append(some[..., 0])
    return stack(columns, -1), stack(there, -1)


class _Orthogonal(Module):
    """A matrix without constraints as an orthogonal one, by one of three maps."""

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        is_wide = X.size(-2) < X.size(-1)
        X = X.mT if is_wide else X
        q = self._reflected(X) if self.orthogonal_map is _OrthMaps.householder else self._rotated(X)
        if hasattr(self, "base"):
            q = self.base @ q
        return q.mT if is_wide else q

    def _rotated(self, x):
        """Of a tall matrix, by way of the skew-symmetric one that its lower triangle makes."""
        n, k = x.size(-2), x.size(-1)
        x = x.tril()
        if n != k:
            x = cat([x, x.new_zeros(n, n - k).expand(*x.shape[:-2], -1, -1)], dim=-1)
        skew = x - x.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            q = matrix_exp(skew)
        else:
            identity = eye(n, dtype=skew.dtype, device=skew.device)
            q = solve(identity - 0.5 * skew, identity + 0.5 * skew)
        return q[..., :k] if n != k else q

    @staticmethod
    def _reflected(x):
        """Of a tall matrix: vectors of reflections below its diagonal, signs of the columns on it."""
        a = x.tril(-1)
        tau = 2.0 / (1.0 + (a * a).sum(dim=-2))
        return product_of_reflections(a, tau) * _diagonal(x).int().unsqueeze(-2)

    def right_inverse(self, Q):
        """The matrix that gives Q; with a ``base``, that takes Q, and the matrix is -I."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {Q.shape}."
            )
        with no_grad():
            is_wide = Q.size(-2) < Q.size(-1)
            tall = Q.mT if is_wide else Q
            if not hasattr(self, "base"):
                found = self._vectors(tall)
                return found.mT if is_wide else found
            self.base = self._completed(tall)
            return zeros_like(Q) - eye(Q.size(-2), Q.size(-1), dtype=Q.dtype, device=Q.device)

    def _vectors(self, q):
        if self.orthogonal_map is not _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        a, there = reflections_of(q)
        # forward() reflects even where there is no vector: there the sign turns it back.
        sign = _diagonal(a).sign()
        return a.tril(-1) + a.triu(1) + _embedded(where(there, sign, -sign), a.size(-2))

    @staticmethod
    def _completed(q):
        """A square orthogonal matrix that begins with the columns of q, made orthogonal."""
        n, k = q.size(-2), q.size(-1)
        if n == k:
            return q.clone() if _is_orthogonal(q) else _made_orthogonal(q)
        more = randn(*q.shape[:-2], n, n - k, dtype=q.dtype, device=q.device)
        return _made_orthogonal(cat([q, more], dim=-1))


def _embedded(diagonal, rows):
    """(…, rows, k) with a diagonal."""
    square = diagonal.diag_embed()
    k = square.size(-1)
    return cat([square, square.new_zeros(rows - k, k).expand(*square.shape[:-2], -1, -1)], -2)
