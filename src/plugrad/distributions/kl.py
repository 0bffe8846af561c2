"""Divergences, with torch.distributions.kl's names."""

from plugrad.core.distributions.kl import (
    kl_divergence,
    register_kl,
)

__all__ = [
    "kl_divergence",
    "register_kl",
]
