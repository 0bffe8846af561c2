"""The names of torch.signal."""  # noqa: A005 - the name of torch

from plugrad.signal import windows

__all__ = ["windows"]
