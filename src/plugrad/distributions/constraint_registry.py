"""Transforms of constraints, with torch.distributions.constraint_registry's names."""

from plugrad.core.distributions.constraint_registry import (
    ConstraintRegistry,
    biject_to,
    transform_to,
)

__all__ = [
    "ConstraintRegistry",
    "biject_to",
    "transform_to",
]
