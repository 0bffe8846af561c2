"""The names of torch.distributions.generalized_pareto."""

from plugrad.core.distributions import GeneralizedPareto

__all__ = ["GeneralizedPareto"]
