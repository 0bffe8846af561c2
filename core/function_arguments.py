"""The arguments of a Function's apply, and what its forward may mark."""

import functools
import inspect
import warnings

from .tensor import Tensor

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@functools.lru_cache(maxsize=1000)
def signature_of(forward):
    return inspect.signature(forward)


def by_position(forward, args, kwargs, takes_ctx):
    """All arguments by position, as backward gives their gradients.

    Where setup_context is separate, forward's defaults are among them; otherwise forward fills them in.

    Raises:
        TypeError: forward has no such argument, or has it by keyword only.
    """
    if takes_ctx and not kwargs:
        return args
    if takes_ctx:
        return placed(forward, args, kwargs)
    bound = signature_of(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    for name in bound.kwargs:
        raise unexpected(name)
    return bound.args


def placed(forward, args, kwargs):
    parameters = list(signature_of(forward).parameters.values())[1:]
    names = [p.name for p in parameters if p.kind in POSITIONAL]
    for name in kwargs:
        if name not in names:
            raise unexpected(name)
        if names.index(name) < len(args):
            raise TypeError(f"forward() got multiple values for argument '{name}'")
    last = max(names.index(name) for name in kwargs)
    found = list(args)
    for i in range(len(args), last + 1):
        if names[i] not in kwargs:
            raise TypeError(f"forward() missing required argument: '{names[i]}' (position {i})")
        found.append(kwargs[names[i]])
    return tuple(found)


def unexpected(name):
    return TypeError(f"forward() got an unexpected keyword argument '{name}'")


def check_marks(node, args, outputs):
    """Raise when forward marked what can't be marked."""
    for i, value in enumerate(node.non_differentiable):
        if not isinstance(value, Tensor):
            raise noted(RuntimeError("mark_non_differentiable only accepts variable arguments, but got "), i, value)
    for i, value in enumerate(node.dirty_tensors):
        if not isinstance(value, Tensor):
            raise noted(RuntimeError("mark_dirty can only accept variables, but argument "), i, value)
        if not any(value is a for a in args):
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated should be passed "
                "to ctx.mark_dirty().",
                UserWarning,
                stacklevel=5,
            )
        if not any(value is o for o in outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified "
                "inplace must all be outputs of the Function."
            )


def noted(error, i, value):
    """torch's text ends where it should say which argument it is."""
    error.add_note(f"argument {i} is of type {type(value).__name__}")
    return error


__all__ = ["by_position", "check_marks"]
