"""What a constraint is, and constraints made of others."""

from ..ops.join import cat, stack

__all__ = [
    "Constraint",
    "MixtureSameFamilyConstraint",
    "cat_of",
    "dependent",
    "dependent_property",
    "independent",
    "is_dependent",
    "stack_of",
]


class Constraint:
    """A region in which a variable is valid, such as one in which it can be optimized.

    Attributes:
        is_discrete: whether the region is discrete.
        event_dim: how many of the last dimensions together are one value.
    """

    is_discrete = False
    event_dim = 0
    _bounds: tuple[str, ...] = ()

    def check(self, value):
        """Return for each value, without its event dimensions, whether it is in the region."""
        raise NotImplementedError

    def __repr__(self):
        bounds = ", ".join(f"{name}={getattr(self, name)}" for name in self._bounds)
        return f"{type(self).__name__[1:]}({bounds})"


# --- regions that depend on other parameters ---
class _Dependent(Constraint):
    """A constraint that is known only where other parameters are."""

    def __init__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        self._is_discrete = is_discrete
        self._event_dim = event_dim

    @property
    def is_discrete(self):
        return self._known("is_discrete")

    @property
    def event_dim(self):
        return self._known("event_dim")

    def _known(self, name):
        value = getattr(self, "_" + name)
        if value is NotImplemented:
            raise NotImplementedError(f".{name} cannot be determined statically")
        return value

    def __call__(self, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        """The same with what is known of it."""
        return _Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, x):
        raise ValueError("Cannot determine validity of dependent constraint")


def is_dependent(constraint):
    """Whether the region is known only where the other parameters are."""
    return isinstance(constraint, _Dependent)


class _DependentProperty(property, _Dependent):
    """A property of a distribution whose value is a constraint; of the class it is itself one that depends."""

    def __init__(self, fn=None, *, is_discrete=NotImplemented, event_dim=NotImplemented):
        property.__init__(self, fn)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn):
        return _DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


dependent = _Dependent()
dependent_property = _DependentProperty


# --- regions made of others ---
def _assert(truth, text):
    if not truth:
        raise AssertionError(text)


class _IndependentConstraint(Constraint):
    """A constraint of whose batch dimensions the last ones count as part of the value."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        kind, count = type(base_constraint).__name__, reinterpreted_batch_ndims
        _assert(isinstance(base_constraint, Constraint), f"base_constraint must be a Constraint, got {kind}")
        _assert(isinstance(count, int), f"reinterpreted_batch_ndims must be an int, got {type(count).__name__}")
        _assert(count >= 0, f"reinterpreted_batch_ndims must be >= 0, got {count}")
        self.base_constraint = base_constraint
        self.reinterpreted_batch_ndims = count

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value):
        result = self.base_constraint.check(value)
        if result.dim() < self.reinterpreted_batch_ndims:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        kept = result.shape[: result.dim() - self.reinterpreted_batch_ndims]
        return result.reshape((*kept, -1)).all(-1)

    def __repr__(self):
        return f"{type(self).__name__[1:]}({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


independent = _IndependentConstraint


class MixtureSameFamilyConstraint(Constraint):
    """The region of a mixture: a value must be one of every component's.

    Args:
        base_constraint: the components' constraint.
    """

    def __init__(self, base_constraint):
        kind = type(base_constraint).__name__
        _assert(isinstance(base_constraint, Constraint), f"base_constraint must be a Constraint, got {kind}")
        self.base_constraint = base_constraint

    @property
    def is_discrete(self):
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        return self.base_constraint.event_dim

    def check(self, value):
        """Return for each value whether every component could give it."""
        result = self.base_constraint.check(value.unsqueeze(-1 - self.event_dim))
        if value.dim() < self.event_dim:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.dim()}")
        return result.reshape((*result.shape[: value.dim() - self.event_dim], -1)).all(-1)

    def __repr__(self):
        return f"{type(self).__name__}({self.base_constraint!r})"


class _Sequence(Constraint):
    def __init__(self, cseq, dim):
        _assert(all(isinstance(c, Constraint) for c in cseq), "All elements of cseq must be Constraint instances")
        self.cseq = list(cseq)
        self.dim = dim

    @property
    def is_discrete(self):
        return any(c.is_discrete for c in self.cseq)

    @property
    def event_dim(self):
        return max(c.event_dim for c in self.cseq)

    def _check_dim(self, value):
        text = f"dim {self.dim} out of range for value with {value.dim()} dimensions"
        _assert(-value.dim() <= self.dim < value.dim(), text)


class _Cat(_Sequence):
    """A constraint for each of several pieces of a dimension, as ``cat`` joins them."""

    def __init__(self, cseq, dim=0, lengths=None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        text = f"lengths ({len(self.lengths)}) must match cseq ({len(self.cseq)})"
        _assert(len(self.lengths) == len(self.cseq), text)

    def check(self, value):
        self._check_dim(value)
        checks, start = [], 0
        for constraint, length in zip(self.cseq, self.lengths, strict=True):
            checks.append(constraint.check(value.narrow(self.dim, start, length)))
            start += length
        return cat(checks, self.dim)


class _Stack(_Sequence):
    """A constraint for each place of a dimension, as ``stack`` joins them."""

    @property
    def event_dim(self):
        dims = max(c.event_dim for c in self.cseq)
        return dims + 1 if self.dim + dims < 0 else dims

    def __init__(self, cseq, dim=0):
        super().__init__(cseq, dim)

    def check(self, value):
        self._check_dim(value)
        parts = [value.select(self.dim, i) for i in range(value.size(self.dim))]
        return stack([c.check(v) for v, c in zip(parts, self.cseq, strict=False)], self.dim)


cat_of = _Cat
stack_of = _Stack
