"""The names of torch.library that make sense without a compiler: ops made of functions."""

from plugrad.core.custom_op import CustomOpDef, custom_op
from plugrad.core.custom_op_names import (
    register_autocast,
    register_autograd,
    register_fake,
    register_kernel,
    register_vmap,
)
from plugrad.core.op_schema import infer_schema

__all__ = [
    "CustomOpDef",
    "custom_op",
    "infer_schema",
    "register_autocast",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "register_vmap",
]
