"""Autocast and the users' own functions: the decorators of a Function's forward and backward."""

import functools
from collections.abc import Iterable, Mapping

from . import dtypes
from .autocast import autocast, get_autocast_dtype, is_autocast_enabled
from .interop import is_numpy_array
from .tensor import Tensor


def cast_inside(value, device_type, dtype):
    """The value with the floating point tensors of a device type in it cast, those in float64 excepted."""
    if isinstance(value, Tensor):
        fits = value.is_floating_point() and value.device.type == device_type and value.dtype is not dtypes.float64
        return value.to(dtype) if fits else value
    if isinstance(value, (str, bytes)) or is_numpy_array(value):
        return value
    if isinstance(value, Mapping):
        return {cast_inside(k, device_type, dtype): cast_inside(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, Iterable):
        parts = (cast_inside(part, device_type, dtype) for part in value)
        return type(value)(parts) if isinstance(value, (list, tuple)) else parts
    return value


def check_text(device_type):
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorate the ``forward`` of a :class:`~plugrad.autograd.Function` that is to know about autocast.

    Args:
        fwd: the forward; None returns the decorator.
        device_type: whose autocast.
        cast_inputs: a dtype: under autocast the forward gets its floating point tensors in it, and runs with autocast off.
            None: the forward runs under autocast as it is.

    Raises:
        ValueError: the device type is no text.

    Example:
        >>> import plugrad
        >>> class Square(plugrad.autograd.Function):
        ...     @staticmethod
        ...     @plugrad.amp.custom_fwd(device_type="cpu", cast_inputs=plugrad.float32)
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x
        ...     @staticmethod
        ...     @plugrad.amp.custom_bwd(device_type="cpu")
        ...     def backward(ctx, g):
        ...         return 2 * g * ctx.saved_tensors[0]
        >>> with plugrad.autocast("cpu"):
        ...     Square.apply(plugrad.ones(2, dtype=plugrad.float16)).dtype
        torch.float32
    """
    check_text(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx, *args, **kwargs):
        ctx._dtype = get_autocast_dtype(device_type)
        enabled = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if cast_inputs is None or not enabled:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            args = cast_inside(args, device_type, cast_inputs)
            return fwd(ctx, *args, **cast_inside(kwargs, device_type, cast_inputs))

    return forward


def custom_bwd(bwd=None, *, device_type):
    """Decorate the ``backward`` of such a Function: it runs under the autocast that its forward ran under.

    Args:
        bwd: the backward; None returns the decorator.
        device_type: whose autocast.

    Raises:
        ValueError: the device type is no text.
    """
    check_text(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx, *args, **kwargs):
        with autocast(device_type, enabled=ctx._fwd_used_autocast, dtype=ctx._dtype):
            return bwd(ctx, *args, **kwargs)

    return backward


__all__ = ["custom_bwd", "custom_fwd"]
