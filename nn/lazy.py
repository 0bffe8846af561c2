"""What makes a layer lazy: its parameters get their shapes from the first input."""

from .module import Module
from .module_members import BUFFER, PARAMETER, items_of
from .parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin(Module):
    """Mixed in front of a module class whose ``initialize_parameters(input)`` materializes its uninitialized parameters.

    The first call infers them, draws their initial values, and turns the module into one of the class ``cls_to_become``.

    Attributes:
        cls_to_become: the class of the module from then on; None leaves it as it is.

    Example:
        >>> import plugrad
        >>> layer = plugrad.nn.LazyLinear(2)
        >>> _ = layer(plugrad.ones(1, 3))
        >>> layer
        Linear(in_features=3, out_features=2, bias=True)
    """

    cls_to_become: type | None = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for name, tensor in self._named_state():
            destination[prefix + name] = tensor if keep_vars or is_lazy(tensor) else tensor.detach()

    def _lazy_load_hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        """Give what has no shape yet the shape of what is to be loaded."""
        for name, tensor in items_of(self, PARAMETER) + items_of(self, BUFFER):
            value = state_dict.get(prefix + name)
            if is_lazy(tensor) and value is not None and not is_lazy(value):
                tensor.materialize(value.shape)

    def initialize_parameters(self, *args, **kwargs):
        """Materialize the parameters by what the first call was given; every lazy class defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self):
        """Whether a parameter or buffer of this module, not of its children, has no shape yet."""
        return any(is_lazy(tensor) for _, tensor in items_of(self, PARAMETER) + items_of(self, BUFFER))

    def _infer_parameters(self, module, args, kwargs=None):
        """The hook before the first forward."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {type(self).__name__} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become
        if not any(module._module_hooks.values()):
            module._module_hooks = None  # calls go straight to forward again
