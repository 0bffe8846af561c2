"""The names of torch.distributions.distribution."""

from plugrad.core.distributions import Distribution

__all__ = ["Distribution"]
