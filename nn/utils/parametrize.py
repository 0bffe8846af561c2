"""Parametrizations: a parameter computed from other tensors each time it is read.

The module gets a class of its own, a subclass of what it was, with a property under the parameter's name; the tensors it
is computed from are in ``module.parametrizations``.
"""

import contextlib
import copy

from ...core.modes import no_grad
from ...core.tensor import Tensor
from ..container import ModuleDict
from ..parameter import Parameter
from .parametrization_list import ParametrizationList, register

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

UNSAFE = "unless the `unsafe` flag is enabled."


class _Cache:
    """What parametrized tensors were when they were first read within :func:`cached`."""

    depth = 0
    values: dict = {}  # noqa: RUF012 - replaced, never shared


@contextlib.contextmanager
def cached():
    """A block in which each parametrized tensor is computed only once, however often it is read.

    Example:
        >>> import plugrad
        >>> m = plugrad.nn.utils.parametrizations.weight_norm(plugrad.nn.Linear(2, 1))
        >>> with plugrad.nn.utils.parametrize.cached():
        ...     m.weight is m.weight
        True
    """
    _Cache.depth += 1
    try:
        yield
    finally:
        _Cache.depth -= 1
        if not _Cache.depth:
            _Cache.values = {}


# --- the class of a parametrized module ---
def _deepcopy(self, memo):
    if id(self) not in memo:
        memo[id(self)] = replica = object.__new__(type(self))
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
    return memo[id(self)]


def _refuse_pickling(self):
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _give_own_class(module):
    cls = type(module)
    body = {"__getstate__": _refuse_pickling, "__module__": __name__}
    if not hasattr(cls, "__deepcopy__"):
        body["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), body)


def _add_property(module, name):
    def read(self):
        parametrization = self.parametrizations[name]
        if not _Cache.depth:
            return parametrization()
        key = (id(self), name)
        if key not in _Cache.values:
            _Cache.values[key] = parametrization()
        return _Cache.values[key]

    def write(self, value):
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(read, write))


# --- registering ---
def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Let ``module.tensor_name`` be ``parametrization(original)``, computed each time it is read; returns the module.

    Args:
        module: the module that has the tensor.
        tensor_name: of a parameter or buffer; one that is parametrized already gets a further parametrization.
        parametrization: a module from tensor to tensor. Its method ``right_inverse(value)``, if it has one, gives the initial
            original, or a sequence of several, and makes the tensor assignable.
        unsafe: allow another dtype or shape, and check nothing.

    Raises:
        ValueError: there is no such tensor, or shapes or dtypes do not fit.

    Example:
        >>> import plugrad
        >>> class Doubled(plugrad.nn.Module):
        ...     def forward(self, x):
        ...         return 2 * x
        >>> m = plugrad.nn.utils.parametrize.register_parametrization(plugrad.nn.Linear(2, 2), "weight", Doubled())
        >>> bool((m.weight == 2 * m.parametrizations.weight.original).all())
        True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_further(module, tensor_name, parametrization)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        _register_first(module, tensor_name, parametrization, unsafe)
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def _register_first(module, name, parametrization, unsafe):
    made = ParametrizationList([parametrization], getattr(module, name), unsafe=unsafe)
    delattr(module, name)
    if not is_parametrized(module):
        _give_own_class(module)
        module.parametrizations = ModuleDict()
    _add_property(module, name)
    module.parametrizations[name] = made


def _check_further(module, name, parametrization):
    before = getattr(module, name)
    after = parametrization(before)
    if not isinstance(after, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(after, what) != getattr(before, what):
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, {UNSAFE}\n"
                f"module.{name}.{what}: {getattr(before, what)}\n"
                f"parametrization(module.{name}).{what}: {getattr(after, what)}"
            )
    if hasattr(parametrization, "right_inverse"):
        with contextlib.suppress(NotImplementedError):
            _check_inverse(name, before, parametrization.right_inverse(after))


def _check_inverse(name, before, inverse):
    if not isinstance(inverse, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(inverse).__name__}")
    for what in ("dtype", "shape"):
        if getattr(inverse, what) != getattr(before, what):
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} as module.{name}, {UNSAFE}\n"
                f"module.{name}.{what}: {getattr(before, what)}\n"
                f"returned {what}: {getattr(inverse, what)}"
            )


def is_parametrized(module, tensor_name=None):
    """Whether a tensor of the module is parametrized: the one of this name, or any.

    Example:
        >>> import plugrad
        >>> plugrad.nn.utils.parametrize.is_parametrized(plugrad.nn.Linear(1, 1))
        False
    """
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Make a parametrized tensor an ordinary one again; returns the module.

    Args:
        module: the module.
        tensor_name: of the tensor.
        leave_parametrized: keep the value that it has now, not that of the original.

    Raises:
        ValueError: it is not parametrized, or the original is several tensors and ``leave_parametrized`` false.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    plain = _plain_tensor(module, tensor_name, leave_parametrized)
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    register(module, tensor_name, plain)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def _plain_tensor(module, name, leave_parametrized):
    made = module.parametrizations[name]
    if made.is_tensor:
        if leave_parametrized:
            with no_grad():
                made.original.set_(getattr(module, name))
        return made.original
    if not leave_parametrized:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of "
            "tensors."
        )
    value = getattr(module, name)
    return Parameter(value) if value.requires_grad else value


def type_before_parametrizations(module):
    """The class that the module had before its tensors were parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Register the parametrizations of one module, of one tensor or all, with another as well; returns the other.

    Tensors that the other module lacks are made there, as parameters of their present values; the originals are shared.
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        made = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in made:
            register_parametrization(to_module, name, parametrization)
        _copy_originals(made, to_module.parametrizations[name])
    return to_module


def _copy_originals(source, target):
    names = ["original"] if source.is_tensor else [f"original{i}" for i in range(source.ntensors)]
    for name in names:
        setattr(target, name, getattr(source, name))
