"""The names of torch.cuda.amp, which are deprecated: those of plugrad.amp for the device type "cuda"."""

import warnings as _warnings

from plugrad.core import dtypes as _dtypes
from plugrad.core.autocast import autocast as _autocast
from plugrad.core.autocast import cuda_is_usable as _cuda_is_usable
from plugrad.core.custom_casts import custom_bwd as _custom_bwd
from plugrad.core.custom_casts import custom_fwd as _custom_fwd
from plugrad.core.grad_scaler import GradScaler as _GradScaler


def _warn(old, new):
    _warnings.warn(
        f"`torch.cuda.amp.{old}` is deprecated. Please use `torch.amp.{new}` instead.", FutureWarning, stacklevel=3
    )


def amp_definitely_not_available():
    """Whether no cuda device can be used."""
    return not _cuda_is_usable()


class autocast(_autocast):
    """As :class:`plugrad.autocast` for "cuda"; deprecated."""

    def __init__(self, enabled=True, dtype=_dtypes.float16, cache_enabled=True):
        _warn("autocast(args...)", "autocast('cuda', args...)")
        super().__init__("cuda", dtype, enabled, cache_enabled)


class GradScaler(_GradScaler):
    """As :class:`plugrad.amp.GradScaler` for "cuda"; deprecated."""

    def __init__(self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000, enabled=True):
        _warn("GradScaler(args...)", "GradScaler('cuda', args...)")
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """As :func:`plugrad.amp.custom_fwd` for "cuda"; deprecated."""
    _warn("custom_fwd(args...)", "custom_fwd(args..., device_type='cuda')")
    return _custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd):
    """As :func:`plugrad.amp.custom_bwd` for "cuda"; deprecated."""
    _warn("custom_bwd(args...)", "custom_bwd(args..., device_type='cuda')")
    return _custom_bwd(bwd, device_type="cuda")


__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]
