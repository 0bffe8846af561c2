"""The names of torch.distributions.normal."""

from plugrad.core.distributions import Normal

__all__ = ["Normal"]
