"""The ops: rows by family, and the public functions and Tensor methods made of them."""

from . import arithmetic, elementwise, in_place, index, join, product, reduce, reduction, reshaping, sampling, shape

__all__ = [
    "arithmetic",
    "elementwise",
    "in_place",
    "index",
    "join",
    "product",
    "reduce",
    "reduction",
    "reshaping",
    "sampling",
    "shape",
]

for family in (arithmetic, reduction, reshaping, join, index, product, sampling, in_place):
    family.install()
