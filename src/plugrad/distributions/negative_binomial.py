"""The names of torch.distributions.negative_binomial."""

from plugrad.core.distributions import NegativeBinomial

__all__ = ["NegativeBinomial"]
