"""Those names of torch.autograd.profiler that plugrad has."""

from plugrad.core.profiler import profile, record_function
from plugrad.core.profiler_events import EventList, FunctionEvent

__all__ = ["EventList", "FunctionEvent", "profile", "record_function"]
