"""The ops: rows by family, and the public functions and Tensor methods made of them."""

from . import (
    activation,
    arithmetic,
    conv,
    elementwise,
    in_place,
    index,
    join,
    loss,
    neural,
    norm,
    pool,
    product,
    reduce,
    reduction,
    reshaping,
    sampling,
    shape,
)

__all__ = [
    "activation",
    "arithmetic",
    "conv",
    "elementwise",
    "in_place",
    "index",
    "join",
    "loss",
    "neural",
    "norm",
    "pool",
    "product",
    "reduce",
    "reduction",
    "reshaping",
    "sampling",
    "shape",
]

for family in (arithmetic, reduction, reshaping, join, index, product, sampling, in_place):
    family.install()
