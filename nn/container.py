"""Modules that hold modules: Sequential, ModuleList, ModuleDict."""

import operator
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from .module import Module
from .module_members import MODULE, items_of
from .module_text import block, indent

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class IndexedModules(Module):
    """What Sequential and ModuleList share: children in order, reached by position."""

    def __len__(self):
        return len(items_of(self, MODULE))

    def __iter__(self):
        return iter([module for _, module in items_of(self, MODULE)])

    def _name_at(self, index):
        index = operator.index(index)
        names = [name for name, _ in items_of(self, MODULE)]
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range")
        return names[index]

    def __setitem__(self, idx, module):
        setattr(self, self._name_at(idx), module)

    def __delitem__(self, idx):
        names = [name for name, _ in items_of(self, MODULE)]
        for name in names[idx] if isinstance(idx, slice) else [self._name_at(idx)]:
            delattr(self, name)
        self._modules = OrderedDict((str(i), module) for i, module in enumerate(self))

    def append(self, module):
        """Add ``module`` at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key):
        """Remove and return the module at a position, or those of a slice."""
        popped = self[key]
        del self[key]
        return popped

    def _shift_in(self, index, module):
        for i in range(len(self), index, -1):
            self._modules[str(i)] = self._modules[str(i - 1)]
        self._modules[str(index)] = module


class Sequential(IndexedModules):
    """Calls its modules one after the other, each with the result of the one before.

    Args:
        args: the modules, or one OrderedDict of them by name.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Sequential(plugrad.nn.Identity(), plugrad.nn.Identity())
        Sequential(
          (0): Identity()
          (1): Identity()
        )
    """

    def __init__(self, *args):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            named = args[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input):
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(OrderedDict(items_of(self, MODULE)[idx]))
        return self._modules[self._name_at(idx)]

    def insert(self, index, module):
        """Insert ``module`` before position ``index``; returns self.

        Raises:
            AssertionError: ``module`` is not a Module.
            IndexError: there is no such position.
        """
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        self._shift_in(index + len(self) if index < 0 else index, module)
        return self

    def extend(self, sequential):
        """Append every module of an iterable; returns self."""
        for module in sequential:
            self.append(module)
        return self

    def __add__(self, other):
        _check_sequential(other)
        return Sequential(*self, *other)

    def __iadd__(self, other):
        _check_sequential(other)
        return self.extend(other)

    def __mul__(self, other):
        self._check_factor(other)
        return Sequential(*(module for _ in range(other) for module in self))

    def __rmul__(self, other):
        return self * other

    def __imul__(self, other):
        self._check_factor(other)
        return self.extend([module for _ in range(other - 1) for module in self])

    def _check_factor(self, factor):
        if not isinstance(factor, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(factor)}")
        if factor <= 0:
            raise ValueError(f"Non-positive multiplication factor {factor} for {type(self)}")


def _check_sequential(other):
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")


class ModuleList(IndexedModules):
    """A list of modules; unlike a Python list, its parameters belong to the model.

    Args:
        modules: an iterable of modules.

    Example:
        >>> import plugrad
        >>> plugrad.nn.ModuleList(plugrad.nn.Identity() for _ in range(3))
        ModuleList(
          (0-2): 3 x Identity()
        )
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return self._modules[self._name_at(idx)]

    def insert(self, index, module):
        """Insert ``module`` before position ``index``, as ``list.insert``."""
        size = len(self)
        self._shift_in(max(index + size, 0) if index < 0 else min(index, size), module)

    def extend(self, modules):
        """Append every module of an iterable; returns self."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList([*self, *other])

    def __repr__(self):
        return block(self._get_name(), [indent(line) for line in _folded([repr(module) for module in self])])


def _folded(texts):
    """``(i): text``, equal neighbours folded into ``(i-j): n x text``."""
    start = 0
    for i, text in enumerate(texts):
        if i + 1 < len(texts) and texts[i + 1] == text:
            continue
        yield f"({i}): {text}" if start == i else f"({start}-{i}): {i - start + 1} x {text}"
        start = i + 1


class ModuleDict(Module):
    """Modules by name, in the order they were added.

    Args:
        modules: a mapping, or an iterable of (name, module) pairs.

    Example:
        >>> import plugrad
        >>> heads = plugrad.nn.ModuleDict({"a": plugrad.nn.Identity()})
        >>> heads["a"](plugrad.ones(1))
        tensor([1.])
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(items_of(self, MODULE))

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self):
        """Remove all modules."""
        self._modules.clear()

    def pop(self, key):
        """Remove and return the module of this name."""
        return self._modules.pop(key)

    def keys(self):
        """The names."""
        return self._modules.copy().keys()

    def items(self):
        """The (name, module) pairs."""
        return self._modules.copy().items()

    def values(self):
        """The modules."""
        return self._modules.copy().values()

    def update(self, modules):
        """Add modules from a mapping or an iterable of pairs; those of the same name are replaced.

        Raises:
            TypeError, ValueError: ``modules`` has no pairs.
        """
        for key, module in pairs_of(modules, "ModuleDict"):
            self[key] = module


def pairs_of(values, what, called=None):
    """The (key, value) pairs of a mapping or an iterable, checked one by one."""
    if not isinstance(values, Iterable):
        raise TypeError(
            f"{called or what}.update should be called with an iterable of key/value pairs, but got "
            f"{type(values).__name__}"
        )
    if isinstance(values, Mapping) or hasattr(values, "items"):
        yield from values.items()
        return
    for i, pair in enumerate(values):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{what} update sequence element #{i} should be Iterable; is{type(pair).__name__}")
        pair = tuple(pair)
        if len(pair) != 2:
            raise ValueError(f"{what} update sequence element #{i} has length {len(pair)}; 2 is required")
        yield pair
