"""DistributedSampler, where torch has it too."""

from plugrad.core.data import DistributedSampler

__all__ = ["DistributedSampler"]
