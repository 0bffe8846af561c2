"""Decompositions by cupy: what it has natively; the rest is composed of these."""

from .factorizations import broadcast_batches, of_matrices

__all__ = ["CupyLinalg"]


class CupyLinalg:
    """Mixed into the cupy namespace, whose ``linalg`` is cupy's. cupy does not say which matrix was singular, and puts NaN or
    infinity into the result; so does what follows, without waiting for the device."""

    @of_matrices(1)
    def cholesky_ex(self, a, upper):
        factor = self.tril(self.linalg.cholesky(self.mH(a) if upper else a), 0)
        diagonal = self.real_part(self.diagonal(factor, 0))
        bad = self.logical_not(diagonal > 0)
        if 0 in bad.shape:
            return (self.mH(factor) if upper else factor), self.zeros(a.shape[:-2], self.int32)
        last = len(bad.shape) - 1
        first = self.astype(self.argmax(self.astype(bad, self.int32), last, False) + 1, self.int32)
        info = self.where(self.any(bad, (last,), False), first, self.zeros_like(first))
        return (self.mH(factor) if upper else factor), info

    @of_matrices(2)
    def solve_ex(self, a, b):
        batch = broadcast_batches(a, b)
        wide = self.broadcast_to(b, (*batch, *b.shape[-2:]))
        x = self.linalg.solve(self.broadcast_to(a, (*batch, *a.shape[-2:])), wide)
        return x, self._failed(a, x)

    @of_matrices(1)
    def inv_ex(self, a):
        x = self.linalg.inv(a)
        return x, self._failed(a, x)

    def _failed(self, a, x):
        """1 for each matrix where the result is not finite."""
        n, batch = len(x.shape), tuple(a.shape[:-2])
        bad = self.any(self.logical_not(self.isfinite(x)), (n - 2, n - 1), False)
        extra = len(bad.shape) - len(batch)
        shared = tuple(i for i in range(len(bad.shape)) if i < extra or bad.shape[i] != batch[i - extra])
        bad = self.any(bad, shared, True) if shared else bad
        return self.astype(self.reshape(bad, batch), self.int32)

    @of_matrices(1)
    def det(self, a):
        return self.linalg.det(a)

    @of_matrices(1)
    def slogdet(self, a):
        sign, log = self.linalg.slogdet(a)
        return sign, log
