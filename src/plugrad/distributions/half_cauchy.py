"""The names of torch.distributions.half_cauchy."""

from plugrad.core.distributions import HalfCauchy

__all__ = ["HalfCauchy"]
