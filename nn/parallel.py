"""One model on several devices of one process: the batch is split, each device has a replica, the outputs are joined.

The replicas are called one after the other, not by threads as torch's. Kernels run on by themselves, so the devices still
work at the same time as long as a forward does not wait for values.
"""

import contextlib
import itertools
import warnings

from ..core.autocast import cuda_is_usable
from ..core.device import device as _device
from ..core.device import space
from ..core.ops.join import cat
from ..core.queries import is_grad_enabled
from ..core.tensor import Tensor
from .module import Module
from .module_members import BUFFER, MODULE, PARAMETER, items_of

__all__ = ["DataParallel", "data_parallel", "gather", "parallel_apply", "replicate", "scatter", "scatter_kwargs"]


def _named(device):
    """The device that a number, a text or a device names; without a number the current one."""
    found = _device("cuda", device) if isinstance(device, int) else _device(device)
    return found if found.type == "cpu" else space(found).device


def _is_namedtuple(value):
    return isinstance(value, tuple) and hasattr(value, "_fields")


# --- splitting ---
def scatter(inputs, target_gpus, dim=0):
    """Split every tensor in nested tuples, lists and dicts over devices; what is no tensor goes to all.

    Args:
        inputs: a tensor or a container.
        target_gpus: numbers or devices.
        dim: the dimension to split.

    Returns:
        A list with the part of each device; shorter where a tensor has fewer parts.
    """
    devices = [_named(target) for target in target_gpus]
    return _scattered(inputs, devices, dim)


def _scattered(value, devices, dim):
    if isinstance(value, Tensor):
        return [part.to(where) for part, where in zip(value.chunk(len(devices), dim), devices, strict=False)]
    if not isinstance(value, (tuple, list, dict)) or not value:
        return [value for _ in devices]
    parts = value.items() if isinstance(value, dict) else value
    split = zip(*(_scattered(part, devices, dim) for part in parts), strict=False)
    if _is_namedtuple(value):
        return [type(value)(*parts) for parts in split]
    return [parts if isinstance(value, tuple) else type(value)(parts) for parts in split]


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """:func:`scatter` for positional and named arguments: a tuple of tuples and a tuple of dicts of one length."""
    positional = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    count = max(len(positional), len(named))
    positional += [()] * (count - len(positional))
    named += [{} for _ in range(count - len(named))]
    return tuple(positional), tuple(named)


# --- replicas ---
def replicate(network, devices, detach=False):
    """A copy of a module for each device, whose parameters are copies of the module's through which gradients come back.

    The copies share all else with the module. Buffers are copied without a history; on the device where they are already
    they are the module's own, so what the first replica writes there stays.

    Args:
        network: the module.
        devices: numbers or devices.
        detach: copy the parameters without a history too.
    """
    return [_replica(network, _named(device), detach, {}) for device in devices]


def _replica(module, device, detach, made):
    if module in made:
        return made[module]
    made[module] = copy = module.__new__(type(module))
    attributes = module.__dict__
    copy.__dict__.update(attributes)
    # As in torch a replica has no parameters: they are attributes that no one registers.
    copy.__dict__["_member_kinds"] = {n: kind for n, kind in attributes["_member_kinds"].items() if kind != PARAMETER}
    for kind in (PARAMETER, BUFFER):
        for name, value in items_of(module, kind):
            copy.__dict__[name] = None if value is None else _copied(value, device, detach or kind == BUFFER, made)
    for name, child in items_of(module, MODULE):
        copy.__dict__[name] = None if child is None else _replica(child, device, detach, made)
    return copy


def _copied(tensor, device, detach, made):
    """A tensor on a device, one copy for all who share it."""
    if id(tensor) not in made:
        made[id(tensor)] = (tensor.detach() if detach else tensor).to(device)
    return made[id(tensor)]


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """Call each module with its own arguments, its device being the current one.

    Args:
        modules: one for each device.
        inputs: for each a tuple or list of arguments, or a single one.
        kwargs_tup: for each a dict of named arguments.
        devices: numbers or devices; None: those of the inputs.

    Raises:
        AssertionError: the numbers of modules, inputs, dicts and devices differ.
    """
    count = len(modules)
    kwargs_tup = [{}] * count if kwargs_tup is None else kwargs_tup
    given = {"inputs": inputs, "kwargs_tup": kwargs_tup, "devices": [None] * count if devices is None else devices}
    for name, values in given.items():
        if len(values) != count:
            raise AssertionError(f"The number of modules {count} is not equal to the number of {name} {len(values)}")
    return [_called(*each) for each in zip(modules, inputs, kwargs_tup, given["devices"], strict=True)]


def _called(module, input, kwargs, device):
    arguments = input if isinstance(input, (tuple, list)) else (input,)
    if device is None:
        tensors = (a for a in itertools.chain(arguments, kwargs.values()) if isinstance(a, Tensor))
        device = next((a.device for a in tensors), "cpu")
    with space(_named(device)).scope or contextlib.nullcontext():
        return module(*arguments, **kwargs)


