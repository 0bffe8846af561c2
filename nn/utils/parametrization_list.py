"""The tensors that a parametrized one is computed from, and the parametrizations that do it."""

import contextlib
from collections.abc import Sequence

from ...core.modes import no_grad
from ...core.tensor import Tensor
from ..container import ModuleList
from ..parameter import Parameter

__all__ = ["ParametrizationList"]


def register(module, name, tensor):
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _is_sequence(value):
    return isinstance(value, Sequence)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied one after the other, and the tensors that the first one takes.

    Args:
        modules: the parametrizations, at least one.
        original: the parameter or buffer as it was.
        unsafe: whether dtype and shape may change.

    Attributes:
        original, or original0, original1, ...: what the first parametrization is called with.

    Raises:
        ValueError: nothing given, or what the parametrizations return does not fit.
    """

    def __init__(self, modules, original, unsafe=False):
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        start = self._start_of(original)
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(start)
        if self.is_tensor:
            self._keep_one(original, start)
        else:
            self._keep_several(original, start)
        if not unsafe:
            _check_result(self(), shape, dtype)

    def _start_of(self, value):
        """What the first parametrization is to be called with, so that the last one gives ``value``."""
        with no_grad():
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    with contextlib.suppress(NotImplementedError):
                        value = module.right_inverse(value)
        if not (isinstance(value, Tensor) or _is_sequence(value)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(value).__name__}"
            )
        return value

    def _keep_one(self, original, start):
        for what in ("dtype", "device"):
            before, after = getattr(original, what), getattr(start, what)
            if before != after:
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                    f"original.{what}: {before}\n"
                    f"right_inverse(original).{what}: {after}"
                )
        with no_grad():
            original.set_(start)  # the same object: an optimizer that knows it goes on with it
        register(self, "original", original)

    def _keep_several(self, original, start):
        for i, tensor in enumerate(start):
            if not isinstance(tensor, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(tensor).__name__}."
                )
            if isinstance(original, Parameter):
                tensor = Parameter(tensor, original.requires_grad)
            tensor.requires_grad_(original.requires_grad)
            register(self, f"original{i}", tensor)

    def right_inverse(self, value):
        """Set the originals so that the parametrized tensor becomes ``value``: what assigning to it does.

        Raises:
            RuntimeError: a parametrization has no ``right_inverse``.
            ValueError: it returned something else than before.
        """
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                _check_same_kind(self.original, value)
                self.original.set_(value)
            else:
                self._replace_several(value)

    def _replace_several(self, values):
        if not _is_sequence(values):
            raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(values).__name__}.")
        if len(values) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of length "
                f"{len(values)}."
            )
        for i, value in enumerate(values):
            original = getattr(self, f"original{i}")
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors or reference-type opaques. Got element "
                    f"{i} of type {type(value).__name__}."
                )
            if original.dtype is not value.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {value.dtype} while `original{i}` has dtype "
                    f"{original.dtype}"
                )
            original.set_(value)

    def forward(self):
        first, *rest = self
        if self.is_tensor:
            value = first(self.original)
        else:
            value = first(*(getattr(self, f"original{i}") for i in range(self.ntensors)))
        for module in rest:
            value = module(value)
        return value


def _check_result(made, shape, dtype):
    if not isinstance(made, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
    for what, before in (("dtype", dtype), ("shape", shape)):
        after = getattr(made, what)
        if after != before:
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is enabled.\n"
                f"unparametrized {what}: {before}\n"
                f"parametrized {what}: {after}"
            )


def _check_same_kind(original, value):
    if not isinstance(value, Tensor):
        raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
    if value.dtype is not original.dtype:
        raise ValueError(
            f"The tensor returned by `right_inverse` has dtype {value.dtype} while `original` has dtype {original.dtype}"
        )
