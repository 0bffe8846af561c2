"""Autocast: which device types run in mixed precision here, in which dtype, and the blocks that say so.

The settings belong to a thread or task. What they do to an op is in casting.py.
"""

import functools
import warnings
from contextvars import ContextVar
from typing import NamedTuple

from . import dtypes
from .device import device, space

#: The dtypes that products are computed in by default; those that can be chosen.
FAST = {"cpu": dtypes.bfloat16, "cuda": dtypes.float16}
CHOICES = (dtypes.bfloat16, dtypes.float16)


class Settings(NamedTuple):
    """What holds in a thread or task.

    Attributes:
        active: the device types that cast.
        fast: the lower dtype of each device type.
        caching: whether casts of parameters are kept until the outermost block ends.
        blocks: for each open block, what it found.
        nesting: how many blocks are open, counted by hand too.
        cache: the casts that are kept.
    """

    active: tuple
    fast: dict
    caching: bool
    blocks: tuple
    nesting: int
    cache: dict

    def suspended(self):
        """The settings inside of an op: its parts are not cast again."""
        return self._replace(active=())


OFF = Settings((), FAST, True, (), 0, {})
SETTINGS: ContextVar[Settings] = ContextVar("plugrad_autocast", default=OFF)


def settle(settings):
    """Make the settings hold, and have the ops look at them exactly as long as somebody casts."""
    from .casting import count_users

    before = bool(SETTINGS.get().active)
    SETTINGS.set(settings)
    if bool(settings.active) is not before:
        count_users(-1 if before else +1)


def with_active(active, device_type, enabled):
    rest = tuple(t for t in active if t != device_type)
    return tuple(sorted((*rest, device_type), reverse=True)) if enabled else rest


