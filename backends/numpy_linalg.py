"""Decompositions by numpy."""

import numpy as np

__all__ = ["NumpyLinalg"]


class NumpyLinalg:
    """Mixed into the numpy namespace."""

    @staticmethod
    def qr(a):
        """(q, r) of a matrix, q with orthonormal columns, r upper triangular."""
        q, r = np.linalg.qr(a)
        return q, r
