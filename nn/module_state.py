"""The state dict of a module: collecting it and loading it."""

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

from ..core.modes import no_grad
from ..core.tensor import Tensor
from .module_hooks import ModuleHook, add_hook, table_of
from .module_members import BUFFER, MODULE, PARAMETER, items_of
from .parameter import Parameter, is_lazy

__all__ = ["Loading", "Stateful", "key_errors"]

EXTRA_STATE = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What :meth:`Module.load_state_dict` found missing and left over."""

    __slots__ = ()

    def __repr__(self):
        if self.missing_keys or self.unexpected_keys:
            return super().__repr__()
        return "<All keys matched successfully>"

    __str__ = __repr__


class Stateful:
    """The part of Module that saves and loads its tensors. See :class:`~plugrad.nn.Module`."""

    #: Saved with the state dict; a ``_load_from_state_dict`` of an overriding class can act on an older one.
    _version = 1

    def get_extra_state(self):
        """Return what this module wants in its state dict beside tensors. Define it together with set_extra_state."""
        raise RuntimeError(f"{type(self).__name__} defines set_extra_state() but not get_extra_state()")

    def set_extra_state(self, state):
        """Take back what :meth:`get_extra_state` returned."""
        raise RuntimeError(f"{type(self).__name__} defines get_extra_state() but not set_extra_state()")

    def _defines(self, method):
        return getattr(type(self), method) is not getattr(Stateful, method)

    # --- hooks ---
    def register_state_dict_pre_hook(self, hook):
        """Call ``hook(module, prefix, keep_vars)`` before this module's part of a state dict is collected."""
        return add_hook(table_of(self), "_state_dict_pre_hooks", hook)

    def register_state_dict_post_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata)`` afterwards; it changes the dict in place."""
        hook._from_public_api = True
        return add_hook(table_of(self), "_state_dict_hooks", hook)

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return add_hook(table_of(self), "_state_dict_hooks", hook)

    def register_load_state_dict_pre_hook(self, hook):
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)`` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        hook = ModuleHook(hook, self if with_module else None)
        return add_hook(table_of(self), "_load_state_dict_pre_hooks", hook)

    def register_load_state_dict_post_hook(self, hook):
        """Call ``hook(module, incompatible_keys)`` after loading; it may change the two lists in place."""
        return add_hook(table_of(self), "_load_state_dict_post_hooks", hook)

    def _state_hooks(self, name):
        return () if self._module_hooks is None else self._module_hooks[name].values()

    # --- saving ---
    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """Return an ordered dict, dotted name → tensor, of all parameters and persistent buffers.

        Args:
            destination: a dict to fill instead of a new one.
            prefix: put before every name.
            keep_vars: the tensors themselves, not detached aliases.

        Example:
            >>> import plugrad
            >>> dict(plugrad.nn.ParameterList([plugrad.ones(2)]).state_dict())
            {'0': tensor([1., 1.])}
        """
        if args:
            _warn_positional()
            destination, prefix, keep_vars = _merge_positional(args, destination, prefix, keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in self._state_hooks("_state_dict_pre_hooks"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in items_of(self, MODULE):
            if module is not None:
                module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        return self._run_state_dict_hooks(destination, prefix, metadata)

    def _run_state_dict_hooks(self, destination, prefix, metadata):
        for hook in self._state_hooks("_state_dict_hooks"):
            replaced = hook(self, destination, prefix, metadata)
            if replaced is not None:
                if getattr(hook, "_from_public_api", False):
                    raise RuntimeError("state_dict post-hook must return None")
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Put this module's own tensors, not those of its children, into ``destination``."""
        for name, tensor in self._named_state():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if self._defines("get_extra_state"):
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def _named_state(self):
        transient = self._non_persistent_buffers_set
        buffers = [(name, b) for name, b in items_of(self, BUFFER) if name not in transient]
        return [(name, t) for name, t in items_of(self, PARAMETER) + buffers if t is not None]

    # --- loading ---
    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copy the tensors of ``state_dict`` into the parameters and buffers of the same names.

        Args:
            state_dict: a mapping as :meth:`state_dict` returns it.
            strict: raise where names are missing or left over.
            assign: put the tensors themselves into the module instead of copying their values.

        Returns:
            missing_keys and unexpected_keys, as a named tuple.

        Raises:
            RuntimeError: a shape does not fit, or names differ while ``strict``; everything wrong is listed.
            TypeError: ``state_dict`` is not a mapping.

        Example:
            >>> import plugrad
            >>> module = plugrad.nn.ParameterList([plugrad.zeros(2)])
            >>> module.load_state_dict({"0": plugrad.ones(2)})
            <All keys matched successfully>
            >>> module[0].detach()
            tensor([1., 1.])
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        loading = Loading(state_dict, assign)
        loading.load(self, loading.state_dict, "")
        errors = loading.errors
        if strict:
            errors = [*key_errors(loading.missing, loading.unexpected), *errors]
        if errors:
            listed = "\n\t".join(errors)
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t{listed}")
        return _IncompatibleKeys(loading.missing, loading.unexpected)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Load this module's own tensors; append to the three lists what is wrong."""
        for hook in self._state_hooks("_load_state_dict_pre_hooks"):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = dict(self._named_state())
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                _load_tensor(self, name, tensor, key, state_dict[key], assign, error_msgs)
            elif strict:
                missing_keys.append(key)
        self._load_extra_state(state_dict, prefix + EXTRA_STATE, strict, missing_keys, unexpected_keys)
        if strict:
            children = {name for name, _ in items_of(self, MODULE)}
            unexpected_keys += _left_over(state_dict, prefix, own, children)

    def _load_extra_state(self, state_dict, key, strict, missing_keys, unexpected_keys):
        if self._defines("set_extra_state"):
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)


