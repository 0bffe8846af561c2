"""The names of torch.distributions.logistic_normal."""

from plugrad.core.distributions import LogisticNormal

__all__ = ["LogisticNormal"]
