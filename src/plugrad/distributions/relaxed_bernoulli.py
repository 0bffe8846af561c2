"""The names of torch.distributions.relaxed_bernoulli."""

from plugrad.core.distributions import RelaxedBernoulli
from plugrad.core.distributions.relaxed import LogitRelaxedBernoulli

__all__ = ["LogitRelaxedBernoulli", "RelaxedBernoulli"]
