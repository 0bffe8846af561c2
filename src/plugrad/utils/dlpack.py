"""DLPack: tensors from and for other array libraries without a copy."""

from plugrad.core.create import from_dlpack


def to_dlpack(tensor):
    """The DLPack capsule of a tensor."""
    return tensor.__dlpack__()


__all__ = ["from_dlpack", "to_dlpack"]
