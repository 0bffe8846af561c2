"""Factorizations and solutions composed of the required functions: Cholesky, LU, triangular systems.

Each walks along the columns of all matrices of a batch at once.
"""

import functools

from .half import HALF

__all__ = ["Factorizations", "broadcast_batches", "of_matrices"]

#: Triangular systems up to this size are solved row by row, larger ones by halves.
BLOCK = 16
#: LU takes this many columns at a time, and then updates the rest by one product.
PANEL = 32


def broadcast_batches(a, b):
    """The shape that the batches of two arrays of matrices broadcast to."""
    first, second = tuple(a.shape[:-2]), tuple(b.shape[:-2])
    n = max(len(first), len(second))
    first, second = (1,) * (n - len(first)) + first, (1,) * (n - len(second)) + second
    return tuple(j if i == 1 else i for i, j in zip(first, second, strict=True))


def of_matrices(count):
    """A function whose first ``count`` arguments are matrices: those in half precision are computed in float32, and the
    examples of vmap are one more batch for the backend below."""

    def decorate(function):
        name = function.__name__

        @functools.wraps(function)
        def on_matrices(self, *arguments):
            arrays, statics = arguments[:count], arguments[count:]
            base = getattr(self, "base", None)
            if base is not None:
                return _of_examples(self, getattr(base, name), arrays, statics)
            dtype = arrays[0].dtype
            if self.dtype_names[dtype] not in HALF:
                return function(self, *arguments)
            made = function(self, *(self.astype(a, self.float32) for a in arrays), *statics)
            if isinstance(made, tuple):
                return tuple(_narrow(self, m, dtype) for m in made)
            return _narrow(self, made, dtype)

        return on_matrices

    return decorate


def _narrow(xp, a, dtype):
    return xp.astype(a, dtype) if a.dtype == xp.float32 else a


def _of_examples(space, function, arrays, statics):
    rank = max(len(a.shape) for a in arrays)
    made = function(*(space.ranked(a, rank) for a in arrays), *statics)
    if not isinstance(made, tuple):
        return space.made(made)
    if function.__name__ == "solve_ex":  # what is told of the first matrix has its batch alone
        x, info = made
        made = x, space.base.reshape(info, (info.shape[0], *arrays[0].shape[:-2]))
    return tuple(space.made(m) for m in made)


