"""Those names of torch.autograd.profiler_util that plugrad has."""

from plugrad.core.profiler_events import EventList, FunctionEvent, FunctionEventAvg, Interval

__all__ = ["EventList", "FunctionEvent", "FunctionEventAvg", "Interval"]
