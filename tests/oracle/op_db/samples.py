"""An operator's samples of torch's op_db, a spread of them, as calls that can be made with either library."""

import itertools

import numpy as np
import torch

from .translate import Translation

#: Never more samples are looked at than this: some operators bring thousands.
MOST = 300


class Call:
    """One sample: the arguments of a call, as torch's or as plugrad's."""

    def __init__(self, sample):
        self.sample = sample
        self.arguments = (sample.input, *sample.args), sample.kwargs
        self.process = sample.output_process_fn_grad

    def theirs(self):
        return self.arguments

    def ours(self, requires_grad=False):
        translation = Translation(requires_grad)
        args, kwargs = self.arguments
        return tuple(translation.value(a) for a in args), {k: translation.value(v) for k, v in kwargs.items()}

    def __str__(self):
        args, kwargs = self.arguments
        told = [short(a) for a in args] + [f"{key}={short(value)}" for key, value in kwargs.items()]
        return f"({', '.join(told)})"


def short(value):
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        inside = ", ".join(short(v) for v in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    return getattr(value, "__name__", None) or repr(value)


def spread(iterable, most):
    """At most ``most`` of the first elements, evenly over them, the first among them."""
    found = list(itertools.islice(iterable, MOST))
    if most is None or len(found) <= most:
        return found
    return [found[round(i)] for i in np.linspace(0, len(found) - 1, most)]


def calls(info, dtype, most, requires_grad=False):
    """The operator's calls with one dtype; ``most`` None for all."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  the samples draw from it
    found = (s for s in info.sample_inputs("cpu", dtype, requires_grad=requires_grad) if belongs(s))
    return [Call(sample) for sample in spread(found, most)]


def belongs(sample):
    """Whether the sample is in the scope, which leaves out sparse tensors, complex32 and tensors without memory."""
    values = [sample.input, *sample.args, *sample.kwargs.values()]
    return not any(is_left_out(v) for v in values) and sample.kwargs.get("sparse") is not True


def is_left_out(value):
    if isinstance(value, (list, tuple)):
        return any(is_left_out(v) for v in value)
    if isinstance(value, torch.Tensor):
        return value.layout is not torch.strided or value.dtype is torch.complex32 or value.device.type == "meta"
    return (isinstance(value, torch.layout) and value is not torch.strided) or value is torch.complex32


def tensors(value):
    """All tensors in nested sequences and dictionaries, in their order."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors(v)]
    return [value] if hasattr(value, "requires_grad") and hasattr(value, "dtype") else []


def mapped(function, value):
    """The same nesting with each tensor replaced by ``function(tensor)``."""
    if isinstance(value, dict):
        return {key: mapped(function, v) for key, v in value.items()}
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size) and type(value) in (list, tuple):
        return type(value)([mapped(function, v) for v in value])
    return function(value) if tensors(value) else value


def copied(value):
    """The same nesting with copies of torch's tensors in the same memory layout, for calls that may write."""
    return mapped(copy_of, value)


def copy_of(t):
    if t.is_conj() or t.is_neg():
        return t.clone()
    storage = t.untyped_storage().clone()
    return torch.empty(0, dtype=t.dtype).set_(storage, t.storage_offset(), t.size(), t.stride())
