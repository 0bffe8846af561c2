"""``range``, with both ends: torch's older form of ``arange``."""

import math
import warnings

from .create import _give, check_dtype, check_options, dtype_for
from .dtypes import FLOAT, float64, int64
from .modes import no_grad
from .sequences import arange

__all__ = ["range"]


def range(start=0, end=None, step=1, *, out=None, dtype=None, device=None, requires_grad=False, **options):
    """start, start + step, ... as long as end is not passed; deprecated in favour of ``arange``, which leaves end out.

    Args:
        start: the first value.
        end: the last one, if it is met.
        step: not 0.
        dtype: the default dtype unless given, also for whole numbers.

    Shapes:
        (⌊(end - start) / step⌋ + 1,)

    Raises:
        RuntimeError: a step of 0 or away from the end, or an end that is not finite.

    Example:
        >>> import warnings, plugrad
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     plugrad.range(1, 2, 0.5)
        tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        raise TypeError('range() missing 1 required positional arguments: "end"')
    for place, (name, value) in enumerate({"start": start, "end": end, "step": step}.items(), 1):
        if not isinstance(value, int | float):
            raise TypeError(f"range(): argument '{name}' (position {place}) must be Number, not {type(value).__name__}")
    check_options("range", **options)
    check_dtype("range", dtype)
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with Python's "
        "range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    return _give(out, _values(start, end, step, dtype_for(dtype, out), device, requires_grad))


def _values(start, end, step, dtype, device, requires_grad):
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not math.isfinite(start) or not math.isfinite(end):
        raise RuntimeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    if dtype.kind < FLOAT:
        start, end, step = int(start), int(end), int(step)
        count, wide = (end - start) // step + 1, int64
    else:
        count, wide = math.floor((end - start) / step) + 1, float64
    with no_grad():
        made = (arange(count, dtype=wide, device=device) * step + start).to(dtype)
    return made.requires_grad_(requires_grad)
