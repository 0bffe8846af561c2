"""The precision that products of float32 may be computed with, as it was asked for."""

__all__ = ["MatmulPrecision"]


class MatmulPrecision:
    """What ``set_float32_matmul_precision`` or ``backends.cuda.matmul.allow_tf32`` set; every product is full float32."""

    name = "highest"
