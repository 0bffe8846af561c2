"""Ways to choose the mask of a pruned parameter."""

import numbers
from abc import ABC, abstractmethod

from ...core.create import ones_like, zeros_like
from ...core.ops.reduction import kthvalue, norm, topk
from ...core.ops.sampling import rand, rand_like

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
]


class BasePruningMethod(ABC):
    """A way to choose a mask, and the hook that applies it.

    A subclass gives ``PRUNING_TYPE``, "unstructured", "structured" (with an attribute ``dim``) or "global", and
    :meth:`compute_mask`. The module keeps the parameter as ``name_orig`` and the mask as the buffer ``name_mask``.
    """

    _tensor_name: str

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask):
        """Return the mask for a tensor, or for scores in its shape, within the mask that there is already."""

    def apply_mask(self, module):
        """Return the parameter times its mask."""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(original.dtype) * original

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prune a parameter, on top of what was pruned before, and register the hook; returns it.

        Args:
            module: the module.
            name: of the parameter.
            args, kwargs: for the method's constructor.
            importance_scores: numbers to choose by, in place of the parameter.

        Raises:
            AssertionError: the scores have another shape.
        """
        method = _with_earlier(cls(*args, **kwargs), module, name)
        original = getattr(module, name)
        scores = _scores(importance_scores, original, f"parameter {name} of {module}")
        is_first = not isinstance(method, PruningContainer)
        if is_first:
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
            before = ones_like(original)
        else:
            before = getattr(module, name + "_mask").detach().clone()
        try:
            module.register_buffer(name + "_mask", method.compute_mask(scores, default_mask=before))
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if is_first:
                module.register_parameter(name, original)
                del module._parameters[name + "_orig"]
            raise
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """Return a tensor times the mask computed for it; no module is concerned."""
        scores = _scores(importance_scores, t, "tensor t")
        return t * self.compute_mask(scores, default_mask=ones_like(t) if default_mask is None else default_mask)

    def remove(self, module):
        """Make the pruned values the parameter again; the hook stays for the caller to remove."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters[name + "_orig"]
        original.data = weight.data
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _scores(given, tensor, what):
    if given is None:
        return tensor
    if given.shape != tensor.shape:
        raise AssertionError(
            f"importance_scores should have the same shape as {what}, got {given.shape} vs {tensor.shape}"
        )
    return given


def _with_earlier(method, module, name):
    """The method, joined to the one that has pruned the parameter before, whose hook is taken away."""
    method._tensor_name = name
    earlier = [k for k, hook in module._forward_pre_hooks.items() if prunes(hook, name)]
    if len(earlier) > 1:
        raise AssertionError(
            f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a PruningContainer."
        )
    if not earlier:
        return method
    old = module._forward_pre_hooks.pop(earlier[0])
    container = old if isinstance(old, PruningContainer) else PruningContainer(old)
    container.add_pruning_method(method)
    return container


def prunes(hook, name):
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


class PruningContainer(BasePruningMethod):
    """Several methods for one parameter: the mask of the last one, within that of those before."""

    def __init__(self, *args):
        self._pruning_methods = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Add a method for the same parameter.

        Raises:
            TypeError: it is no pruning method.
            ValueError: it is for another parameter.
        """
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to PruningContainer {self}. "
                f"Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, idx):
        return self._pruning_methods[idx]

    def compute_mask(self, t, default_mask):
        """The mask of the last method for what is not yet pruned."""
        method = self._pruning_methods[-1]
        part = _unpruned(method, t, default_mask)
        mask = default_mask.to(t.dtype, copy=True)
        mask[part] = method.compute_mask(t[part], default_mask=default_mask[part]).to(mask.dtype)
        return mask


def _unpruned(method, t, mask):
    """The index of what a method may still prune."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    key = [slice(None)] * t.dim()
    if method.PRUNING_TYPE == "structured":
        if not hasattr(method, "dim"):
            raise AttributeError(
                'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
            )
        dim = method.dim + t.dim() if method.dim < 0 else method.dim
        if dim < 0:
            raise IndexError(f"Index is out of bounds for tensor with dimensions {t.dim()}")
        key[dim] = mask.sum(dim=[d for d in range(t.dim()) if d != dim]) != 0
    elif method.PRUNING_TYPE != "global":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    return tuple(key)


