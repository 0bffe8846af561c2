"""What the processor offers."""

__all__ = ["get_cpu_capability"]


def get_cpu_capability():
    """The widest vector instructions that the library for cpu tensors uses: "AVX512", "AVX2" or "DEFAULT".

    Example:
        >>> import plugrad
        >>> plugrad.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
        True
    """
    from .registry import namespace

    return namespace("cpu").cpu_capability()
