"""torch's values and functions as plugrad's: a tensor with the same memory layout, a function of the same name.

A sample's op is torch's own function, found again by its name, or a small Python function that the samples bring along;
such a function is made anew with every torch name in it replaced.
"""

import types
from functools import partial

import numpy as np
import torch

import plugrad
from plugrad.core.interop import numpy_dtype

#: Where torch keeps functions under public names.
NAMESPACES = (
    "", "Tensor", "linalg", "fft", "special", "nn.functional", "signal.windows", "autograd", "nn.utils",
    "nn.utils.rnn", "autograd.forward_ad", "nn.init",
)  # fmt: skip


#: Private attributes that a module is born with; an instance of ours has its own.
OF_EVERY_MODULE = {name for name in vars(torch.nn.Module()) if name.startswith("_")}


class MissingName(Exception):
    """plugrad has no such name."""


def find(root, path):
    """The attribute ``path`` (with dots) below a module or class."""
    found = root
    for part in path.split(".") if path else ():
        found = getattr(found, part)
    return found


def find_ours(*paths):
    """plugrad's object under the first of torch's names for it that plugrad has."""
    for path in paths:
        try:
            return find(plugrad, path)
        except AttributeError:
            continue
    raise MissingName(f"no {paths[0]}")


def public_names():
    """``{id of torch's object: its public names}``."""
    table = {}
    for namespace in NAMESPACES:
        holder = find(torch, namespace)
        for name in dir(holder):
            value = getattr(holder, name, None) if namespace == "Tensor" or not name.startswith("_") else None
            if callable(value) and not isinstance(value, type):
                table.setdefault(id(value), []).append(f"{namespace}.{name}".lstrip("."))
    return table


class Translation:
    """Values of one call, as plugrad's; one tensor stays one tensor, wherever it stands.

    Args:
        requires_grad: whether tensors that require a gradient in torch do so here.
    """

    table = None

    def __init__(self, requires_grad=False):
        self.requires_grad = requires_grad
        self.made = {}
        self.storages = {}
        self.kept = []  # ids in ``made`` stand for these as long as they live

    def value(self, value):
        if id(value) not in self.made:
            self.made[id(value)] = self.fresh(value)
            self.kept.append(value)
        return self.made[id(value)]

    def fresh(self, value):
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, torch.Size):
            return find_ours("Size")(value)
        if isinstance(value, torch.nn.utils.rnn.PackedSequence):
            return find_ours("nn.utils.rnn.PackedSequence")(*(self.value(v) for v in value))
        if isinstance(value, (list, tuple)):
            return type(value)([self.value(v) for v in value])
        if isinstance(value, dict):
            return {key: self.value(v) for key, v in value.items()}
        if isinstance(value, slice):
            return slice(*(self.value(v) for v in (value.start, value.stop, value.step)))
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return find_ours(str(value).removeprefix("torch."))
        if isinstance(value, torch.device):
            return find_ours("device")(str(value))
        if isinstance(value, torch.Generator):
            return find_ours("Generator")().manual_seed(value.initial_seed())
        if value is torch or (isinstance(value, types.ModuleType) and value.__name__.startswith("torch.")):
            return find_ours(value.__name__.removeprefix("torch").lstrip("."))
        if isinstance(value, torch.nn.Module):
            return module_like(value)
        return function(value) if callable(value) else value

    def tensor(self, value):
        made = plugrad.from_numpy(self.array(value.detach().resolve_conj().resolve_neg()))
        if self.requires_grad and value.requires_grad:
            made.requires_grad_()
        return made

    def array(self, tensor):
        """A copy with the tensor's strides; tensors that share memory share it here too."""
        if tensor.dtype is torch.bfloat16:
            return tensor.float().numpy().astype(numpy_dtype(plugrad.bfloat16))
        if not tensor.numel():
            return tensor.numpy().copy()
        self.kept.append(tensor)  # its address stands for its memory as long as it lives
        place = tensor.untyped_storage().data_ptr()
        if place not in self.storages and fills_its_storage(tensor):
            made = tensor.numpy().copy()
            self.storages[place] = made.reshape(-1)
            return made
        if place not in self.storages:
            whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
            self.storages[place] = whole.numpy().copy()
        whole = self.storages[place]
        strides = [stride * whole.itemsize for stride in tensor.stride()]
        return np.lib.stride_tricks.as_strided(whole[tensor.storage_offset() :], tuple(tensor.shape), strides)


def fills_its_storage(tensor):
    return tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


def module_like(value):
    """plugrad's module of the same class, with the same attributes, parameters, buffers and submodules."""
    translation = Translation(requires_grad=True)
    cls = find_ours(f"nn.{type(value).__name__}", f"nn.attention.{type(value).__name__}")
    made = cls.__new__(cls)
    find_ours("nn.Module").__init__(made)
    for name, attribute in vars(value).items():
        if name not in OF_EVERY_MODULE:
            setattr(made, name, translation.value(attribute))
    for name, tensor in value._parameters.items():
        parameter = tensor if tensor is None else find_ours("nn.Parameter")(translation.value(tensor))
        made.register_parameter(name, parameter)
    for name, tensor in value._buffers.items():
        made.register_buffer(name, translation.value(tensor), name not in value._non_persistent_buffers_set)
    for name, module in value._modules.items():
        made.add_module(name, module_like(module))
    return made


def set_seed(op, *args, **kwargs):
    """In place of the samples' own helper, which also keeps torch's generator as it was."""
    plugrad.manual_seed(42)
    return op(*args, **kwargs)


def function(value):
    """plugrad's counterpart of a function or class of torch or of its samples; anything else as it is."""
    module = getattr(value, "__module__", None) or ""
    if getattr(value, "__name__", "") == "wrapper_set_seed":
        return set_seed
    if isinstance(value, partial):
        translation = Translation()
        return partial(function(value.func), *translation.value(value.args), **translation.value(value.keywords))
    if isinstance(value, types.FunctionType) and is_of_samples(module):
        return rebound(value)
    if Translation.table is None:
        Translation.table = public_names()
    if id(value) in Translation.table:
        return find_ours(*Translation.table[id(value)])
    if module == "torch._C._nn" and value.__name__.endswith("_"):
        return partial(find_ours(f"nn.functional.{value.__name__[:-1]}"), inplace=True)
    if isinstance(value, type) and module.startswith("torch"):
        return find_ours(value.__qualname__ if module == "torch" else f"{module}.{value.__qualname__}"[6:])
    return value


def is_of_samples(module):
    return module.startswith(("torch.testing.", "op_db."))


def rebound(value):
    """A Python function whose globals, defaults and closure are plugrad's."""
    translation = Translation()
    wanted = {name for code in codes(value.__code__) for name in code.co_names}
    made = dict(value.__globals__)
    for name in wanted & made.keys():
        made[name] = translation.value(made[name])
    cells = tuple(types.CellType(translation.value(cell.cell_contents)) for cell in value.__closure__ or ())
    defaults = tuple(translation.value(v) for v in value.__defaults__ or ())
    copy = types.FunctionType(value.__code__, made, value.__name__, defaults, cells)
    copy.__kwdefaults__ = {k: translation.value(v) for k, v in (value.__kwdefaults__ or {}).items()}
    return copy


def codes(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)
