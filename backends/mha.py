"""Whether attention in evaluation may take a shorter way: plugrad has one way, so this holds what was set."""

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]


class Fastpath:
    """What was set."""

    enabled = True


def get_fastpath_enabled():
    """What :func:`set_fastpath_enabled` set; True at first."""
    return Fastpath.enabled


def set_fastpath_enabled(value):
    """Hold a value; the numbers are the same either way, and so is the speed."""
    Fastpath.enabled = value
