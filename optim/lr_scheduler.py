"""Learning rate schedules, under torch's module name."""

from .schedule import LRScheduler
from .schedule_chain import ChainedScheduler, ReduceLROnPlateau, SequentialLR
from .schedule_cycle import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from .schedule_decay import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

#: torch's older name, still the base of many schedules out there.
_LRScheduler = LRScheduler

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
