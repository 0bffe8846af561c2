"""The names of torch.autograd.function."""

from plugrad.core.function import BackwardCFunction, Function, FunctionCtx, FunctionMeta, once_differentiable
from plugrad.core.function_legacy import InplaceFunction, NestedIOFunction

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "FunctionMeta",
    "InplaceFunction",
    "NestedIOFunction",
    "once_differentiable",
]
