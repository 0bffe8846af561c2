"""The names of torch.distributions.fishersnedecor."""

from plugrad.core.distributions import FisherSnedecor

__all__ = ["FisherSnedecor"]
