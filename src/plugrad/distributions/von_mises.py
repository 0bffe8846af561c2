"""The names of torch.distributions.von_mises."""

from plugrad.core.distributions import VonMises

__all__ = ["VonMises"]