class Loading:
    """One load_state_dict: what is loaded, and what was found wrong."""

    def __init__(self, state_dict, assign):
        self.metadata = getattr(state_dict, "_metadata", None)
        self.state_dict = OrderedDict(state_dict)  # hooks may change it, the caller's stays as it is
        if self.metadata is not None:
            self.state_dict._metadata = self.metadata
        self.assign = assign
        self.missing, self.unexpected, self.errors = [], [], []

    def load(self, module, state_dict, prefix):
        metadata = dict((self.metadata or {}).get(prefix[:-1], {}))
        if self.assign:
            metadata["assign_to_params_buffers"] = self.assign
        module._load_from_state_dict(state_dict, prefix, metadata, True, self.missing, self.unexpected, self.errors)
        for name, child in items_of(module, MODULE):
            if child is not None:
                inner = prefix + name + "."
                self.load(child, {k: v for k, v in state_dict.items() if k.startswith(inner)}, inner)
        for hook in module._state_hooks("_load_state_dict_post_hooks"):
            if hook(module, _IncompatibleKeys(self.missing, self.unexpected)) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                    "values, if incompatible_keys need to be modified, it should be done inplace."
                )


def _load_tensor(module, name, target, key, value, assign, errors):
    if not isinstance(value, Tensor):
        errors.append(
            f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like object from checkpoint '
            f"but received {type(value)}"
        )
        return
    if is_lazy(target):
        return _load_lazy(module, name, target, key, value, assign, errors)
    if target.dim() == 0 and len(value.shape) == 1 and value.shape[0] == 1:
        value = value[0]  # 0-dim tensors were once saved with one element
    if value.shape != target.shape:
        errors.append(
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {target.shape}."
        )
        return
    try:
        with no_grad():
            if assign:
                setattr(module, name, _as_kind_of(target, value))
            else:
                target.copy_(value)
    except Exception as error:
        errors.append(
            f'While copying the parameter named "{key}", whose dimensions in the model are {target.size()} and '
            f"whose dimensions in the checkpoint are {value.size()}, an exception occurred : {error.args}."
        )


def _load_lazy(module, name, target, key, value, assign, errors):
    """Load into what has no shape: another such is the same, and only an assigned tensor brings a shape along."""
    if assign:
        setattr(module, name, value if is_lazy(value) else _as_kind_of(target, value))
    elif not is_lazy(value):
        errors.append(
            f'While copying the parameter named "{key}", it has no shape yet and {value.size()} is to be loaded.'
        )


def _as_kind_of(target, value):
    if not isinstance(target, Parameter):
        return value
    if isinstance(value, Parameter):
        return value.requires_grad_(target.requires_grad)
    return Parameter(value, requires_grad=target.requires_grad)


def _left_over(state_dict, prefix, own, children):
    """The keys under ``prefix`` that name neither a tensor of the module nor something in one of its children."""
    keys = [key for key in state_dict if key.startswith(prefix) and key != prefix + EXTRA_STATE]
    heads = [key[len(prefix) :].partition(".") for key in keys]
    return [k for k, (head, dot, _) in zip(keys, heads, strict=True) if head not in (children if dot else own)]


def key_errors(missing, unexpected):
    """The sentences about names that are missing and left over."""
    for what, keys in (("Missing", missing), ("Unexpected", unexpected)):
        if keys:
            names = ", ".join(f'"{key}"' for key in keys)
            yield f"{what} key(s) in state_dict: {names}. "


def _warn_positional():
    warnings.warn(
        "Positional args are being deprecated, use kwargs instead. Refer to "
        "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict for details.",
        FutureWarning,
        stacklevel=3,
    )


def _merge_positional(args, destination, prefix, keep_vars):
    given = args + (None, "", False)[len(args) :]
    return given[0] if destination is None else destination, prefix or given[1], keep_vars or given[2]
