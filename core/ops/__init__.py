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
    striding,
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
    "striding",
]

for family in (arithmetic, reduction, reshaping, join, index, product, sampling, striding, in_place):
    family.install()
