"""Another set of parameters and state under an optimizer, for a while."""

from collections import defaultdict
from contextlib import contextmanager
from itertools import islice

from ..core.tensor import Tensor

__all__ = ["swap_in_optimizer_params_and_state"]

NAME = "swap_in_optimizer_params_and_state"


@contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """Let an optimizer work on other parameters and another state inside of the ``with``; then it has its own again.

    Args:
        optimizer: one that has a state.
        swapin_parameters: name → tensor, in the order of the optimizer's parameters.
        swapin_optim_state: what ``state_dict()`` of such an optimizer gives; its tensors are changed in place.

    Raises:
        RuntimeError: the optimizer has no state yet, or parameters or state do not fit it.

    Example:
        >>> import plugrad
        >>> w, other = (plugrad.nn.Parameter(plugrad.ones(1)) for _ in range(2))
        >>> optimizer = plugrad.optim.SGD([w], lr=0.5, momentum=0.9)
        >>> w.grad = other.grad = plugrad.ones(1)
        >>> optimizer.step()
        >>> with plugrad.optim.swap_in_optimizer_params_and_state(optimizer, {"w": other}, optimizer.state_dict()):
        ...     optimizer.step()
        >>> w.item(), round(other.item(), 4)
        (0.5, 0.05)
    """
    if not optimizer.state:
        raise RuntimeError(f"{NAME} requires initialized optimizer state.")
    if not isinstance(swapin_optim_state, dict):
        raise RuntimeError(f"{NAME} requires a DCP-style optimizer state_dict.")
    given = checked_state(swapin_optim_state.get("state"))
    groups = checked_groups(optimizer, swapin_optim_state.get("param_groups"))
    params = dealt(groups, swapin_parameters)
    numbers = [number for group in groups for number in group["params"]]
    if extra := [key for key in given if key not in set(numbers)]:
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['state'] to be keyed only by packed parameter ids from "
            f"param_groups[*]['params']; got extra keys {extra!r}."
        )
    own_state, own_groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    try:
        optimizer.state = defaultdict(dict)
        for own, group, tensors in zip(optimizer.param_groups, groups, params, strict=True):
            own.update(group, params=tensors)
            for p, number in zip(tensors, group["params"], strict=True):
                optimizer.state[p] = dict(given.get(number, {}))
        yield
    finally:
        for group, own in zip(optimizer.param_groups, own_groups, strict=True):
            group.clear()
            group.update(own)
        optimizer.state = own_state


def checked_state(state):
    """The state by number, each a dict."""
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param state "
            f"dicts, got {type(state).__name__}."
        )
    if any(isinstance(key, Tensor) for key in state):
        raise RuntimeError(f"{NAME} requires optimizer.state_dict()-style state keyed by packed parameter ids.")
    if any(isinstance(key, int) and not isinstance(value, dict) for key, value in state.items()):
        raise RuntimeError(f"{NAME} requires per-parameter optimizer state entries to be dictionaries.")
    return state


def checked_groups(optimizer, groups):
    """The groups, which must be like the optimizer's."""
    if not isinstance(groups, list):
        raise RuntimeError(
            f"{NAME} requires swapin_optim_state['param_groups'] to be a list of param-group dicts, got "
            f"{type(groups).__name__}."
        )
    if len(groups) != len(optimizer.param_groups):
        raise RuntimeError("swapin_optim_state has a different number of parameter groups than the live optimizer.")
    for i, (own, group) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        check_group(i, own, group)
    return groups


def check_group(i, own, group):
    if not isinstance(group, dict):
        raise RuntimeError(f"{NAME} requires each optimizer param group to be a dictionary.")
    numbers = group.get("params")
    if not isinstance(numbers, list) or not all(isinstance(number, int) for number in numbers):
        raise RuntimeError(
            f"{NAME} requires optimizer.state_dict()-style param_groups[*]['params'] entries keyed by packed parameter "
            "ids."
        )
    if len(own["params"]) != len(numbers):
        raise RuntimeError(
            f"swapin_optim_state param group {i} has a different number of params than the live optimizer param group."
        )
    more, missing = [key for key in group if key not in own], [key for key in own if key not in group]
    if more or missing:
        raise RuntimeError(
            f"{NAME} requires optimizer.state_dict()-style param group keys to exactly match the live optimizer group "
            f"keys for group {i}. Keys only in swap-in: {more}. Keys only in live: {missing}."
        )


def dealt(groups, parameters):
    """The parameters, group by group."""
    rest, made = iter(parameters.values()), []
    for group in groups:
        made.append(list(islice(rest, len(group["params"]))))
        if len(made[-1]) < len(group["params"]):
            raise RuntimeError(
                f"{NAME} requires the explicit parameter state to match optimizer.param_groups ordering."
            )
    return made
