"""Whether a backend serves the device type ``mps``."""

from .flags import is_installed, is_usable

__all__ = ["is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_built():
    """Whether a backend for mps devices is installed; plugrad brings none."""
    return is_installed("mps")


def is_available():
    """Whether a backend for mps devices is usable here."""
    return is_usable("mps")


def is_macos_or_newer(major, minor):
    """Whether this is macOS of at least a version.

    Raises:
        RuntimeError: no backend serves mps.
    """
    if not is_available():
        raise RuntimeError("Cannot execute isOnMacOSorNewer() without MPS backend.")
    import platform

    version = platform.mac_ver()[0].split(".")
    return tuple(int(part) for part in [*version, "0"][:2] if part) >= (major, minor)


def is_macos13_or_newer(minor=0):
    """Whether this is macOS 13 or newer.

    Raises:
        RuntimeError: no backend serves mps.
    """
    return is_macos_or_newer(13, minor)
