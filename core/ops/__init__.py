"""The ops: rows by family, and the public functions and Tensor methods made of them."""

from . import activation, arithmetic, elementwise, in_place, index, join, loss, norm, product, reduce, reduction, reshaping, sampling, shape

__all__ = [
    "activation",
    "arithmetic",
    "elementwise",
    "in_place",
    "index",
    "join",
    "loss",
    "norm",
    "product",
    "reduce",
    "reduction",
    "reshaping",
    "sampling",
    "shape",
]

for family in (arithmetic, reduction, reshaping, join, index, product, sampling, in_place):
    family.install()
