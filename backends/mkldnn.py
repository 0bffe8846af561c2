"""The flags of oneDNN, which plugrad does not use: they hold what was set and change nothing."""

from .flags import Flag, Held, Precision, hold, set_some, switched

enabled: bool
deterministic: bool
allow_tf32: bool | None
fp32_precision: str


class MkldnnFlags:
    """The attributes of this module."""

    enabled = Flag("set_enabled_mkldnn", True)
    deterministic = Flag("set_deterministic_mkldnn", False)
    allow_tf32 = Held(None)
    fp32_precision = Precision()


NAMES = ("enabled", "deterministic", "allow_tf32", "fp32_precision")
hold(__name__, MkldnnFlags)


def is_available():
    """False: plugrad does not use oneDNN."""
    return False


def set_flags(_enabled=None, _deterministic=None, _allow_tf32=None, _fp32_precision="none"):
    """Set the flags that are not None; returns all of them as they were."""
    return set_some(__name__, NAMES, (_enabled, _deterministic, _allow_tf32, _fp32_precision))


def flags(enabled=False, deterministic=False, allow_tf32=True, fp32_precision="none"):
    """The flags for a with-block."""
    return switched(__name__, NAMES, (enabled, deterministic, allow_tf32, fp32_precision))


__all__ = ["flags", "is_available", "set_flags"]
