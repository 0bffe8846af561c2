"""A module called with other parameters and buffers than its own."""

import contextlib
from collections.abc import Sequence

from ...core.tensor import Tensor
from ..module import Module

__all__ = ["call", "functional_call"]


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call a module with the given tensors in place of its parameters and buffers; the module stays as it is.

    Args:
        module: the module.
        parameter_and_buffer_dicts: a dict, or a sequence of dicts without common keys, of tensors by their names.
        args: the arguments of the call: a tuple, or one argument.
        kwargs: its keyword arguments.
        tie_weights: a tensor that the module has under several names is replaced under all of them.
        strict: the names must be exactly those of the module.

    Raises:
        ValueError: no dicts, a name is in several of them, or tied tensors are given different values.
        RuntimeError: names are missing or unexpected, and ``strict``.

    Example:
        >>> import plugrad
        >>> layer = plugrad.nn.Linear(2, 1, bias=False)
        >>> plugrad.func.functional_call(layer, {"weight": plugrad.ones(1, 2)}, plugrad.tensor([1.0, 2.0]))
        tensor([3.])
    """
    return call(module, as_one_dict(parameter_and_buffer_dicts), args, kwargs, tie_weights, strict)


def as_one_dict(dicts):
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            f"Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got {type(dicts)}"
        )
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for d in dicts for name in d]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise ValueError(f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous")
    return {name: tensor for d in dicts for name, tensor in d.items()}


def call(module, given, args, kwargs, tie_weights, strict):
    """The call itself, with all tensors in one dict."""
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with replaced(module, given, tie_weights, strict):
        return module(*args, **({} if kwargs is None else kwargs))


@contextlib.contextmanager
def replaced(module, given, tie_weights, strict):
    """A block in which a module has other tensors; what it made of them is written back into ``given``."""
    wanted = with_tied_names(module, given) if tie_weights else dict(given)
    if strict:
        check_names(module, wanted)
    before = {}
    try:
        for name, tensor in wanted.items():
            before[name] = exchange(module, name, tensor)
        yield
    finally:
        after = {name: exchange(module, name, tensor) for name, tensor in reversed(before.items())}
    for name in given:
        given[name] = after[name]


def with_tied_names(module, given):
    """The given tensors, under each name that the module has for them."""
    groups = {}
    named = dict(module.named_parameters(remove_duplicate=False)) | dict(module.named_buffers(remove_duplicate=False))
    for name, tensor in named.items():
        groups.setdefault(id(tensor), []).append(name)
    wanted = dict(given)
    for names in groups.values():
        values = {id(given[name]): given[name] for name in names if name in given}
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                "tie_weights=False"
            )
        for value in values.values():
            wanted |= dict.fromkeys(names, value)
    return wanted


def check_names(module, given):
    known = {
        name
        for name, _ in (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    }
    lines = []
    for what, names in (("Unexpected", set(given) - known), ("Missing", known - set(given))):
        if names:
            lines.append(f"{what} key(s): {', '.join(repr(name) for name in sorted(names))}.")
    if lines:
        raise RuntimeError(f"Error(s) in reparametrizing for {type(module).__name__}:\n\t" + "\n\t".join(lines))


MISSING = object()  # the module has no such attribute


def exchange(module, path, tensor):
    """Put a tensor where a dotted name leads, without registering anything; returns what was there."""
    *parents, name = path.split(".")
    if not name:
        raise KeyError('tensor name can\'t be empty string ""')
    for parent in parents:
        module = submodule(module, parent)
    attributes = module.__dict__
    known = name in module._parameters or name in module._buffers
    if tensor is not MISSING and tensor is not None and not isinstance(tensor, Tensor):
        raise TypeError(f"{tensor} is not an instance of torch.Tensor")
    if not known and hasattr(type(module), name):
        raise TypeError(f"attribute `{name}`: {getattr(module, name)} is not an instance of torch.Tensor")
    old = attributes.get(name, MISSING)
    if tensor is MISSING:
        attributes.pop(name, None)
    else:
        attributes[name] = tensor
    return old


def submodule(module, name):
    try:
        child = getattr(module, name)
    except AttributeError:
        raise AttributeError(f"{type(module).__name__} has no attribute `{name}`") from None
    if not isinstance(child, Module):
        raise TypeError(f"submodule `{name}`: {child} is not an instance of torch.nn.Module")
    return child
