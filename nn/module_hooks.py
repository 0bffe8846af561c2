"""The hooks of modules: where they are kept, how they are registered, and a call with hooks.

A module without hooks holds ``_module_hooks = None`` and its call goes straight to ``forward``.
"""

import functools
import warnings
import weakref
from collections import OrderedDict, defaultdict

from ..core.hooks import RemovableHandle
from .module_backward import BackwardBoundary, first_tensor, warn_of_missing_gradients

__all__ = [
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

MIXED_BACKWARD_HOOKS = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
    "Please use only one of them."
)


class HookTable(defaultdict):
    """Ordered dicts of hooks by torch's names (``"_forward_hooks"`` ...), made when first asked for."""

    def __init__(self, *args):
        super().__init__(OrderedDict, *args)
        self.is_full = None

    def __reduce__(self):
        return _rebuild_table, (dict(self), self.is_full)


def _rebuild_table(hooks, is_full):
    table = HookTable(hooks)
    table.is_full = is_full
    return table


class HookDict:
    """The class attribute behind ``module._forward_hooks`` and its like: the dict in the module's table."""

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, module, owner=None):
        return self if module is None else table_of(module)[self.name]

    def __set__(self, module, hooks):
        table_of(module)[self.name] = hooks


def table_of(module):
    if module._module_hooks is None:
        module.__dict__["_module_hooks"] = HookTable()
    return module._module_hooks


#: Hooks for all modules; ``any_global`` is not empty while one is set that a call must heed.
global_hooks = HookTable()
any_global: OrderedDict[int, object] = OrderedDict()


class ModuleHandle(RemovableHandle):
    """A handle that also forgets the flags of its hook, and that can be copied and pickled with its module."""

    def __init__(self, hooks, flagged):
        super().__init__(hooks)
        self._flagged = tuple(weakref.ref(ids) for ids in flagged)

    def remove(self):
        super().remove()
        for ids in self._flagged:
            if ids() is not None:
                ids().pop(self.id, None)

    def __reduce__(self):
        return _rebuild_handle, (self._hooks(), tuple(ids() for ids in self._flagged), self.id)


def _rebuild_handle(hooks, flagged, number):
    handle = ModuleHandle(OrderedDict() if hooks is None else hooks, [ids for ids in flagged if ids is not None])
    handle.id = number
    return handle


