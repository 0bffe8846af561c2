"""Gradients: backward, grad, custom functions, grad modes, and what tells why a gradient is what it is."""

from typing import TYPE_CHECKING

from plugrad.autograd import anomaly_mode, forward_ad, function, grad_mode, graph
from plugrad.autograd.gradcheck import gradcheck, gradgradcheck  # functions, whose name is also their module's
from plugrad.core.anomaly import detect_anomaly, set_detect_anomaly
from plugrad.core.engine import backward, grad
from plugrad.core.engine_modes import (
    _force_original_view_tracking,  # noqa: F401 - torch's name, not a public one
    enforce_grad_layout_policy,
    is_multithreading_enabled,
    is_view_replay_enabled,
    set_multithreading_enabled,
)
from plugrad.core.function import Function
from plugrad.core.function_legacy import NestedIOFunction
from plugrad.core.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from plugrad.core.saved_tensors import SavedTensor
from plugrad.core.variable import Variable, variable

if TYPE_CHECKING:
    from plugrad.autograd import functional
    from plugrad.core.check_function import FunctionCheckError, check_function
    from plugrad.core.diagnostics.explain import explain_grad
    from plugrad.core.diagnostics.nan_origin import NonFiniteError, detect_nan
    from plugrad.core.diagnostics.steps import steps

__all__ = [
    "Function",
    "FunctionCheckError",
    "NestedIOFunction",
    "NonFiniteError",
    "SavedTensor",
    "Variable",
    "anomaly_mode",
    "backward",
    "check_function",
    "detect_anomaly",
    "detect_nan",
    "enable_grad",
    "enforce_grad_layout_policy",
    "explain_grad",
    "forward_ad",
    "function",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_multithreading_enabled",
    "is_view_replay_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
    "steps",
    "variable",
]


#: Names → the module that has them; imported when first asked for.
LATER = {
    "FunctionCheckError": "check_function",
    "check_function": "check_function",
    "DeviceType": "profiler_events",
    "ProfilerActivity": "profiler_events",
    "ProfilerEvent": "profiler_events",
    "ProfilerState": "profiler_events",
    "kineto_available": "profiler",
}


if not TYPE_CHECKING:  # a type checker would take every name for known

    def __getattr__(name):
        import importlib

        if name in ("functional", "profiler", "profiler_util"):
            return importlib.import_module(f"plugrad.autograd.{name}")
        if name in LATER:
            return getattr(importlib.import_module(f"plugrad.core.{LATER[name]}"), name)
        from plugrad.core import diagnostics

        return diagnostics.public(__name__, name)
