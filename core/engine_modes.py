"""Switches of torch's engine that plugrad's has too, or for which there is only one way here."""

from contextlib import ContextDecorator
from contextvars import ContextVar

_multithreading: ContextVar[bool] = ContextVar("plugrad_multithreading", default=True)
_view_replay: ContextVar[bool] = ContextVar("plugrad_view_replay", default=False)


class Switch(ContextDecorator):
    """Sets a flag at once; as a block or a decorator, for its time."""

    flag: ContextVar[bool]

    def __init__(self, mode):
        self.before = self.flag.get()
        self.mode = bool(mode)
        self.flag.set(self.mode)

    def __call__(self, function):
        self.flag.set(self.before)  # used as a decorator, so the call itself must switch nothing
        return super().__call__(function)

    def __enter__(self):
        self.flag.set(self.mode)

    def __exit__(self, *exception):
        self.flag.set(self.before)


class set_multithreading_enabled(Switch):
    """Say whether a backward may use several threads; it runs in the calling thread either way, as torch's on the cpu.

    Args:
        mode: the flag.
    """

    flag = _multithreading


def is_multithreading_enabled():
    """Return what :class:`set_multithreading_enabled` set last."""
    return _multithreading.get()


class _force_original_view_tracking(Switch):
    """Say whether a view's history is replayed after its base was written to. It always is."""

    flag = _view_replay


def is_view_replay_enabled():
    """Return whether view replay was asked for; views are always replayed."""
    return _view_replay.get()


def set_warn_on_accumulate_grad_stream_mismatch(enabled):
    """Take the switch of a warning about CUDA streams; a backward uses one stream, so that it is never due.

    Args:
        enabled: on or off.
    """
    if not isinstance(enabled, bool):
        raise TypeError(f"enabled must be a bool, but got {type(enabled).__name__}")


def set_override_stale_capture_stream(enabled):
    """Take the switch of how streams are treated while a CUDA graph is captured, which there is not.

    Args:
        enabled: False.

    Raises:
        NotImplementedError: True.
    """
    if enabled:
        raise NotImplementedError(
            "set_override_stale_capture_stream: enabled=True is not supported: there are no CUDA graphs"
        )


class enforce_grad_layout_policy(ContextDecorator):
    """Say whether a gradient is laid out in memory as its parameter; a gradient here stays as it was computed.

    Args:
        enable: False.

    Raises:
        NotImplementedError: True.
    """

    def __init__(self, enable=True):
        if enable:
            raise NotImplementedError(
                "enforce_grad_layout_policy: enable=True is not supported: gradients are not laid out anew; give enable=False"
            )

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return None


def region_activation_memory_budget(budget):
    """Raise: a memory budget is for compiled code.

    Args:
        budget: a part, from 0 to 1.

    Raises:
        TypeError: no number.
        ValueError: out of range.
        RuntimeError: always else.
    """
    name = "torch.autograd.graph.region_activation_memory_budget"
    if isinstance(budget, bool) or not isinstance(budget, (int, float)):
        raise TypeError(f"{name}: expects a float, got {type(budget).__name__}")
    if not 0.0 <= budget <= 1.0:
        raise ValueError(f"{name}: must be in [0, 1], got {budget}")
    raise RuntimeError(f"{name} can only be used inside a torch.compile region; it has no effect in eager mode.")


__all__ = [
    "enforce_grad_layout_policy",
    "is_multithreading_enabled",
    "is_view_replay_enabled",
    "region_activation_memory_budget",
    "set_multithreading_enabled",
    "set_override_stale_capture_stream",
    "set_warn_on_accumulate_grad_stream_mismatch",
]