def add_hook(table, name, hook, prepend=False, **flags):
    """Put ``hook`` into ``table[name]`` and its id into the dict of each flag that is set; return the handle."""
    hooks = table[name]
    flagged = [table[name + "_" + flag] for flag, is_set in flags.items() if is_set]
    handle = ModuleHandle(hooks, flagged)
    while handle.id in hooks:  # the hooks came from a pickle of another process
        handle = ModuleHandle(hooks, flagged)
    hooks[handle.id] = hook
    for ids in flagged:
        ids[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _add_global(name, hook, **flags):
    handle = add_hook(global_hooks, name, hook, **flags)
    handle._flagged += (weakref.ref(any_global),)
    any_global[handle.id] = True
    return handle


def register_module_forward_pre_hook(hook):
    """Call ``hook(module, args)`` before the forward of every module; what it returns replaces args."""
    return _add_global("_forward_pre_hooks", hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Call ``hook(module, args, output)`` after the forward of every module; what it returns replaces the output."""
    return _add_global("_forward_hooks", hook, with_kwargs=with_kwargs, always_called=always_call)


def register_module_full_backward_pre_hook(hook):
    """Call ``hook(module, grad_output)`` before the gradients of every module are computed."""
    return _add_global("_backward_pre_hooks", hook)


def register_module_full_backward_hook(hook):
    """Call ``hook(module, grad_input, grad_output)`` once the gradients of any module's inputs are known."""
    if global_hooks.is_full is False:
        raise RuntimeError(MIXED_BACKWARD_HOOKS)
    global_hooks.is_full = True
    return _add_global("_backward_hooks", hook)


def register_module_backward_hook(hook):
    """Call ``hook(module, grad_input, grad_output)`` at the last node of every module's forward (torch's old form)."""
    if global_hooks.is_full is True:
        raise RuntimeError(MIXED_BACKWARD_HOOKS)
    global_hooks.is_full = False
    return _add_global("_backward_hooks", hook)


def register_module_parameter_registration_hook(hook):
    """Call ``hook(module, name, parameter)`` when a parameter is registered; what it returns replaces it."""
    return add_hook(global_hooks, "_parameter_registration_hooks", hook)


def register_module_buffer_registration_hook(hook):
    """Call ``hook(module, name, buffer)`` when a buffer is registered; what it returns replaces it."""
    return add_hook(global_hooks, "_buffer_registration_hooks", hook)


def register_module_module_registration_hook(hook):
    """Call ``hook(module, name, submodule)`` when a module is registered; what it returns replaces it."""
    return add_hook(global_hooks, "_module_registration_hooks", hook)


def on_registration(module, name, value, kind):
    """Run the registration hooks of this kind; return the value to register."""
    for hook in global_hooks[f"_{kind}_registration_hooks"].values():
        replaced = hook(module, name, value)
        value = value if replaced is None else replaced
    return value


class ModuleHook:
    """A hook that gets its module first, held weakly: module and hook would keep each other alive."""

    def __init__(self, hook, module=None):
        self.hook = hook
        self.module = None if module is None else weakref.ref(module)
        functools.update_wrapper(self, hook)

    def __call__(self, *args, **kwargs):
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __reduce__(self):
        return ModuleHook, (self.hook, None if self.module is None else self.module())


class Hooked:
    """The part of Module that registers hooks. See :class:`~plugrad.nn.Module`."""

    _module_hooks = None
    _backward_hooks = HookDict()
    _backward_pre_hooks = HookDict()
    _forward_hooks = HookDict()
    _forward_hooks_always_called = HookDict()
    _forward_hooks_with_kwargs = HookDict()
    _forward_pre_hooks = HookDict()
    _forward_pre_hooks_with_kwargs = HookDict()
    _load_state_dict_post_hooks = HookDict()
    _load_state_dict_pre_hooks = HookDict()
    _state_dict_hooks = HookDict()
    _state_dict_pre_hooks = HookDict()

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call ``hook(module, args)`` before ``forward``; what it returns replaces args.

        Args:
            hook: the function; with ``with_kwargs`` it gets (module, args, kwargs) and returns None or (args, kwargs).
            prepend: run it before the hooks that are there already.
            with_kwargs: also pass the keyword arguments.

        Example:
            >>> import plugrad
            >>> layer = plugrad.nn.Identity()
            >>> with layer.register_forward_pre_hook(lambda module, args: args[0] + 1):
            ...     layer(plugrad.zeros(2))
            tensor([1., 1.])
        """
        return add_hook(table_of(self), "_forward_pre_hooks", hook, prepend, with_kwargs=with_kwargs)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call ``hook(module, args, output)`` after ``forward``; what it returns replaces the output.

        Args:
            hook: the function; with ``with_kwargs`` it gets (module, args, kwargs, output).
            prepend: run it before the hooks that are there already.
            with_kwargs: also pass the keyword arguments.
            always_call: also when ``forward`` raised (the output is then None).

        Example:
            >>> import plugrad
            >>> layer = plugrad.nn.Identity()
            >>> with layer.register_forward_hook(lambda module, args, output: output * 2):
            ...     layer(plugrad.ones(2))
            tensor([2., 2.])
        """
        flags = {"with_kwargs": with_kwargs, "always_called": always_call}
        return add_hook(table_of(self), "_forward_hooks", hook, prepend, **flags)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_output)`` before the module's gradients; a returned tuple replaces grad_output."""
        return add_hook(table_of(self), "_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the module's inputs are known.

        A returned tuple replaces grad_input.

        Raises:
            RuntimeError: the module has a hook of :meth:`register_backward_hook`.

        Example:
            >>> import plugrad
            >>> layer = plugrad.nn.Identity()
            >>> handle = layer.register_full_backward_hook(lambda module, grad_in, grad_out: (grad_in[0] * 10,))
            >>> x = plugrad.ones(2, requires_grad=True)
            >>> layer(x).sum().backward()
            >>> x.grad
            tensor([10., 10.])
        """
        return self._add_backward_hook(hook, True, prepend)

    def register_backward_hook(self, hook):
        """Call ``hook(module, grad_input, grad_output)`` at the node that made the output (torch's old form)."""
        return self._add_backward_hook(hook, False, False)

    def _add_backward_hook(self, hook, is_full, prepend):
        table = table_of(self)
        if table.is_full is (not is_full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. "
                "Please use only one of them."
            )
        table.is_full = is_full
        return add_hook(table, "_backward_hooks", hook, prepend)

    @property
    def _is_full_backward_hook(self):
        return None if self._module_hooks is None else self._module_hooks.is_full


class HookedCall:
    """One call of a module that has hooks, or while global ones are set."""

    def __init__(self, module, args, kwargs):
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result = None
        self.table = table_of(module)
        self.done = set()

    def run(self):
        try:
            self.before_forward()
            boundary = self.backward_boundary()
            self.result = self.module.forward(*self.args, **self.kwargs)
            self.after_forward()
            if boundary is not None:
                self.result = boundary.wrap_output(self.result)
            self.add_old_backward_hooks()
        except Exception:
            self.run_always_called()
            raise
        return self.result

    def both(self, name):
        return [*global_hooks[name].items(), *self.table[name].items()]

    def flagged(self, name, key):
        return key in self.table[name] or key in global_hooks[name]

    def before_forward(self):
        for key, hook in self.both("_forward_pre_hooks"):
            if self.flagged("_forward_pre_hooks_with_kwargs", key):
                self.take_both(hook(self.module, self.args, self.kwargs))
            else:
                args = hook(self.module, self.args)
                if args is not None:
                    self.args = args if isinstance(args, tuple) else (args,)

    def take_both(self, answer):
        if answer is None:
            return
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise RuntimeError(
                f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {answer}."
            )
        self.args, self.kwargs = answer

    def after_forward(self):
        for key, hook in self.both("_forward_hooks"):
            self.call_forward_hook(key, hook)

    def call_forward_hook(self, key, hook):
        self.done.add(key)
        if self.flagged("_forward_hooks_with_kwargs", key):
            result = hook(self.module, self.args, self.kwargs, self.result)
        else:
            result = hook(self.module, self.args, self.result)
        if result is not None:
            self.result = result

    def run_always_called(self):
        """After an error: the hooks that asked for it and have not run yet. An error of theirs becomes a warning."""
        for table, whose in ((global_hooks, "global module"), (self.table, "module")):
            for key, hook in list(table["_forward_hooks"].items()):
                if key in table["_forward_hooks_always_called"] and key not in self.done:
                    try:
                        self.call_forward_hook(key, hook)
                    except Exception as error:
                        warnings.warn(
                            f"{whose} forward hook with ``always_call=True`` raised an exception that was silenced "
                            f"as another error was raised in forward: {error}",
                            stacklevel=5,
                        )

    def backward_hooks(self, is_full):
        return [
            hook for t in (global_hooks, self.table) if t.is_full is is_full for hook in t["_backward_hooks"].values()
        ]

    def backward_boundary(self):
        hooks = self.backward_hooks(True)
        pre_hooks = [hook for _, hook in self.both("_backward_pre_hooks")]
        if not (hooks or pre_hooks):
            return None
        boundary = BackwardBoundary(self.module, hooks, pre_hooks)
        self.args = boundary.wrap_input(self.args)
        return boundary

    def add_old_backward_hooks(self):
        hooks = self.backward_hooks(False)
        node = first_tensor(self.result).grad_fn if hooks else None
        if node is not None:
            for hook in hooks:
                node.register_hook(ModuleHook(hook, self.module))
            warn_of_missing_gradients(self.args, self.result, node)