class autocast:
    """A block, or by decoration a function, whose products run in half precision and whose sensitive ops in float32.

    Only tensors of one device type are cast, and of these only floating point ones that are not float64. Gradients
    arrive in each tensor's own dtype; the backward belongs outside of the block. In-place forms and calls with ``out=``
    are not cast.

    Args:
        device_type: "cpu" or "cuda".
        dtype: what products are computed in: float16 or bfloat16; None: float16 on cuda, bfloat16 on the cpu.
        enabled: False switches casting off inside a block where it is on.
        cache_enabled: whether a parameter is cast once per outermost block; None: as it is set.

    Raises:
        ValueError: the device type is no text.
        RuntimeError: a device type without autocast, or cuda devices without bfloat16.

    Example:
        >>> import plugrad
        >>> x = plugrad.ones(2, 2)
        >>> with plugrad.autocast("cpu", plugrad.float16):
        ...     print((x @ x).dtype, (x + x).dtype)
        torch.float16 torch.float32
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = kind_of(device_type)
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        why_not = self._why_not() if enabled else None
        if why_not is not None:
            warnings.warn(why_not, UserWarning, stacklevel=2 if type(self) is autocast else 3)
        self._enabled = bool(enabled) and why_not is None

    def _why_not(self):
        if self.device == "cuda" and not cuda_is_usable():
            return "CUDA is not available or torch_xla is imported. Disabling autocast."
        if self.device == "cuda" and self.fast_dtype is dtypes.bfloat16 and space("cuda").bfloat16 is None:
            raise RuntimeError("Current CUDA Device does not support bfloat16. Please switch dtype to float16.")
        if self.fast_dtype in CHOICES:
            return None
        name = self.device.upper()
        return (
            f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
            f"{name} Autocast only supports dtypes of {', '.join(map(str, CHOICES))} currently."
        )

    def __enter__(self):
        now, kind = SETTINGS.get(), self.device
        found = (kind, kind in now.active, now.fast[kind], now.caching)
        settle(
            now._replace(
                active=with_active(now.active, kind, self._enabled),
                fast={**now.fast, kind: self.fast_dtype},
                caching=self._cache_enabled,
                blocks=(*now.blocks, found),
                nesting=now.nesting + 1,
                cache=now.cache if now.nesting else {},
            )
        )
        return self

    def __exit__(self, *exception):
        leave_block()
        return False

    def __call__(self, func):
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as a context "
                "manager? For example:\n    with torch.autocast(device_type=...):\n        output = model(input)"
            )

        @functools.wraps(func)
        def under_autocast(*args, **kwargs):
            with self:
                return func(*args, **kwargs)

        return under_autocast


def leave_block():
    """Put back what the innermost block found; with the outermost one the kept casts go."""
    now = SETTINGS.get()
    kind, enabled, fast, caching = now.blocks[-1]
    settle(
        now._replace(
            active=with_active(now.active, kind, enabled),
            fast={**now.fast, kind: fast},
            caching=caching,
            blocks=now.blocks[:-1],
            nesting=now.nesting - 1,
            cache=now.cache if now.nesting > 1 else {},
        )
    )


class as_it_was:
    """A block under the settings of another time: a recomputation casts as the first run did."""

    def __init__(self):
        now = SETTINGS.get()
        self.active, self.fast, self.caching = now.active, now.fast, now.caching
        self.outer = []

    def __enter__(self):
        self.outer.append(SETTINGS.get())
        settle(Settings(self.active, self.fast, self.caching, (), 1, {}))

    def __exit__(self, *exception):
        settle(self.outer.pop())


def kind_of(device_type):
    """The device type of a text such as "cuda:0".

    Raises:
        RuntimeError: no such device.
    """
    return device_type if device_type in FAST else device(device_type).type


def cuda_is_usable():
    from ..backends import registry

    try:
        registry.spec_for("cuda")
    except RuntimeError:
        return False
    return True


def checked(function, device_type):
    """The device type, if it can cast.

    Raises:
        TypeError: no text.
        RuntimeError: another device type.
    """
    if not isinstance(device_type, str):
        raise TypeError(
            f"{function}(): argument 'device_type' (position 1) must be str, not {type(device_type).__name__}"
        )
    kind = kind_of(device_type)
    if kind not in FAST:
        text = "unknown device type for autocast in get_autocast_dispatch_key_from_device_type"
        raise RuntimeError("unsupported scalarType" if "dtype" in function else text)
    return kind


def is_autocast_available(device_type):
    """Whether ops of a device type can be cast: "cpu" and "cuda".

    Raises:
        TypeError: the device type is no text.
        RuntimeError: no such device.

    Example:
        >>> import plugrad
        >>> plugrad.amp.is_autocast_available("cpu")
        True
    """
    if not isinstance(device_type, str):
        raise TypeError(
            f"_is_autocast_available(): argument 'device_type' (position 1) must be str, not {type(device_type).__name__}"
        )
    return kind_of(device_type) in FAST


def is_autocast_enabled(device_type="cuda"):
    """Whether ops of a device type are cast here.

    Example:
        >>> import plugrad
        >>> with plugrad.autocast("cpu"):
        ...     print(plugrad.is_autocast_enabled("cpu"), plugrad.is_autocast_enabled("cuda"))
        True False
    """
    return checked("is_autocast_enabled", device_type) in SETTINGS.get().active


def set_autocast_enabled(device_type, enabled=None):
    """Switch casting on or off for a device type; with one argument for "cuda"."""
    if enabled is None and isinstance(device_type, bool):
        device_type, enabled = "cuda", device_type
    now, kind = SETTINGS.get(), checked("set_autocast_enabled", device_type)
    settle(now._replace(active=with_active(now.active, kind, enabled)))


def get_autocast_dtype(device_type):
    """The lower dtype of a device type.

    Example:
        >>> import plugrad
        >>> plugrad.get_autocast_dtype("cuda"), plugrad.get_autocast_dtype("cpu")
        (torch.float16, torch.bfloat16)
    """
    return SETTINGS.get().fast[checked("get_autocast_dtype", device_type)]


def set_autocast_dtype(device_type, dtype):
    """Set the lower dtype of a device type."""
    kind = checked("set_autocast_dtype", device_type)
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(
            f"set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, not {type(dtype).__name__}"
        )
    now = SETTINGS.get()
    settle(now._replace(fast={**now.fast, kind: dtype}))


def is_autocast_cache_enabled():
    """Whether casts of parameters are kept for the length of a block."""
    return SETTINGS.get().caching


def set_autocast_cache_enabled(enabled):
    """Switch the keeping of parameters' casts on or off."""
    settle(SETTINGS.get()._replace(caching=bool(enabled)))


def clear_autocast_cache():
    """Forget the kept casts."""
    SETTINGS.get().cache.clear()


def autocast_increment_nesting():
    """Count one more open block; returns how many there are."""
    now = SETTINGS.get()
    settle(now._replace(nesting=now.nesting + 1, cache=now.cache if now.nesting else {}))
    return now.nesting + 1


def autocast_decrement_nesting():
    """Count one open block less; returns how many there are."""
    now = SETTINGS.get()
    settle(now._replace(nesting=now.nesting - 1))
    return now.nesting - 1


__all__ = [
    "SETTINGS",
    "as_it_was",
    "autocast",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]
