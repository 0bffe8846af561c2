"""OpenMP, which plugrad does not use."""

__all__ = ["is_available"]


def is_available():
    """False: plugrad does not use OpenMP."""
    return False
