"""Modules made without initial values."""

import inspect

from ...core.random import get_rng_state, set_rng_state
from ..init import nothing_drawn
from ..module import Module

__all__ = ["skip_init"]


def skip_init(module_cls, *args, **kwargs):
    """Return a module whose parameters and buffers hold whatever was in memory; no random number is used up.

    Args:
        module_cls: the class; its constructor takes a ``device``.
        args, kwargs: for the constructor.

    Raises:
        RuntimeError: no class of modules, or one that takes no device.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.skip_init(plugrad.nn.Linear, 5, 1).weight.shape
        torch.Size([1, 5])
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    kwargs.setdefault("device", "cpu")
    state = get_rng_state()
    try:
        with nothing_drawn():
            return module_cls(*args, **kwargs)
    finally:
        set_rng_state(state)
