"""The names of torch.distributions.relaxed_categorical."""

from plugrad.core.distributions import RelaxedOneHotCategorical
from plugrad.core.distributions.relaxed import ExpRelaxedCategorical

__all__ = ["ExpRelaxedCategorical", "RelaxedOneHotCategorical"]
