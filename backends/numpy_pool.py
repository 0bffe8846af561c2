"""numpy's pooling."""

__all__ = ["NumpyPooling"]


class NumpyPooling:
    """Mixed into the numpy backend."""
