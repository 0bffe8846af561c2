"""Which transform leads from unconstrained numbers to a constraint's region."""

from . import constraints, transforms
from .parameters import is_number
from .transform import ComposeTransform, IndependentTransform, identity_transform
from .transforms_joined import CatTransform, StackTransform
from .transforms_vector import (
    CorrCholeskyTransform,
    LowerCholeskyTransform,
    PositiveDefiniteTransform,
    SoftmaxTransform,
    StickBreakingTransform,
)

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """Transforms by the class of the constraint.

    Example:
        >>> import plugrad
        >>> from plugrad.distributions import constraints, transform_to
        >>> transform_to(constraints.greater_than(3.0))(plugrad.zeros(2))
        tensor([4., 4.])
    """

    def __init__(self):
        self._registry = {}

    def register(self, constraint, factory=None):
        """Say how the transform of a class of constraints is made; without ``factory`` for use as a decorator.

        Args:
            constraint: a constraint, or a class of such.
            factory: function of the constraint that returns a transform.

        Raises:
            TypeError: it is no constraint.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not isinstance(kind, type) or not issubclass(kind, constraints.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint):
        """Return the transform to a constraint's region.

        Raises:
            NotImplementedError: there is none for its class.
        """
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


#: Bijections onto the region.
biject_to = ConstraintRegistry()
#: Transforms onto the region that need not be bijective, for optimization.
transform_to = ConstraintRegistry()


def _shifted(bound, scale):
    return ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(bound, scale)])


def _to_interval(constraint):
    low, high = constraint.lower_bound, constraint.upper_bound
    if is_number(low) and low == 0 and is_number(high) and high == 1:
        return transforms.SigmoidTransform()
    return ComposeTransform([transforms.SigmoidTransform(), transforms.AffineTransform(low, high - low)])


def _register_parts(registry):
    """The constraints made of others."""
    registry.register(
        constraints.independent,
        lambda c: IndependentTransform(registry(c.base_constraint), c.reinterpreted_batch_ndims),
    )
    registry.register(constraints.cat, lambda c: CatTransform([registry(p) for p in c.cseq], c.dim, c.lengths))
    registry.register(constraints.stack, lambda c: StackTransform([registry(p) for p in c.cseq], c.dim))


FOR_BOTH = [
    (constraints.real, lambda c: identity_transform),
    (constraints.positive, lambda c: _shifted(c.lower_bound, 1)),
    (constraints.nonnegative, lambda c: _shifted(c.lower_bound, 1)),
    (constraints.less_than, lambda c: _shifted(c.upper_bound, -1)),
    (constraints.interval, _to_interval),
    (constraints.half_open_interval, _to_interval),
    (constraints.corr_cholesky, lambda c: CorrCholeskyTransform()),
]
for _registry in (biject_to, transform_to):
    for _constraint, _factory in FOR_BOTH:
        _registry.register(_constraint, _factory)
    _register_parts(_registry)
biject_to.register(constraints.simplex, lambda c: StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda c: PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda c: PositiveDefiniteTransform())
