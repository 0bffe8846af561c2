"""Gradients: backward, grad, custom functions, grad modes."""

from plugrad.autograd import anomaly_mode, function, functional, graph
from plugrad.autograd.gradcheck import gradcheck, gradgradcheck  # functions, whose name is also their module's
from plugrad.core.anomaly import detect_anomaly, set_detect_anomaly
from plugrad.core.engine import backward, grad
from plugrad.core.function import Function
from plugrad.core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from plugrad.core.tensor import Tensor as Variable

__all__ = [
    "Function",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]