class Identity(BasePruningMethod):
    """Prunes nothing: parameter and mask only get their names."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """The mask that there is."""
        return default_mask

    @classmethod
    def apply(cls, module, name):
        """Register a mask of ones."""
        return super().apply(module, name)


class _Amount(BasePruningMethod):
    """Prunes a number of entries, or a fraction of them."""

    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount

    def _count(self, size):
        count = _count_of(self.amount, size)
        if isinstance(count, numbers.Integral) and count > size:
            raise ValueError(f"amount={count} should be smaller than the number of parameters to prune={size}")
        return count


class RandomUnstructured(_Amount):
    """Prunes entries chosen at random.

    Args:
        amount: how many, an int, or which fraction, a float.
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """Zeros at the largest of as many random numbers."""
        return _without(t, default_mask, self._count(t.nelement()), lambda t: rand_like(t), True)

    @classmethod
    def apply(cls, module, name, amount):
        """Prune entries of a parameter chosen at random."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Amount):
    """Prunes the entries of least magnitude.

    Args:
        amount: how many, an int, or which fraction, a float.
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """Zeros at the least magnitudes."""
        return _without(t, default_mask, self._count(t.nelement()), lambda t: t.abs(), False)

    @classmethod
    def apply(cls, module, name, amount, importance_scores=None):
        """Prune the entries of a parameter of least magnitude, or of least score."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


def _without(t, mask, count, scores, largest):
    mask = mask.clone()
    if count:
        mask.view(-1)[topk(scores(t).reshape(-1), k=count, largest=largest).indices] = 0
    return mask


class _Structured(_Amount):
    def _channels(self, t):
        """(how many slices there are, how many go)."""
        if t.dim() <= 1:
            raise ValueError(
                f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {t.shape} with "
                f"{t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        size = t.shape[self.dim]
        return size, self._count(size)

    def _kept(self, t, default_mask, key):
        mask = zeros_like(t)
        index = [slice(None)] * t.dim()
        index[self.dim] = key
        mask[tuple(index)] = 1
        return mask * default_mask.to(mask.dtype)


class RandomStructured(_Structured):
    """Prunes slices along a dimension, chosen at random.

    Args:
        amount: how many, an int, or which fraction, a float.
        dim: the dimension.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t, default_mask):
        """Zeros for the slices with the least of as many random numbers."""
        size, count = self._channels(t)
        if not count:
            return default_mask
        drawn = rand(size)
        return self._kept(t, default_mask, (drawn > kthvalue(drawn, k=count).values).to(t.device))

    @classmethod
    def apply(cls, module, name, amount, dim=-1):
        """Prune slices of a parameter chosen at random."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Structured):
    """Prunes the slices along a dimension that have the least norm.

    Args:
        amount: how many, an int, or which fraction, a float.
        n: p of the norm.
        dim: the dimension.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount, n, dim=-1):
        super().__init__(amount)
        self.n = n
        self.dim = dim

    def compute_mask(self, t, default_mask):
        """Zeros for the slices of least norm."""
        size, count = self._channels(t)
        if not count:
            return default_mask
        others = list(range(t.dim()))
        del others[self.dim]
        return self._kept(t, default_mask, topk(norm(t, p=self.n, dim=others), k=size - count).indices)

    @classmethod
    def apply(cls, module, name, amount, n, dim, importance_scores=None):
        """Prune the slices of a parameter that have the least norm."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        """Both masks multiplied."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)

    @classmethod
    def apply(cls, module, name, mask):
        """Prune a parameter by a mask."""
        return super().apply(module, name, mask=mask)


def _check_amount(amount):
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    is_count = isinstance(amount, numbers.Integral)
    if amount < 0 or (not is_count and float(amount) > 1.0):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count_of(amount, size):
    return amount if isinstance(amount, numbers.Integral) else round(amount * size)
