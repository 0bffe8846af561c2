"""The names of torch.distributions.studentT."""

from plugrad.core.distributions import StudentT

__all__ = ["StudentT"]
