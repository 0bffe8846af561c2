"""deepcopy and pickle of tensors."""

import copy

from .graph import LEAF
from .slow import version_of
from .tensor import Tensor, wrap
from .views import follow


def deepcopy(t, memo):
    """A leaf with its own memory; views of one tensor within the copied structure stay views of one."""
    if id(t) in memo:
        return memo[id(t)]
    if not t.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were "
            "attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    made = _copy_of_view(t, memo) if t._is_view() else wrap(type(t), t._xp, t._xp.copy(t._a), None)
    made._fn = LEAF if t._fn is LEAF else None
    memo[id(t)] = made
    grad = getattr(t, "_grad", None)
    if grad is not None:
        made._grad = copy.deepcopy(grad, memo)
    for name, value in t.__dict__.items():
        made.__dict__[name] = copy.deepcopy(value, memo)
    return made


def _copy_of_view(t, memo):
    base = copy.deepcopy(t._base, memo)
    made = wrap(type(t), t._xp, follow(t._xp, base._a, t._x.path), None)
    extra = made._extra()
    extra.base, extra.path, extra.made = base, t._x.path, t._x.made
    made._v = version_of(base)
    made._v.add_view(made)
    return made


def reduce(t):
    """Pickle by host array, dtype, device and flag; history and hooks are not pickled."""
    if t._x is not None and t._x.hooks:
        from .pickling import warn_of_hooks

        warn_of_hooks(t)
    return _restore, (type(t), t._host().copy(order="K"), str(t.device), t.requires_grad, dict(t.__dict__))


def _restore(cls, array, device, requires_grad, attributes):
    from .create import from_host

    t = from_host(array, device, requires_grad)
    if cls is not Tensor:
        t.__class__ = cls
    t.__dict__.update(attributes)
    return t
