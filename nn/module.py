"""Module: the base of every layer and model."""

from ..core.tensor import Tensor
from .module_conversion import check_to_dtype, clear_grad, convert_parameter, parse_to
from .module_hooks import Hooked, HookedCall, any_global, on_registration
from .module_members import (
    BUFFER,
    MODULE,
    PARAMETER,
    MemberDict,
    Members,
    check_name,
    drop_other,
    items_of,
    typename,
)
from .module_state import Stateful
from .module_text import block, indent, note_module
from .parameter import Buffer, Parameter

__all__ = ["Module"]


class Module(Hooked, Stateful):
    """The base of layers and models: it finds the parameters, buffers and modules that are assigned to it.

    A subclass calls ``super().__init__()``, assigns its parts as attributes and defines ``forward``; calling the module
    runs ``forward`` and the hooks.

    Attributes:
        training: whether the module is in training mode; :meth:`train` and :meth:`eval` set it.

    Example:
        >>> import plugrad
        >>> class Scale(plugrad.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = plugrad.nn.Parameter(plugrad.ones(2))
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> Scale()(plugrad.arange(2.0))
        tensor([0., 1.], grad_fn=<MulBackward0>)
    """

    call_super_init = False
    training = True
    _parameters = MemberDict(PARAMETER)
    _buffers = MemberDict(BUFFER)
    _modules = MemberDict(MODULE)

    def __init__(self, *args, **kwargs):
        if (args or kwargs) and not self.call_super_init:
            raise TypeError(_unexpected_arguments(type(self), args, kwargs))
        self.__dict__.update(training=True, _member_kinds={}, _non_persistent_buffers_set=set(), _module_hooks=None)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    # --- calling ---
    def forward(self, *args):
        """Compute the output; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args, **kwargs):
        try:
            if self._module_hooks is None and not any_global:
                return self.forward(*args, **kwargs)
            return HookedCall(self, args, kwargs).run()
        except Exception as error:
            note_module(error, Module.__call__.__code__)
            raise

    # --- attributes ---
    def __setattr__(self, name, value):
        if isinstance(value, Parameter):
            self._set_parameter(name, value)
        elif isinstance(value, Module):
            self._set_module(name, value)
        elif name in self.__dict__.get("_member_kinds", ()):
            self._set_registered(name, value)
        elif isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)
        else:
            super().__setattr__(name, value)

    def _set_parameter(self, name, value):
        if "_member_kinds" not in self.__dict__:
            raise AttributeError("cannot assign parameters before Module.__init__() call")
        drop_other(self, name, PARAMETER)
        self.register_parameter(name, value)

    def _set_module(self, name, value):
        if "_member_kinds" not in self.__dict__:
            raise AttributeError("cannot assign module before Module.__init__() call")
        if self._member_kinds.get(name) == PARAMETER:
            raise TypeError(_not_assignable(value, f"parameter '{name}'", "torch.nn.Parameter or None"))
        drop_other(self, name, MODULE)
        Members(self.__dict__, MODULE)[name] = on_registration(self, name, value, MODULE)

    def _set_registered(self, name, value):
        """Assign what is neither Parameter nor Module to a registered name."""
        kind = self._member_kinds[name]
        if kind == BUFFER:
            if not (value is None or isinstance(value, Tensor)):
                raise TypeError(_not_assignable(value, f"buffer '{name}'", "torch.nn.Buffer, torch.Tensor or None"))
            is_buffer = isinstance(value, Buffer)
            persistent = value.persistent if is_buffer else name not in self._non_persistent_buffers_set
            self.register_buffer(name, value, persistent)
        elif value is not None:
            what, wanted = (
                (f"parameter '{name}'", "Parameter") if kind == PARAMETER else (f"child module '{name}'", "Module")
            )
            raise TypeError(_not_assignable(value, what, f"torch.nn.{wanted} or None"))
        elif kind == PARAMETER:
            self.register_parameter(name, None)
        else:
            self._modules[name] = on_registration(self, name, None, MODULE)

    def __delattr__(self, name):
        super().__delattr__(name)
        if self.__dict__.get("_member_kinds", {}).pop(name, None) == BUFFER:
            self._non_persistent_buffers_set.discard(name)

    def __dir__(self):
        return sorted(key for key in super().__dir__() if not key[0].isdigit())

    def __getstate__(self):
        state = self.__dict__.copy()
        # A shallow copy registers names of its own from here on.
        state["_member_kinds"] = self._member_kinds.copy()
        state["_non_persistent_buffers_set"] = self._non_persistent_buffers_set.copy()
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)

    # --- registration ---
    def register_parameter(self, name, param):
        """Add a parameter under ``name``; None reserves the name for one that is absent.

        Raises:
            KeyError: the name is taken, empty or has a dot.
            TypeError: ``param`` is not a Parameter.
            ValueError: ``param`` is the result of an op.

        Example:
            >>> import plugrad
            >>> module = plugrad.nn.Module()
            >>> module.register_parameter("weight", plugrad.nn.Parameter(plugrad.ones(1)))
            >>> [name for name, _ in module.named_parameters()]
            ['weight']
        """
        if "_member_kinds" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        check_name(self, name, PARAMETER, "parameter")
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{typename(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)"
                )
            if param.grad_fn:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                    f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
                )
            param = on_registration(self, name, param, PARAMETER)
        self._parameters[name] = param

    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that belongs to the module's state but is not a parameter, such as running statistics.

        Args:
            name: the attribute under which it is reached.
            tensor: its value, or None.
            persistent: whether it is part of the state dict.

        Raises:
            KeyError: the name is taken, empty or has a dot.
            TypeError: ``tensor`` is not a Tensor.

        Example:
            >>> import plugrad
            >>> module = plugrad.nn.Module()
            >>> module.register_buffer("mean", plugrad.zeros(2))
            >>> dict(module.state_dict())
            {'mean': tensor([0., 0.])}
        """
        if "_member_kinds" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        check_name(self, name, BUFFER, "buffer")
        if not (tensor is None or isinstance(tensor, Tensor)):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' (torch Tensor or None required)"
            )
        self._buffers[name] = on_registration(self, name, tensor, BUFFER)
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def add_module(self, name, module):
        """Add a child module under ``name``; None reserves the name."""
        if not (module is None or isinstance(module, Module)):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        check_name(self, name, MODULE, "module")
        self._modules[name] = on_registration(self, name, module, MODULE)

    def register_module(self, name, module):
        """The same as :meth:`add_module`."""
        self.add_module(name, module)

    # --- looking up by dotted names ---
    def get_submodule(self, target):
        """Return the module at the dotted path ``target``; "" is the module itself.

        Raises:
            AttributeError: there is nothing at that path, or no module.

        Example:
            >>> import plugrad
            >>> model = plugrad.nn.Sequential(plugrad.nn.Sequential(plugrad.nn.Identity()))
            >>> model.get_submodule("0.0")
            Identity()
        """
        module = self
        for name in target.split(".") if target else ():
            module = _attribute(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put ``module`` at the dotted path ``target``.

        Args:
            target: the path; what holds its last name must exist.
            module: the new module.
            strict: the last name must exist too.

        Raises:
            AttributeError: the path does not lead to a module.
            ValueError: ``target`` is empty or ``module`` not a Module.
        """
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if (strict or hasattr(parent, name)) and not isinstance(_attribute(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """Return the parameter at the dotted path ``target``."""
        path, _, name = target.rpartition(".")
        parameter = _attribute(self.get_submodule(path), name)
        if not isinstance(parameter, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return parameter

    def get_buffer(self, target):
        """Return the buffer at the dotted path ``target``."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        buffer = _attribute(module, name)
        if module._member_kinds.get(name) != BUFFER:
            raise AttributeError(f"`{name}` is not a buffer")
        return buffer

    # --- iteration ---
    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """Iterate over (dotted name, module): this one, then everything below in order.

        Args:
            memo: a set of modules to leave out; those found are added.
            prefix: put before every name.
            remove_duplicate: show a module that occurs twice only once.
        """
        memo = set() if memo is None else memo
        waiting = [(prefix, self)]
        while waiting:
            path, module = waiting.pop()
            if module in memo:
                continue
            if remove_duplicate:
                memo.add(module)
            yield path, module
            below = [(_join(path, name), child) for name, child in items_of(module, MODULE) if child is not None]
            waiting.extend(reversed(below))

    def modules(self, remove_duplicate=True):
        """Iterate over this module and everything below."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self):
        """Iterate over (name, module) of the direct children."""
        seen = set()
        for name, module in items_of(self, MODULE):
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """Iterate over the direct children."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, kind, prefix, recurse, remove_duplicate):
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, tensor in items_of(module, kind):
                if tensor is None or id(tensor) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(tensor))
                yield _join(path, name), tensor

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """Iterate over (dotted name, parameter).

        Args:
            prefix: put before every name.
            recurse: include those of the modules below.
            remove_duplicate: show a shared parameter only once.

        Example:
            >>> import plugrad
            >>> model = plugrad.nn.Sequential(plugrad.nn.ParameterList([plugrad.ones(2)]))
            >>> [name for name, _ in model.named_parameters()]
            ['0.0']
        """
        yield from self._named_members(PARAMETER, prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """Iterate over the parameters, as an optimizer takes them."""
        for _, parameter in self.named_parameters(recurse=recurse):
            yield parameter

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """Iterate over (dotted name, buffer); the arguments are those of :meth:`named_parameters`."""
        yield from self._named_members(BUFFER, prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """Iterate over the buffers."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    # --- changing everything below ---
    def apply(self, fn):
        """Call ``fn(module)`` for every module below and last for this one, for instance to initialise them."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _apply(self, fn, recurse=True):
        """Replace the data of all parameters, gradients and buffers by ``fn(tensor)``."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for _, parameter in items_of(self, PARAMETER):
            if parameter is not None:
                convert_parameter(parameter, fn)
        for name, buffer in items_of(self, BUFFER):
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args, **kwargs):
        """Move parameters and buffers to a device and cast the floating point ones: ``to(device)``, ``to(dtype)``,
        ``to(device, dtype)``, ``to(tensor)``. The module itself is changed and returned.

        Raises:
            TypeError: the dtype is an integer one, or the arguments fit none of these forms.

        Example:
            >>> import plugrad
            >>> plugrad.nn.ParameterList([plugrad.ones(1)]).to(plugrad.float64)[0].dtype
            torch.float64
        """
        device, dtype, non_blocking, memory_format = parse_to(*args, **kwargs)
        check_to_dtype(dtype)

        def convert(t):
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device, wanted, non_blocking, memory_format=memory_format)
            return t.to(device, wanted, non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Move to a device without copying: the values are undefined afterwards."""
        return self._apply(lambda t: t.new_empty(t.shape, device=device), recurse=recurse)

    def cuda(self, device=None):
        """Move all parameters and buffers to a GPU."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self):
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type):
        """Cast all parameters and buffers to ``dst_type``."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Cast the floating point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Cast the floating point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Cast the floating point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Cast the floating point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def train(self, mode=True):
        """Set training mode here and below, which Dropout and BatchNorm heed.

        Normalization layers whose statistics :func:`~plugrad.nn.freeze` holds stay in evaluation mode.

        Raises:
            ValueError: ``mode`` is not a bool.
        """
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode and not self.__dict__.get("_statistics_held", False)
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Set evaluation mode: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Set ``requires_grad`` of all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    # --- printing ---
    def _get_name(self):
        return type(self).__name__

    def compile(self, *args, **kwargs):
        """Check the arguments as :func:`plugrad.compile` does; the module goes on running as it is."""
        from ..core.compilation import compile

        compile(self, *args, **kwargs)

    def extra_repr(self):
        """Return what is printed between the parentheses; several lines are allowed."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        children = [f"({name}): {indent(repr(module))}" for name, module in items_of(self, MODULE)]
        if not children and len(extra_lines) == 1:
            return f"{self._get_name()}({extra})"
        return block(self._get_name(), extra_lines + children)


def _attribute(module, name):
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
    return getattr(module, name)


def _join(path, name):
    return f"{path}.{name}" if path else name


def _not_assignable(value, what, wanted):
    return f"cannot assign '{typename(value)}' as {what} ({wanted} expected)"


def _unexpected_arguments(cls, args, kwargs):
    if kwargs:
        return f"{cls.__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'"
    return f"{cls.__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given"
