"""The names of torch.autograd.graph, and of pictures, ledgers and watches of graphs."""

from typing import TYPE_CHECKING

from plugrad.core.edges import GradientEdge, get_gradient_edge
from plugrad.core.engine_modes import (
    region_activation_memory_budget,
    set_override_stale_capture_stream,
    set_warn_on_accumulate_grad_stream_mismatch,
)
from plugrad.core.graph import Node
from plugrad.core.hooks import increment_version, register_multi_grad_hook
from plugrad.core.mutation import allow_mutation_on_saved_tensors
from plugrad.core.saved_tensors import disable_saved_tensors_hooks, save_on_cpu, saved_tensors_hooks

if TYPE_CHECKING:
    from plugrad.core.diagnostics.growth import GraphGrowthWarning, watch_graph_growth
    from plugrad.core.diagnostics.ledger import saved_memory
    from plugrad.core.diagnostics.lines import line_of, record_lines
    from plugrad.core.diagnostics.picture import draw

__all__ = [
    "GradientEdge",
    "GraphGrowthWarning",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "draw",
    "get_gradient_edge",
    "increment_version",
    "line_of",
    "record_lines",
    "region_activation_memory_budget",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_memory",
    "saved_tensors_hooks",
    "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
    "watch_graph_growth",
]


if not TYPE_CHECKING:  # a type checker would take every name for known

    def __getattr__(name):
        from plugrad.core import diagnostics

        return diagnostics.public(__name__, name)
