"""The names of torch.distributions.chi2."""

from plugrad.core.distributions import Chi2

__all__ = ["Chi2"]
