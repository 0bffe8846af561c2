# ruff: noqa: A005  (torch's module name)
"""The random stream: seeds and states."""

from plugrad.core.random import fork_rng, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]
