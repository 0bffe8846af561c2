"""What ``Module.to`` and its like do to one tensor, and how their arguments are read."""

import warnings

from ..core.dtypes import dtype as dtype_type
from ..core.modes import no_grad
from ..core.tensor import Tensor

__all__ = ["check_to_dtype", "clear_grad", "convert_parameter", "parse_to"]


def clear_grad(parameter, set_to_none):
    """Drop ``parameter.grad``, or cut it off its history and fill it with zeros."""
    grad = parameter.grad
    if grad is None:
        return
    if set_to_none:
        parameter.grad = None
    elif grad.grad_fn is not None:
        grad.detach_().zero_()
    else:
        grad.requires_grad_(False).zero_()


def convert_parameter(parameter, fn):
    with no_grad():
        new = fn(parameter)
        if new is parameter:
            return
        grad = parameter.grad
        new_grad = None if grad is None else fn(grad)
    parameter.data = new
    if grad is not None:
        grad.data = new_grad


def parse_to(*args, **kwargs):
    """The arguments of ``to``: (device, dtype, non_blocking, memory_format)."""
    first = args[0] if args else None
    try:
        if isinstance(first, Tensor):
            return _parse_to_tensor(*args, **kwargs)
        if isinstance(first, dtype_type):
            return _parse_to_device(None, *args, **kwargs)
        return _parse_to_device(*args, **kwargs)
    except TypeError:
        raise TypeError(_invalid_to(args, kwargs)) from None


def _parse_to_tensor(tensor, non_blocking=False, *, memory_format=None):
    return tensor.device, tensor.dtype, non_blocking, memory_format


def _parse_to_device(device=None, dtype=None, non_blocking=False, *, memory_format=None):
    if not (dtype is None or isinstance(dtype, dtype_type)) or isinstance(device, (list, tuple, dict)):
        raise TypeError
    return device, dtype, non_blocking, memory_format


def _invalid_to(args, kwargs):
    got = ", ".join([*(type(a).__name__ for a in args), *(f"{k}={type(v).__name__}" for k, v in kwargs.items())])
    rest = "bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None"
    return (
        f"to() received an invalid combination of arguments - got ({got}{', ' if kwargs else ''}), but expected one of:\n"
        f" * (torch.device device = None, torch.dtype dtype = None, {rest})\n"
        f" * (torch.dtype dtype, {rest})\n"
        f" * (Tensor tensor, {rest})\n"
    )


def check_to_dtype(dtype):
    if dtype is None:
        return
    if not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")
    if dtype.is_complex:
        warnings.warn(
            "Complex modules are a new feature under active development whose design may change, and some modules might "
            "not work as expected when using complex tensors as parameters or buffers. Please file an issue at "
            "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a complex module does not work "
            "as expected.",
            stacklevel=3,
        )
