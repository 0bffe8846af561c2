"""Checkpointing: a part of the program does not keep what its backward needs, but runs again when that is due.

Two ways: the reentrant one runs the function without recording and starts a backward of its own inside the backward; the
other one records as always and leaves out the saved tensors, see checkpoint_frame.py.
"""

import warnings
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from .checkpoint_frame import CheckpointError, Frame, GraphExecGroup, metadata
from .function import Function
from .generator import fork_rng, get_rng_state, set_rng_state
from .hooks import CURRENT_WALK
from .modes import DEFAULT_DEVICE, GRAD, enable_grad, no_grad
from .tensor import Tensor

_early_stop: ContextVar[bool | None] = ContextVar("plugrad_checkpoint_early_stop", default=None)
_debug: ContextVar[bool | None] = ContextVar("plugrad_checkpoint_debug", default=None)

CHECKS = {"default": metadata, "none": lambda tensor: None}


def noop_context_fn():
    """Return two contexts that do nothing: the default of checkpoint's ``context_fn``."""
    return nullcontext(), nullcontext()


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=noop_context_fn,
    determinism_check="default",
    debug=False,
    early_stop=True,
    **kwargs,
):
    """Return ``function(*args, **kwargs)``; what its backward needs is not kept but computed again in the backward.

    Args:
        function: runs twice, so it must give the same again.
        args: its positional arguments.
        use_reentrant: False for the way that works with ``grad()``, ``inputs=``, keyword arguments and functions that record
            on their own; True for a backward inside the backward. Without it: a warning, and True.
        context_fn: makes two contexts, for the first run and for the second.
        determinism_check: "default" compares shape, dtype and device of what is saved in both runs, "none" nothing.
        debug: let errors list the ops of both runs, with the lines that called them.
        early_stop: end the second run as soon as all that is needed is there.
        kwargs: ``preserve_rng_state`` (default True) gives the second run the random numbers of the first; the rest goes to
            the function.

    Raises:
        ValueError: the reentrant way is given what it can't do, or an unknown determinism_check.
        CheckpointError: (later, in backward) the second run saved other tensors than the first.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.checkpoint import checkpoint
        >>> x = plugrad.tensor([1.0, 2.0], requires_grad=True)
        >>> checkpoint(lambda x: (x * x).sum(), x, use_reentrant=False).backward()
        >>> x.grad
        tensor([2., 4.])
    """
    if use_reentrant is None:
        warn_of_default(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
            "checkpoint without use_reentrant will raise an exception."
        )
        use_reentrant = True
    preserve_rng_state = kwargs.pop("preserve_rng_state", True)
    if not use_reentrant:
        return record(function, preserve_rng_state, context_fn, determinism_check, debug, early_stop, args, kwargs)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug is not False:
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    return CheckpointFunction.apply(function, preserve_rng_state, *args)


def warn_of_default(text):
    warnings.warn(
        f"{text} use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass "
        "use_reentrant=True. Refer to docs for more details on the differences between the two variants.",
        UserWarning,
        stacklevel=3,
    )


def record(function, preserve_rng_state, context_fn, determinism_check, debug, early_stop, args, kwargs):
    """The way without a backward inside the backward."""
    explain = None
    if debug if _debug.get() is None else _debug.get():
        if context_fn is not noop_context_fn:
            raise ValueError("debug=True is incompatible with non-default context_fn")
        from .checkpoint_modes import OpLogs

        logs = OpLogs()
        context_fn, explain = logs.contexts, logs.error
    if determinism_check not in CHECKS:
        raise ValueError(f"determinism_check should be one of {list(CHECKS)}, but got {determinism_check}")
    forward_context, recompute_context = context_fn()
    if not GRAD.get():
        return function(*args, **kwargs)
    state = RandomState(preserve_rng_state, args)
    device, casts = DEFAULT_DEVICE.get(), autocast_as_it_is()

    def run(*args):
        with state.again(), casts, recompute_context, default_device(device):
            function(*args, **kwargs)

    early_stop = early_stop if _early_stop.get() is None else _early_stop.get()
    frame = Frame(run, args, early_stop, CHECKS[determinism_check], explain)
    with frame.hooks(), forward_context:
        result = function(*args, **kwargs)
        frame.completed = True
        return result
    raise RuntimeError(
        "torch.utils.checkpoint: the forward context provided by context_fn suppressed an exception raised during the checkpointed "
        "forward. This is not supported because checkpoint cannot return a value for a failed forward."
    )


def autocast_as_it_is():
    """A block under which the second run casts as the first one."""
    from .autocast import as_it_was

    return as_it_was()


@contextmanager
def default_device(device):
    before = DEFAULT_DEVICE.get()
    DEFAULT_DEVICE.set(device)
    try:
        yield
    finally:
        DEFAULT_DEVICE.set(before)


class RandomState:
    """The random stream as it is now, for blocks that are to draw the same numbers again and move nothing outside."""

    def __init__(self, preserve, args):
        self.preserve = preserve
        if preserve:
            self.state = get_rng_state()
            self.devices = get_device_states(*args)

    @contextmanager
    def again(self):
        with fork_rng(enabled=self.preserve):
            if self.preserve:
                set_rng_state(self.state)
                set_device_states(*self.devices)
            yield