class Factorizations:
    """Mixed into :class:`plugrad.backends.linalg.Linalg`."""

    # --- Cholesky ---
    @of_matrices(1)
    def cholesky_ex(self, a, upper):
        """(factor, info): info is the order of the first leading minor that is not positive, 0 if there is none."""
        factor, info = self.lower_factor(self.mH(a) if upper else a)
        return (self.mH(factor) if upper else factor), info

    def lower_factor(self, a):
        """The lower Cholesky factor of what the lower triangle of ``a`` describes, column by column, and info."""
        n = a.shape[-1]
        out = self.copy(self.tril(a, 0))
        info = self.zeros(a.shape[:-2], self.int32)
        for j in range(n):
            row = self.getitem(out, (..., slice(j, j + 1), slice(0, j)))
            below = self.getitem(out, (..., slice(j, n), slice(0, j)))
            column = self.getitem(out, (..., slice(j, n), slice(j, j + 1))) - self.matmul(below, self.mH(row))
            square = self.real_part(self.getitem(column, (..., slice(0, 1), slice(0, 1))))
            good = square > 0
            failed = self.logical_and(self.logical_not(self.getitem(good, (..., 0, 0))), info == 0)
            info = self.where(failed, self.full_like(info, j + 1), info)
            root = self.astype(self.sqrt(self.where(good, square, self.ones_like(square))), a.dtype)
            self.setitem(out, (..., slice(j, n), slice(j, j + 1)), column / root)
        return out, info

    # --- triangular systems ---
    @of_matrices(2)
    def solve_triangular(self, a, b, upper, left, unitriangular):
        """x of a · x = b, or of x · a = b, where of ``a`` only a triangle counts, or what is beside its diagonal of ones."""
        if not left:
            return self.mT(self.solve_triangular(self.mT(a), self.mT(b), not upper, True, unitriangular))
        n = a.shape[-1]
        batch = broadcast_batches(a, b)
        if 0 in b.shape or 0 in batch:
            return self.zeros((*batch, n, b.shape[-1]), b.dtype)
        if upper:
            # An upper system read from its end is a lower one.
            axes = (len(a.shape) - 2, len(a.shape) - 1)
            turned = self.forward(self.flip(a, axes), self.flip(b, (len(b.shape) - 2,)), unitriangular)
            return self.flip(turned, (len(turned.shape) - 2,))
        return self.forward(a, b, unitriangular)

    def forward(self, a, b, unitriangular):
        """The solution of a lower system."""
        n = a.shape[-1]
        if n > BLOCK:
            h = n // 2
            first = self.forward(self.block(a, 0, h, 0, h), self.rows(b, 0, h), unitriangular)
            rest = self.rows(b, h, n) - self.matmul(self.block(a, h, n, 0, h), first)
            second = self.forward(self.block(a, h, n, h, n), rest, unitriangular)
            return self.concat([first, second], len(second.shape) - 2)
        solved = []
        for i in range(n):
            x = self.rows(b, i, i + 1)
            for k in range(i):
                x = x - self.block(a, i, i + 1, k, k + 1) * solved[k]
            solved.append(x if unitriangular else x / self.block(a, i, i + 1, i, i + 1))
        batch = broadcast_batches(a, b)
        solved = [self.broadcast_to(x, (*batch, *x.shape[-2:])) for x in solved]
        return self.concat(solved, len(solved[0].shape) - 2)

    def rows(self, a, start, stop):
        return self.getitem(a, (..., slice(start, stop), slice(None)))

    def block(self, a, top, bottom, first, last):
        return self.getitem(a, (..., slice(top, bottom), slice(first, last)))

    def cholesky_solve(self, b, factor, upper):
        """x of a · x = b by the Cholesky factor of a."""
        lower = self.mH(factor) if upper else factor
        y = self.solve_triangular(lower, b, False, True, False)
        return self.solve_triangular(self.mH(lower), y, True, True, False)

    def cholesky_inverse(self, factor, upper):
        unit = self.broadcast_to(self.identity(factor.shape[-1], factor.dtype), factor.shape)
        return self.cholesky_solve(unit, factor, upper)

    # --- LU ---
    @of_matrices(1)
    def lu_factor_ex(self, a):
        """(LU, pivots, info, back): both factors in one matrix, the row exchanged with row i (from 1), the number of the first
        zero on the diagonal of U, and for each row of ``a`` where the exchanges brought it."""
        m, n = a.shape[-2:]
        batch = tuple(a.shape[:-2])
        out = self.copy(a)
        order = self.copy(self.broadcast_to(self.arange(0, m, 1, self.int64), (*batch, m)))
        info, pivots = self.zeros(batch, self.int32), []
        for j in range(0, min(m, n), PANEL):
            k = min(j + PANEL, m, n)
            panel, swapped, failed, moved = self.lu_of_panel(self.block(out, j, m, j, k))
            rows = self.rows_by(self.rows(out, j, m), moved)
            order = self.concat(
                [
                    self.getitem(order, (..., slice(0, j))),
                    self.reordered(self.getitem(order, (..., slice(j, m))), moved),
                ],
                len(batch),
            )
            self.setitem(out, (..., slice(j, m), slice(None)), rows)
            self.setitem(out, (..., slice(j, m), slice(j, k)), panel)
            self.update_rest(out, j, k)
            info = self.where(self.logical_and(info == 0, failed > 0), failed + j, info)
            pivots += [at + j for at in swapped]
        joined = self.concat(pivots, len(batch)) if pivots else self.zeros((*batch, 0), self.int32)
        return out, joined, info, self.argsort(order, len(batch))

    def update_rest(self, out, j, k):
        """What the factors of columns j to k leave of those to their right."""
        m, n = out.shape[-2:]
        if k == n:
            return
        right = self.solve_triangular(self.block(out, j, k, j, k), self.block(out, j, k, k, n), False, True, True)
        self.setitem(out, (..., slice(j, k), slice(k, n)), right)
        if k < m:
            rest = self.block(out, k, m, k, n) - self.matmul(self.block(out, k, m, j, k), right)
            self.setitem(out, (..., slice(k, m), slice(k, n)), rest)

    def lu_of_panel(self, a):
        """(LU, pivots as a list, info, the order of the rows) of matrices with few columns, none longer than high."""
        m, n = a.shape[-2:]
        batch = tuple(a.shape[:-2])
        out, pivots = self.copy(a), []
        places = self.arange(0, m, 1, self.int64)
        order = self.copy(self.broadcast_to(places, (*batch, m)))
        info = self.zeros(batch, self.int32)
        for j in range(n):
            size = self.pivot_size(self.getitem(out, (..., slice(j, m), j)))
            at = self.astype(self.argmax(size, len(size.shape) - 1, True), self.int64) + j
            pivots.append(self.astype(at + 1, self.int32))
            swapped = self.exchange(places, at, j)
            order, out = self.reordered(order, swapped), self.rows_by(out, swapped)
            head = self.block(out, j, j + 1, j, j + 1)
            zero = head == 0
            failed = self.logical_and(self.getitem(zero, (..., 0, 0)), info == 0)
            info = self.where(failed, self.full_like(info, j + 1), info)
            factor = self.block(out, j + 1, m, j, j + 1) / self.where(zero, self.ones_like(head), head)
            rest = self.block(out, j + 1, m, j + 1, n) - factor * self.block(out, j, j + 1, j + 1, n)
            self.setitem(out, (..., slice(j + 1, m), slice(j, j + 1)), factor)
            self.setitem(out, (..., slice(j + 1, m), slice(j + 1, n)), rest)
        return out, pivots, info, order

    def exchange(self, places, at, j):
        """The order of rows that exchanges row j with row ``at``."""
        swapped = self.where(places == at, self.full_like(places, j), places)
        return self.where(places == j, at, swapped)

    def reordered(self, order, moved):
        return self.take_along_axis(order, moved, len(order.shape) - 1)

    def pivot_size(self, a):
        """What the largest is chosen by: |x|, of complex numbers |Re x| + |Im x|, as LAPACK does."""
        if not self.dtype_names[a.dtype].startswith("complex"):
            return self.abs(a)
        return self.abs(self.real(a)) + self.abs(self.imag(a))

    def rows_by(self, a, index):
        """The rows of matrices in the order of an index per matrix."""
        wide = self.broadcast_to(self.expand_dims(index, len(index.shape)), a.shape)
        return self.take_along_axis(a, wide, len(a.shape) - 2)

    def exchanged(self, pivots, m):
        """The order of m rows after the exchanges that pivots tell."""
        batch = tuple(pivots.shape[:-1])
        places = self.arange(0, m, 1, self.int64)
        order = self.copy(self.broadcast_to(places, (*batch, m)))
        for j in range(pivots.shape[-1]):
            at = self.astype(self.getitem(pivots, (..., slice(j, j + 1))), self.int64) - 1
            order = self.reordered(order, self.exchange(places, at, j))
        return order

    @of_matrices(2)
    def solve_ex(self, a, b):
        """(x of a · x = b, info); info is not 0 where a is singular."""
        both, _, info, back = self.lu_factor_ex(a)
        batch = broadcast_batches(a, b)
        order = self.argsort(back, len(back.shape) - 1)
        right = self.broadcast_to(b, (*batch, *b.shape[-2:]))
        order = self.broadcast_to(order, (*batch, order.shape[-1]))
        y = self.solve_triangular(both, self.rows_by(right, order), False, True, True)
        return self.solve_triangular(both, y, True, True, False), info

    @of_matrices(1)
    def inv_ex(self, a):
        """(the inverse, info); info is the number of the first zero on the diagonal of U, 0 if there is none."""
        return Factorizations.solve_ex(self, a, self.broadcast_to(self.identity(a.shape[-1], a.dtype), a.shape))

    @of_matrices(1)
    def det(self, a):
        both, pivots, _, _ = self.lu_factor_ex(a)
        diagonal = self.diagonal(both, 0)
        return self.prod(diagonal, (len(diagonal.shape) - 1,), False) * self._parity(pivots, a.dtype)

    @of_matrices(1)
    def slogdet(self, a):
        """(the sign of the determinant, log |determinant|)."""
        both, pivots, _, _ = self.lu_factor_ex(a)
        diagonal = self.diagonal(both, 0)
        size = self.abs(diagonal)
        last = (len(diagonal.shape) - 1,)
        signs = diagonal / self.astype(self.where(size == 0, self.ones_like(size), size), a.dtype)
        logs = self.log(self.where(size == 0, self.ones_like(size), size))
        total = self.sum(logs, last, False)
        zero = self.any(size == 0, last, False)
        return (
            self.prod(signs, last, False) * self._parity(pivots, a.dtype),
            self.where(zero, self.full_like(total, -float("inf")), total),
        )

    def _parity(self, pivots, dtype):
        k = pivots.shape[-1]
        moved = pivots != self.astype(self.arange(1, k + 1, 1, self.int64), self.int32)
        count = self.sum(self.astype(moved, self.int64), (len(pivots.shape) - 1,), False)
        return self.astype(1 - 2 * self.remainder(count, self.full_like(count, 2)), dtype)

    # --- reflections ---
    def reflectors(self, x):
        """The vectors v below the diagonal of x, each with its 1 on the diagonal."""
        return self.tril(x, -1) + self.tril(self.triu(self.ones_like(x), 0), 0)

    def reflections(self, x, tau, adjoint):
        """(v, t) of the factors I - t · v · vᴴ, in the order in which they meet an argument: the last one first."""
        v, count = self.reflectors(x), tau.shape[-1]
        steps = []
        for i in range(count) if adjoint else range(count - 1, -1, -1):
            column = self.getitem(v, (..., slice(i, i + 1)))
            t = self.expand_dims(self.getitem(tau, (..., slice(i, i + 1))), len(tau.shape))
            steps.append((column, self.conjugate(t) if adjoint else t))
        return steps

    def reflect(self, x, tau, c, left, adjoint):
        """Q · c, or c · Q, with Q = Π (I - tau[i] · v[i] · v[i]ᴴ); ``adjoint`` takes Qᴴ."""
        if not left:
            return self.mH(self.reflect(x, tau, self.mH(c), True, not adjoint))
        for v, t in self.reflections(x, tau, adjoint):
            c = c - t * self.matmul(v, self.matmul(self.mH(v), c))
        return c

    def householder_product(self, x, tau):
        """The first columns of Π (I - tau[i] · v[i] · v[i]ᴴ), as many as x has."""
        return self.reflect(x, tau, self.tril(self.triu(self.ones_like(x), 0), 0), True, False)

    def geqrf(self, a):
        """(a, tau): R in the upper triangle, below it the vectors of the reflections that Q is made of."""
        m, n = a.shape[-2:]
        found, taus = [], []
        for j in range(min(m, n)):
            v, t, a = self._column_cleared(a, j)
            found.append(v)
            taus.append(t)
        if not found:
            return a, self.zeros((*a.shape[:-2], 0), a.dtype)
        if n > m:
            found.append(self.zeros((*a.shape[:-1], n - m), a.dtype))
        vectors = self.concat(found, len(a.shape) - 1)
        return self.triu(a, 0) + self.tril(vectors, -1), self.concat(taus, len(a.shape) - 2)

    def _column_cleared(self, a, j):
        """(v, tau, a after the reflection that clears column j below the diagonal)."""
        m = a.shape[-2]
        alpha = self.getitem(a, (..., slice(j, j + 1), slice(j, j + 1)))
        rest = self.getitem(a, (..., slice(j + 1, m), slice(j, j + 1)))
        size = self.real_part(rest * self.conjugate(rest))
        below = self.sum(size, (len(a.shape) - 2,), True)
        real = self.real_part(alpha)
        other = self.real_part(alpha * self.conjugate(alpha)) - real * real
        idle = self.logical_and(below == 0, other <= 0)
        length = self.sqrt(self.real_part(alpha * self.conjugate(alpha)) + below)
        one = self.ones_like(real)
        beta = self.astype(self.where(idle, one, self.where(real < 0, length, -length)), a.dtype)
        tau = self.where(idle, self.zeros_like(alpha), (beta - alpha) / beta)
        scale = self.where(idle, self.ones_like(alpha), alpha - beta)
        head = self.zeros((*a.shape[:-2], j, 1), a.dtype)
        v = self.concat([head, self.ones_like(alpha), rest / scale], len(a.shape) - 2)
        a = a - self.conjugate(tau) * self.matmul(v, self.matmul(self.mH(v), a))
        return v, self.getitem(tau, (..., 0)), a
