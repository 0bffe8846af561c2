"""The names of torch.distributions.log_normal."""

from plugrad.core.distributions import LogNormal

__all__ = ["LogNormal"]
