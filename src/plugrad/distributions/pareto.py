"""The names of torch.distributions.pareto."""

from plugrad.core.distributions import Pareto

__all__ = ["Pareto"]