# --- joining ---
def gather(outputs, target_device, dim=0):
    """Join the tensors at the same places of the outputs of several devices.

    Args:
        outputs: a tensor, or a nested container of tensors, from each device.
        target_device: where to.
        dim: the dimension to join.

    Raises:
        ValueError: tensors on the cpu, or dicts with different numbers of keys.
    """
    return _gathered(list(outputs), _named(target_device), dim)


def _gathered(outputs, device, dim):
    first = outputs[0]
    if isinstance(first, Tensor):
        return _joined(outputs, device, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(other) != len(first) for other in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((key, _gathered([other[key] for other in outputs], device, dim)) for key in first)
    joined = (_gathered(list(parts), device, dim) for parts in zip(*outputs, strict=True))
    return type(first)._make(joined) if _is_namedtuple(first) else type(first)(joined)


def _joined(tensors, device, dim):
    if any(t.device.type == "cpu" for t in tensors):
        raise ValueError("Gather function not implemented for CPU tensors")
    if dim == 0 and all(t.dim() == 0 for t in tensors):
        warnings.warn(
            "Was asked to gather along dimension 0, but all input tensors were scalars; will instead unsqueeze and return a vector.",
            stacklevel=2,
        )
        tensors = [t.unsqueeze(0) for t in tensors]
    return cat([t.to(device) for t in tensors], dim)


# --- the whole ---
def _check_place(module, device):
    for tensor in itertools.chain(module.parameters(), module.buffers()):
        if tensor.device != device:
            raise RuntimeError(
                f"module must have its parameters and buffers on device {device} (device_ids[0]) but found one of them on "
                f"device: {tensor.device}"
            )


class DataParallel(Module):
    """A module whose batches are split over the cuda devices, each of which computes its part with a replica.

    Without a usable cuda device the module is called as it is, and with one device the inputs are moved there. The names in
    the ``state_dict`` begin with ``module.``.

    Args:
        module: with all parameters and buffers on the first device.
        device_ids: numbers or devices; None: all.
        output_device: where the outputs are joined; None: the first device.
        dim: the dimension of the batch.

    Raises:
        RuntimeError: in the forward: a parameter is not on the first device.

    Example:
        >>> import plugrad
        >>> model = plugrad.nn.DataParallel(plugrad.nn.Linear(2, 1))
        >>> list(model.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        if not cuda_is_usable():
            self.device_ids = []
            return
        devices = _devices(device_ids)
        self.dim = dim
        self.device_ids = [where.index for where in devices]
        self.output_device = devices[0].index if output_device is None else _named(output_device).index
        self.src_device_obj = devices[0]
        if len(devices) == 1:
            module.to(devices[0])

    def forward(self, *inputs, **kwargs):
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        devices = [_named(index) for index in self.device_ids]
        _check_place(self.module, devices[0])
        inputs, kwargs = self.scatter(inputs, kwargs, self.device_ids)
        if not inputs:
            inputs, kwargs = ((),), ({},)
        if len(devices) == 1:
            return self.module(*inputs[0], **kwargs[0])
        replicas = self.replicate(self.module, self.device_ids[: len(inputs)])
        return self.gather(self.parallel_apply(replicas, inputs, kwargs), self.output_device)

    def scatter(self, inputs, kwargs, device_ids):
        """Split the arguments, as :func:`plugrad.nn.parallel.scatter_kwargs` does."""
        return scatter_kwargs(inputs, kwargs, device_ids, self.dim)

    def replicate(self, module, device_ids):
        """Copy the module: :func:`replicate`."""
        return replicate(module, device_ids, not is_grad_enabled())

    def parallel_apply(self, replicas, inputs, kwargs):
        """Call the replicas: :func:`parallel_apply`."""
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs, output_device):
        """Join the outputs: :func:`gather`."""
        return gather(outputs, output_device, self.dim)


def _devices(device_ids):
    ids = range(space("cuda").device_count()) if device_ids is None else device_ids
    return [_named(index) for index in ids]


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Call a module once as :class:`DataParallel` does.

    Args:
        module: with all parameters and buffers on the first device.
        inputs: a tuple of arguments, a single one, or None.
        device_ids: numbers or devices; None: all.
        output_device: where the outputs are joined; None: the first device.
        dim: the dimension of the batch.
        module_kwargs: a dict of named arguments.

    Raises:
        RuntimeError: no cuda device can be used, or a parameter is not on the first device.
    """
    if not cuda_is_usable():
        raise RuntimeError("device type could not be determined")
    inputs = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    devices = _devices(device_ids)
    _check_place(module, devices[0])
    inputs, kwargs = scatter_kwargs(inputs, module_kwargs, devices, dim)
    if not inputs:
        inputs, kwargs = ((),), ({},)
    if len(devices) == 1:
        return module(*inputs[0], **kwargs[0])
    devices = devices[: len(inputs)]
    outputs = parallel_apply(replicate(module, devices), inputs, kwargs, devices)
    return gather(outputs, devices[0] if output_device is None else output_device, dim)
