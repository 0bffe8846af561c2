"""The names of torch.autograd.graph."""

from plugrad.core.edges import GradientEdge, get_gradient_edge
from plugrad.core.graph import Node
from plugrad.core.hooks import increment_version, register_multi_grad_hook
from plugrad.core.saved_tensors import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
