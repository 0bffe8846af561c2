"""Gradients: backward, grad, custom functions, grad modes."""

from plugrad.autograd import function, functional, graph
from plugrad.core.engine import backward, grad
from plugrad.core.function import Function
from plugrad.core.gradcheck import gradcheck, gradgradcheck
from plugrad.core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from plugrad.core.tensor import Tensor as Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_grad_enabled",
]
