# ruff: noqa: A005  (torch's module name)
"""Seeds and states of the random numbers of cuda tensors: those of the one stream of the host.

plugrad draws all random numbers on the host and copies them, so that a seed gives the same numbers on every device. So all
devices have one state, the host's; setting it for one sets it for all and for the cpu.
"""

from plugrad.core.generator import get_rng_state as _state
from plugrad.core.generator import initial_seed as _initial_seed
from plugrad.core.generator import seed as _seed
from plugrad.core.generator import set_rng_state as _set_state
from plugrad.cuda import _usable, device_count, is_available, manual_seed, manual_seed_all

__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]


def get_rng_state(device="cuda"):
    """The state of the stream that cuda tensors are filled from: the host's, the same for every device.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    _usable(device)
    return _state()


def get_rng_state_all():
    """The state once for every device; an empty list without one."""
    return [_state() for _ in range(device_count())]


def set_rng_state(new_state, device="cuda"):
    """Set the state of the one stream, for every device and the cpu; without a cuda device this does nothing.

    Raises:
        RuntimeError: not a state of the host's generator; one that torch took from a cuda device is none.
    """
    if is_available():
        _usable(device)
        _set_state(new_state)


def set_rng_state_all(new_states):
    """Set the state of the one stream; without a cuda device this does nothing.

    Args:
        new_states: a state for each device, all the same: what :func:`get_rng_state_all` gave.

    Raises:
        NotImplementedError: the states differ.
    """
    states = list(new_states)
    if not (states and is_available()):
        return
    first = states[0].tolist()
    if any(state.tolist() != first for state in states[1:]):
        raise NotImplementedError(
            "set_rng_state_all: all devices draw from the one stream of the host, so their states cannot differ"
        )
    _set_state(states[0])


def seed():
    """Seed the one stream with a number that is not predictable; without a cuda device this does nothing."""
    if is_available():
        _seed()


seed_all = seed


def initial_seed():
    """The seed of the one stream.

    Raises:
        AssertionError: no cuda device can be used; the text says why.
    """
    _usable(None)
    return _initial_seed()
