"""Optimizer: parameter groups, state, hooks and the loop around one update rule."""

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain, product
from typing import ClassVar

from ..core.create import tensor
from ..core.dtypes import float32, float64
from ..core.hooks import add_hook
from ..core.modes import enable_grad, get_default_dtype, no_grad
from ..core.tensor import Tensor, wrap

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "required"]


class Required:
    """The default of an option that every group must give."""

    def __repr__(self):
        return "<required parameter>"


required = Required()

_global_step_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_step_post_hooks: OrderedDict[int, Callable] = OrderedDict()


def register_optimizer_step_pre_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` before the step of every optimizer; it may return (args, kwargs)."""
    return add_hook(_global_step_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Call ``hook(optimizer, args, kwargs)`` after the step of every optimizer."""
    return add_hook(_global_step_post_hooks, hook)


def with_hooks(step):
    """A ``step`` method that runs the hooks. A step reached through ``super().step()`` does not run them again."""

    @functools.wraps(step)
    def hooked(self, *args, **kwargs):
        if type(self).step is not hooked:
            return step(self, *args, **kwargs)
        self._opt_called = True
        for hook in chain(_global_step_pre_hooks.values(), self._optimizer_step_pre_hooks.values()):
            replaced = hook(self, (self, *args), kwargs)
            if replaced is not None:
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                    )
                (self, *args), kwargs = replaced
        out = step(self, *args, **kwargs)
        for hook in chain(self._optimizer_step_post_hooks.values(), _global_step_post_hooks.values()):
            hook(self, (self, *args), kwargs)
        return out

    return hooked


class Optimizer:
    """The base of all optimizers: groups of parameters, each with its options, and a state per parameter.

    A subclass gives ``rule(xp, w, g, state, **options)``, which updates the raw arrays of one parameter in place,
    ``options(group)``, its keyword arguments, and ``new_state(p, group)``; or it defines ``step`` itself.

    Args:
        params: an iterable of tensors, of (name, tensor) pairs, or of dicts: groups with options of their own.
        defaults: options of groups that do not give them.

    Attributes:
        param_groups: dicts with the key "params" and the options.
        state: what the optimizer remembers, tensor → dict.

    Raises:
        TypeError: ``params`` is a tensor, or holds something else than tensors.
        ValueError: there are no parameters, one is the result of an op, or one is in two groups.
    """

    rule = None
    #: Options that older state dicts of torch lack, with the values that they stood for.
    added_options: ClassVar[dict[str, object]] = {}
    #: The numbers in the state, tensors on the cpu; plain numbers in older state dicts.
    counters: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__:
            cls.step = with_hooks(cls.__dict__["step"])

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._make_hook_dicts()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + params.type()
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _make_hook_dicts(self):
        for what in ("step", "state_dict", "load_state_dict"):
            for when in ("pre", "post"):
                self.__dict__.setdefault(f"_optimizer_{what}_{when}_hooks", OrderedDict())

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._make_hook_dicts()
        for group in self.param_groups:
            for name, default in self.added_options.items():
                group.setdefault(name, default)
            for p, name in product(group["params"], self.counters):
                own = self.state.get(p)
                if own and name in own and not isinstance(own[name], Tensor):
                    own[name] = new_counter(float(own[name]))

    def __repr__(self):
        texts = []
        for i, group in enumerate(self.param_groups):
            options = "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
            texts.append(f"\nParameter Group {i}\n{options}")
        return f"{type(self).__name__} ({''.join(texts)})"

    # --- stepping ---
    @with_hooks
    def step(self, closure=None):
        """Update every parameter that has a gradient.

        Args:
            closure: a function that computes the loss and its gradients once more; called before the update.

        Returns:
            What the closure returned, or None.
        """
        if self.rule is None:
            raise NotImplementedError
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group):
        rule, options = self.rule, self.options(group)
        for p in group["params"]:
            grad = p.grad
            if grad is not None:
                rule(p._xp, p._a, grad._a, self.state_of(p, group), **options)
                p._bump()

    def options(self, group):
        """The keyword arguments of the rule, from a group."""
        return {}

    def state_of(self, p, group):
        """The state of ``p``, made at its first step."""
        state = self.state[p]
        if not state:
            state.update(self.new_state(p, group))
        return state

    def new_state(self, p, group):
        """What the optimizer remembers of ``p`` before its first step."""
        return {}

    def zero_grad(self, set_to_none=True):
        """Drop the gradients of all parameters, or fill them with zeros."""
        for p in chain.from_iterable(group["params"] for group in self.param_groups):
            if set_to_none:
                p.grad = None
            elif p.grad is not None:
                grad = p.grad.detach_() if p.grad.grad_fn is not None else p.grad.requires_grad_(False)
                grad.zero_()

    # --- groups ---
    def add_param_group(self, param_group):
        """Add a group: a dict with "params" and the options that differ from the defaults.

        For instance to train layers that were frozen at first.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        self._take_params(param_group)
        for p in param_group["params"]:
            self._check_param(p)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_duplicates(param_group)
        self.param_groups.append(param_group)

    @staticmethod
    def _take_params(group):
        """Make ``group["params"]`` a list of tensors; names, where given, go to ``group["param_names"]``."""
        params = group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            group["param_names"] = names
        group["params"] = [p[1] if isinstance(p, tuple) else p for p in params]

    def _check_param(self, p):
        if not isinstance(p, Tensor):
            raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {_type_text(p)}")
        if not (p.is_leaf or p.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def _check_duplicates(self, new_group):
        new = set(new_group["params"])
        if len(new) != len(new_group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=4,
            )
        for group in self.param_groups:
            if ("param_names" in new_group) != ("param_names" in group):
                with_or_without = "with names" if "param_names" in new_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param group "
                    f"{with_or_without} to the optimizer"
                )
        if any(not new.isdisjoint(group["params"]) for group in self.param_groups):
            raise ValueError("some parameters appear in more than one parameter group")

    # --- saving and loading ---
    def state_dict(self):
        """Return {"state": number → state, "param_groups": groups}: parameters numbered in the order of the groups."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        params = list(chain.from_iterable(group["params"] for group in self.param_groups))
        numbers = {}
        for number, p in enumerate(params):
            numbers.setdefault(p, number)
        state_dict = {
            "state": {numbers[k] if isinstance(k, Tensor) else k: v for k, v in self.state.items()},
            "param_groups": [
                {**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        return state_dict

    def load_state_dict(self, state_dict):
        """Take over what :meth:`state_dict` of an optimizer with groups of the same sizes returned.

        State tensors are brought to the device and dtype of their parameters.

        Raises:
            ValueError: the groups differ in number or size.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        groups = deepcopy(state_dict["param_groups"])
        self._check_sizes(groups)
        saved = chain.from_iterable(group["params"] for group in groups)
        params = dict(zip(saved, chain.from_iterable(group["params"] for group in self.param_groups), strict=True))
        state = defaultdict(dict)
        for number, value in state_dict["state"].items():
            if number in params:
                state[params[number]] = _fit(value, params[number])
            else:
                state[number] = value
        for group, own in zip(groups, self.param_groups, strict=True):
            group["params"] = own["params"]
            if "param_names" in own:
                group.setdefault("param_names", own["param_names"])
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _check_sizes(self, groups):
        if len(groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        pairs = zip(groups, self.param_groups, strict=True)
        if any(len(saved["params"]) != len(own["params"]) for saved, own in pairs):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )

    # --- hooks ---
    def register_step_pre_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` before each step; it may return (args, kwargs)."""
        return add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call ``hook(optimizer, args, kwargs)`` after each step."""
        return add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` before :meth:`state_dict`."""
        return _add(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` after :meth:`state_dict`; it may return another dict."""
        return _add(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call ``hook(optimizer, state_dict)`` before :meth:`load_state_dict`; it may return another dict."""
        return _add(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call ``hook(optimizer)`` after :meth:`load_state_dict`."""
        return _add(self._optimizer_load_state_dict_post_hooks, hook, prepend)


def _add(hooks, hook, prepend):
    handle = add_hook(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _type_text(value):
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _fit(value, p, key=None):
    """A loaded state value on the device and in the dtype of its parameter; the step counter stays as it is."""
    if isinstance(value, Tensor):
        if key == "step":
            return value
        return value.to(device=p.device, dtype=p.dtype if p.is_floating_point() else None)
    if isinstance(value, dict):
        return {k: _fit(v, p, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fit(v, p) for v in value)
    return value


# --- what rules are made of ---
def zeros_like(xp, w):
    """A state tensor of zeros beside the weights ``w``."""
    return wrap(Tensor, xp, xp.zeros_like(w), None)


def new_counter(value=0.0):
    """A step counter: a 0-dim tensor on the cpu, so that reading it never waits for a device."""
    return tensor(value, dtype=float64 if get_default_dtype() is float64 else float32, device="cpu")


def count_step(state):
    """Add one to ``state["step"]`` and return it as a float."""
    counter = state["step"]
    host = counter._host()
    if host is not counter._a:
        with no_grad():
            counter += 1
        return counter.item()
    number = float(host) + 1.0
    host[...] = number  # on the cpu: an op on the tensor takes ten times as long
    return number


def read_number(state, key):
    """The number ``state[key]`` as a float, brought to the cpu for good if it was loaded onto another device."""
    counter = state[key]
    host = counter._host()
    if host is not counter._a:
        counter = state[key] = counter.cpu()
        host = counter._a
    return float(host)


def write_number(state, key, value):
    """Set a number that has been read, rounded to the default dtype."""
    state[key]._a[...] = new_counter(value)._a


def as_number(value):
    """An option that may be a one-element tensor, as a Python number."""
    return value.item() if isinstance(value, Tensor) else value
