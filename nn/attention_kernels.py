"""Which kernels attention may use: torch's switches, for the one computation that there is here."""

from contextlib import contextmanager
from enum import IntEnum

from ..backends.attention import Kernels

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """torch's kernels for :func:`scaled_dot_product_attention`; all of them mean the one computation here.

    Example:
        >>> from plugrad.nn.attention import SDPBackend
        >>> SDPBackend.MATH
        <SDPBackend.MATH: 0>
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __str__(self):
        return f"SDPBackend.{self.name}"


SWITCHES = {
    "math": SDPBackend.MATH,
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
}


@contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Allow some kernels only, for a with-block or a function.

    There is one computation here, which serves whatever is allowed; attention is refused where nothing is.

    Args:
        backends: a :class:`SDPBackend` or several.
        set_priority: whether their order is one of preference; there is nothing to choose from.

    Raises:
        AssertionError: neither a backend nor a list.

    Example:
        >>> import plugrad
        >>> from plugrad.nn.attention import SDPBackend, sdpa_kernel
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     plugrad.backends.cuda.flash_sdp_enabled()
        False
    """
    assert isinstance(backends, list | SDPBackend), (
        f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {type(backends).__name__}"
    )
    allowed = [backends] if isinstance(backends, SDPBackend) else backends
    before = Kernels.switch(**{name: kernel in allowed for name, kernel in SWITCHES.items()})
    try:
        yield {}
    finally:
        Kernels.switch(**before)
