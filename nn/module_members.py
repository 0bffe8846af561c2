"""What is registered in a module: names and kinds here, the values ordinary attributes of the module.

``module._member_kinds`` is one ordered dict, name → kind. The value stands in ``module.__dict__`` under the same name, so
reading ``self.weight`` is a plain attribute read. ``_parameters``, ``_buffers`` and ``_modules``, which torch keeps as
the store itself, are live views.
"""

from collections.abc import MutableMapping

from ..core.tensor import Tensor

__all__ = ["BUFFER", "MODULE", "PARAMETER", "MemberDict", "Members", "check_name", "drop_other", "items_of", "typename"]

PARAMETER, BUFFER, MODULE = "parameter", "buffer", "module"


def items_of(module, kind):
    """The (name, value) pairs of one kind, in the order of registration."""
    attributes = module.__dict__
    return [(name, attributes[name]) for name, k in attributes["_member_kinds"].items() if k == kind]


class Members(MutableMapping):
    """A live mapping over the members of one kind; writing to it registers, deleting removes."""

    __slots__ = ("_attributes", "_kind", "_names")

    def __init__(self, attributes, kind):
        self._attributes = attributes
        self._names = attributes["_member_kinds"]
        self._kind = kind

    def __getitem__(self, name):
        if self._names.get(name) != self._kind:
            raise KeyError(name)
        return self._attributes[name]

    def __setitem__(self, name, value):
        if self._names.get(name, self._kind) != self._kind:
            del self._names[name]  # a name that changes its kind goes to the end
        self._names[name] = self._kind
        self._attributes[name] = value

    def __delitem__(self, name):
        if self._names.get(name) != self._kind:
            raise KeyError(name)
        del self._names[name], self._attributes[name]

    def __iter__(self):
        return (name for name, kind in self._names.items() if kind == self._kind)

    def __len__(self):
        return sum(kind == self._kind for kind in self._names.values())

    def __repr__(self):
        return repr(self.copy())

    def copy(self):
        return {name: self._attributes[name] for name in self}


class MemberDict:
    """The class attribute behind ``module._parameters`` and its like: reading gives a view, assigning replaces all."""

    def __init__(self, kind):
        self.kind = kind

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, module, owner=None):
        if module is None:
            return self
        if "_member_kinds" not in module.__dict__:
            raise AttributeError(f"{type(module).__name__!r} object has no attribute {self.name!r}")
        return Members(module.__dict__, self.kind)

    def __set__(self, module, values):
        values = dict(values)
        kinds = self.__get__(module)._names
        for name in [name for name, kind in kinds.items() if kind == self.kind]:
            del module.__dict__[name]
        # A new dict: a copy made by `replica.__dict__ = module.__dict__.copy()` shares the old one.
        module.__dict__["_member_kinds"] = {name: kind for name, kind in kinds.items() if kind != self.kind}
        self.__get__(module).update(values)


def typename(obj):
    """The type of ``obj`` in an error text: ``torch.FloatTensor`` for a tensor, module and name for anything else."""
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", "") or ""
    return named.__qualname__ if module in ("", "builtins") else f"{module}.{named.__qualname__}"


def check_name(module, name, kind, what):
    """Raise unless ``name`` may be registered in ``module`` as this kind."""
    if not isinstance(name, str):
        raise TypeError(f"{what} name should be a string. Got {typename(name)}")
    if hasattr(module, name) and module.__dict__["_member_kinds"].get(name) != kind:
        raise KeyError(f"attribute '{name}' already exists")
    if "." in name:
        detail = f", got: {name}" if kind == MODULE else ""
        raise KeyError(f'{what} name can\'t contain "."{detail}')
    if name == "":
        raise KeyError(f'{what} name can\'t be empty string ""')


def drop_other(module, name, kind):
    """Make room for a member of this kind: an attribute or member of another kind under the name goes."""
    if module._member_kinds.get(name) != kind:
        module._member_kinds.pop(name, None)
        module._non_persistent_buffers_set.discard(name)
        module.__dict__.pop(name, None)
