"""A transform for each piece, or each place, of a dimension."""

from ..ops.join import cat, stack
from . import constraints
from .parameters import lazy_property, sum_rightmost
from .transform import Transform

__all__ = ["CatTransform", "StackTransform"]


class Joined(Transform):
    """Several transforms along a dimension."""

    def __init__(self, tseq, dim, cache_size):
        if not all(isinstance(t, Transform) for t in tseq):
            raise AssertionError("All elements of tseq must be Transform instances")
        super().__init__(cache_size=cache_size)
        self.transforms = [t.with_cache(cache_size) for t in tseq] if cache_size else list(tseq)
        self.dim = dim

    @property
    def bijective(self):
        return all(t.bijective for t in self.transforms)

    def _check(self, x, size, words, name="x", what="tensor"):
        if not -x.dim() <= self.dim < x.dim():
            raise AssertionError(f"dim {self.dim} out of range for {what} with {x.dim()} dimensions")
        if x.size(self.dim) != size:
            raise AssertionError(f"{name}.size({self.dim}) = {x.size(self.dim)} must equal {words} {size}")


class CatTransform(Joined):
    """Transforms of the pieces of a dimension, as ``cat`` joins them.

    Args:
        tseq: list of transforms.
        dim: the dimension.
        lengths: of the pieces; 1 each where it is None.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import AffineTransform, CatTransform, ExpTransform
        >>> CatTransform([ExpTransform(), AffineTransform(1.0, 2.0)], lengths=[1, 2])(plugrad.zeros(3))
        tensor([1., 1., 1.])
    """

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise AssertionError(f"lengths ({len(self.lengths)}) must match transforms ({len(self.transforms)})")

    def _arguments(self):
        return self.transforms, self.dim, self.lengths

    @lazy_property
    def event_dim(self):
        """The most event dimensions of a part."""
        return max(t.event_dim for t in self.transforms)

    @lazy_property
    def length(self):
        """The size of the dimension."""
        return sum(self.lengths)

    def _pieces(self, x, name="x", what="tensor"):
        self._check(x, self.length, "length", name, what)
        starts = [sum(self.lengths[:i]) for i in range(len(self.lengths))]
        return [x.narrow(self.dim, start, length) for start, length in zip(starts, self.lengths, strict=True)]

    def _call(self, x):
        return cat([t(p) for t, p in zip(self.transforms, self._pieces(x), strict=True)], dim=self.dim)

    def _inverse(self, y):
        return cat([t.inv(p) for t, p in zip(self.transforms, self._pieces(y, "y"), strict=True)], dim=self.dim)

    def log_abs_det_jacobian(self, x, y):
        found = []
        pairs = zip(self.transforms, self._pieces(x, "x", "x"), self._pieces(y, "y", "y"), strict=True)
        for t, before, after in pairs:
            term = t.log_abs_det_jacobian(before, after)
            found.append(sum_rightmost(term, self.event_dim - t.event_dim))
        dim = (self.dim - x.dim() if self.dim >= 0 else self.dim) + self.event_dim
        return cat(found, dim=dim) if dim < 0 else sum(found)

    @constraints.dependent_property
    def domain(self):
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self):
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)


class StackTransform(Joined):
    """Transforms of the places of a dimension, as ``stack`` joins them.

    Args:
        tseq: list of transforms.
        dim: the dimension.
    """

    def __init__(self, tseq, dim=0, cache_size=0):
        super().__init__(tseq, dim, cache_size)

    def _arguments(self):
        return self.transforms, self.dim

    def _places(self, x, name="x", what="tensor"):
        self._check(x, len(self.transforms), "len(transforms)", name, what)
        return [x.select(self.dim, i) for i in range(x.size(self.dim))]

    def _call(self, x):
        return stack([t(p) for t, p in zip(self.transforms, self._places(x), strict=True)], dim=self.dim)

    def _inverse(self, y):
        return stack([t.inv(p) for t, p in zip(self.transforms, self._places(y, "y"), strict=True)], dim=self.dim)

    def log_abs_det_jacobian(self, x, y):
        trios = zip(self.transforms, self._places(x, "x", "x"), self._places(y, "y", "y"), strict=True)
        return stack([t.log_abs_det_jacobian(before, after) for t, before, after in trios], dim=self.dim)

    @constraints.dependent_property
    def domain(self):
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self):
        return constraints.stack([t.codomain for t in self.transforms], self.dim)