class CheckpointFunction(Function):
    """The reentrant way: forward runs without recording; backward runs it again and starts a backward through that."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        """Return ``run_function(*args)`` and keep only the arguments."""
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.random_state = RandomState(preserve_rng_state, args)
        ctx.casts = autocast_as_it_is()
        ctx.others = [None if isinstance(arg, Tensor) else arg for arg in args]
        ctx.places = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx, *grads):
        """Run the function again, recording, and a backward through it."""
        walk = CURRENT_WALK.get()
        if walk is not None and walk.only is not None:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` parameter to "
                ".backward(). To resolve this error, you can either set use_reentrant=False, or call .backward() without passing "
                "the `inputs` argument."
            )
        inputs = list(ctx.others)
        for i, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[i] = tensor
        inputs = detach_variable(tuple(inputs))
        with ctx.random_state.again(), ctx.casts, enable_grad():
            outputs = ctx.run_function(*inputs)
        backward_through(outputs, grads)
        return (None, None, *(arg.grad if isinstance(arg, Tensor) else None for arg in inputs))


def backward_through(outputs, grads):
    from .engine import backward

    outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
    pairs = [(o, g) for o, g in zip(outputs, grads, strict=False) if isinstance(o, Tensor) and o.requires_grad]
    if not pairs:
        raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
    backward([o for o, _ in pairs], [g for _, g in pairs])


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Run functions one after the other in ``segments`` parts, of which all but the last are checkpointed.

    Args:
        functions: a ``Sequential``, or a list of modules or functions.
        segments: into how many parts they are divided.
        input: what the first one gets.
        use_reentrant: as for :func:`checkpoint`.
        kwargs: ``preserve_rng_state``, as for :func:`checkpoint`.

    Raises:
        ValueError: another keyword argument.

    Example:
        >>> import plugrad
        >>> from plugrad.utils.checkpoint import checkpoint_sequential
        >>> x = plugrad.ones(2, requires_grad=True)
        >>> checkpoint_sequential([plugrad.sin, plugrad.cos, plugrad.exp], 3, x, use_reentrant=False).shape
        torch.Size([2])
    """
    if use_reentrant is None:
        warn_of_default(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In version 2.9 "
            "we will raise an exception if use_reentrant is not passed."
        )
        use_reentrant = True
    preserve_rng_state = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments
    end = 0
    for start in range(0, size * (segments - 1), size):
        end = start + size
        part = one_after_the_other(functions[start:end])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return one_after_the_other(functions[end:])(input)


def one_after_the_other(functions):
    def run(value):
        for function in functions:
            value = function(value)
        return value

    return run


@contextmanager
def set_checkpoint_early_stop(enable):
    """A block in which checkpoints are made with this ``early_stop``, whatever they are given.

    Args:
        enable: whether their recomputation ends as soon as all that is needed is there.
    """
    before = _early_stop.get()
    _early_stop.set(enable)
    try:
        yield
    finally:
        _early_stop.set(before)


@contextmanager
def set_checkpoint_debug_enabled(enabled):
    """A block in which checkpoints are made with this ``debug``, whatever they are given.

    Args:
        enabled: True or False; None leaves it to each checkpoint.
    """
    before = _debug.get()
    _debug.set(enabled)
    try:
        yield
    finally:
        _debug.set(before)


def detach_variable(inputs):
    """Return a tuple of the same values in which each tensor is a leaf that requires grad as the given one does.

    Raises:
        RuntimeError: no tuple is given.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}")
    return tuple(detached(value) if isinstance(value, Tensor) else value for value in inputs)


def detached(tensor):
    made = tensor.detach()
    made.requires_grad = tensor.requires_grad
    return made


def check_backward_validity(inputs):
    """Warn when no tensor among ``inputs`` requires grad."""
    if not any(value.requires_grad for value in inputs if isinstance(value, Tensor)):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", UserWarning, stacklevel=2)


class DefaultDeviceType:
    """The device type whose random states are kept where no tensor argument tells one."""

    _device_type = None

    @staticmethod
    def set_device_type(device="cuda"):
        """Set the device type."""
        DefaultDeviceType._device_type = device

    @staticmethod
    def get_device_type():
        """Return the device type: as set, else that of the default device."""
        from .device import get_default_device

        return DefaultDeviceType._device_type or get_default_device().type


def tensors_in(value):
    """The tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from tensors_in(part)


def get_device_states(*args):
    """Return ([device indices], [random states]) of the devices of the tensors in ``args``.

    All devices draw from the host's one stream, so that each state is the default generator's.
    """
    devices = [tensor.get_device() for tensor in tensors_in(args) if not tensor.is_cpu]
    return devices, [get_rng_state() for _ in devices]


def set_device_states(devices, states, *, device_type=None):
    """Put back what :func:`get_device_states` returned.

    Args:
        devices: the devices' indices.
        states: a state each.
        device_type: the devices' type, by default DefaultDeviceType's; with "meta" nothing is done.
    """
    if device_type == "meta":
        return
    for _, state in zip(devices, states, strict=False):
        set_rng_state(state)


__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "DefaultDeviceType",
    "GraphExecGroup",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]
