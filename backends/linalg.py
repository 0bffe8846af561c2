"""Matrices: factorizations, solving, eigenvalues. By the array library's own ``linalg`` where it has one, else composed.

The last two axes of an array hold a matrix, those before them are batches and broadcast.
"""

import math
from typing import Any

from .factorizations import Factorizations, of_matrices
from .host import instead

__all__ = ["Linalg", "NotConverged"]


class NotConverged(ArithmeticError):
    """An iteration of the array library did not find what it looks for."""

    is_final = True


class Linalg(Factorizations):
    """Mixed into :class:`plugrad.backends.Backend`.

    Attributes:
        linalg: an array-API module of decompositions (``qr svd eigh eig ...``), None where the library has none.
    """

    linalg: Any = None

    def _library(self, name):
        found = getattr(self.linalg, name, None)
        if found is None:
            advice = f"give it an array-API module with {name} as ``linalg``, or move the tensor to the cpu"
            return instead(self, f"linalg.{name}", advice)
        return found

    def _call(self, name, *arguments, **options):
        """The library's function; that it did not converge is told in one way."""
        function = self._library(name)
        try:
            return function(*arguments, **options)
        except Exception as error:
            if type(error).__name__ == "LinAlgError":
                raise NotConverged(str(error)) from error
            raise

    # --- shapes of matrices ---
    def mT(self, a):
        n = len(a.shape)
        return self.swap_axes(a, n - 2, n - 1)

    def mH(self, a):
        return self.conjugate(self.mT(a))

    def conjugate(self, a):
        """conj(a); a real array as it is."""
        return self.conj(a) if self.dtype_names[a.dtype].startswith("complex") else a

    def real_part(self, a):
        return self.real(a) if self.dtype_names[a.dtype].startswith("complex") else a

    def identity(self, n, dtype):
        """The n × n unit matrix."""
        places = self.arange(0, n, 1, self.int64)
        return self.astype(self.reshape(places, (n, 1)) == self.reshape(places, (1, n)), dtype)

    def on_diagonal(self, values):
        """Matrices with the given diagonals."""
        return self.expand_dims(values, len(values.shape) - 1) * self.identity(values.shape[-1], values.dtype)

    def hermitian(self, a, lower):
        """The Hermitian matrices whose lower, or upper, triangle is that of ``a``."""
        outer = self.tril(a, -1) if lower else self.triu(a, 1)
        diagonal = self.real_part(a) * self.identity(a.shape[-1], self.real_part(a).dtype)
        return outer + self.mH(outer) + diagonal

    # --- orthogonal factors and eigenvalues ---
    @of_matrices(1)
    def qr(self, a, mode="reduced"):
        """(q, r) with orthonormal columns in q, which mode "complete" makes square; mode "r" is as "reduced" here."""
        q, r = self._call("qr", a, mode="reduced" if mode == "r" else mode)
        return q, r

    @of_matrices(1)
    def svd(self, a, full):
        """(u, s, vh) of a = u · diag(s) · vh, s falling; with ``full`` u and vh are square."""
        u, s, vh = self._call("svd", a, full_matrices=full)
        return u, s, vh

    @of_matrices(1)
    def svdvals(self, a):
        if hasattr(self.linalg, "svdvals"):
            return self._call("svdvals", a)
        return self._call("svd", a, compute_uv=False)

    @of_matrices(1)
    def eigh(self, a, lower):
        """(values, vectors) of the Hermitian matrix that a triangle describes, values rising."""
        values, vectors = self._call("eigh", self.hermitian(a, lower))
        return values, vectors

    @of_matrices(1)
    def eigvalsh(self, a, lower):
        return self._call("eigvalsh", self.hermitian(a, lower))

    @of_matrices(1)
    def eig(self, a):
        """(values, vectors), complex."""
        values, vectors = self._call("eig", a)
        return self._complex(values, a), self._complex(vectors, a)

    def eig_and_vectors(self, a, checked):
        """eig(), with what its gradient rule wants to know."""
        return self.eig(a)

    @of_matrices(1)
    def eigvals(self, a):
        return self._complex(self._call("eigvals", a), a)

    def _complex(self, found, a):
        name = "complex64" if self.dtype_names[a.dtype] in ("float32", "complex64") else "complex128"
        return found if self.dtype_names[found.dtype] == name else self.astype(found, getattr(self, name))

    # --- made of these ---
    @of_matrices(1)
    def pinv(self, a, atol, rtol, hermitian):
        """The Moore-Penrose inverse; singular values up to max(atol, rtol · largest) count as zero."""
        if 0 in a.shape:
            return self.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
        if hermitian:
            values, u = self.eigh(a, True)
            size, vh = self.abs(values), self.mH(u)
        else:
            u, values, vh = self.svd(a, False)
            size = values
        bound = self.cutoff(size, atol, rtol)
        small = size <= bound
        inverse = self.where(
            small, self.zeros_like(values), self.ones_like(values) / self.where(small, self.ones_like(values), values)
        )
        inverse = self.astype(inverse, a.dtype)
        return self.matmul(self.mH(vh) * self.expand_dims(inverse, len(inverse.shape) - 1), self.mH(u))

    def cutoff(self, size, atol, rtol):
        """max(atol, rtol · largest value), with the last axis kept; both are numbers or arrays of one value per matrix."""
        largest = self.max(size, (len(size.shape) - 1,), True)
        return self.maximum(
            self._per_matrix(atol, largest) + self.zeros_like(largest), self._per_matrix(rtol, largest) * largest
        )

    def _per_matrix(self, value, like):
        if isinstance(value, (int, float)):
            return self.full((), value, like.dtype)
        value = self.astype(value, like.dtype)
        return self.expand_dims(value, len(value.shape))

    @of_matrices(1)
    def matrix_exp(self, a):
        """e^a by scaling, a Taylor polynomial of degree 18 by Paterson and Stockmeyer, and squaring."""
        if 0 in a.shape:
            return self.copy(a)
        columns = self.sum(self.abs(a), (len(a.shape) - 2,), False)
        norm = self.max(columns, (len(columns.shape) - 1,), False)
        norm = self.where(self.isfinite(norm), norm, self.ones_like(norm))
        # Up to norm 1 the first term left out is below 1 / 19!, which is 8e-18.
        halvings = self.ceil(self.log2(self.maximum(norm, self.ones_like(norm))))
        scale = self.pow(self.full_like(halvings, 0.5), halvings)
        made = self._taylor(a * self.astype(self._as_matrix(scale), a.dtype))
        for i in range(self._whole_max(halvings)):
            made = self.where(self._as_matrix(halvings > i), self.matmul(made, made), made)
        return made

    def _as_matrix(self, per_matrix):
        n = len(per_matrix.shape)
        return self.expand_dims(self.expand_dims(per_matrix, n), n + 1)

    def _whole_max(self, a):
        return int(self.to_host(self.max(a, None, False)).item())

    def _taylor(self, a):
        unit = self.broadcast_to(self.identity(a.shape[-1], a.dtype), a.shape)
        powers = [unit, a]
        while len(powers) < 6:
            powers.append(self.matmul(powers[-1], a))
        block = 5  # Σ of four blocks of powers up to 4, by Horner's rule in a^5
        total = None
        for start in (15, 10, 5, 0):
            part = None
            for k in range(block):
                if start + k > 18:
                    break
                term = powers[k] * (1.0 / math.factorial(start + k))
                part = term if part is None else part + term
            total = part if total is None else self.matmul(total, powers[block]) + part
        return total

    def cross(self, x, y, axis):
        """The cross products of the vectors along an axis of size 3."""
        at = [tuple([slice(None)] * axis + [i, ...]) for i in range(3)]
        a, b = ([self.getitem(v, key) for key in at] for v in (x, y))
        parts = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
        return self.stack(parts, axis)
