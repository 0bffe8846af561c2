"""Decompositions by numpy."""

import numpy as np

from .factorizations import of_matrices

__all__ = ["NumpyLinalg"]


class NumpyLinalg:
    """Mixed into the numpy namespace. Where LAPACK refuses one matrix of a batch, all are factorized column by column: that
    also tells which one, and where."""

    linalg = np.linalg

    @of_matrices(1)
    def cholesky_ex(self, a, upper):
        try:
            factor = np.linalg.cholesky(self.mH(a) if upper else a)
        except np.linalg.LinAlgError:
            return super().cholesky_ex(a, upper)
        return (self.mH(factor) if upper else factor), np.zeros(a.shape[:-2], np.int32)

    @of_matrices(2)
    def solve_ex(self, a, b):
        try:
            return np.linalg.solve(a, b), np.zeros(a.shape[:-2], np.int32)
        except np.linalg.LinAlgError:
            return super().solve_ex(a, b)

    @of_matrices(1)
    def inv_ex(self, a):
        try:
            return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)
        except np.linalg.LinAlgError:
            return super().inv_ex(a)

    @of_matrices(1)
    def det(self, a):
        with np.errstate(all="ignore"):  # numpy computes the single precision one in double
            return np.asarray(np.linalg.det(a))

    @of_matrices(1)
    def slogdet(self, a):
        sign, log = np.linalg.slogdet(a)
        return np.asarray(sign), np.asarray(log)

    @of_matrices(1)
    def eigh(self, a, lower):
        values, vectors = self._call("eigh", a, "L" if lower else "U")
        return values, vectors

    @of_matrices(1)
    def eigvalsh(self, a, lower):
        return self._call("eigvalsh", a, "L" if lower else "U")

    @of_matrices(1)
    def geqrf(self, a):
        turned, tau = np.linalg.qr(a, mode="raw")
        return np.swapaxes(turned, -1, -2), tau
