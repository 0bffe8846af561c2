"""The names of torch.distributions.half_normal."""

from plugrad.core.distributions import HalfNormal

__all__ = ["HalfNormal"]
