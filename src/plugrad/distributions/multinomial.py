"""The names of torch.distributions.multinomial."""

from plugrad.core.distributions import Multinomial

__all__ = ["Multinomial"]
