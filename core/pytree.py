"""Nested Python containers of tensors: taken apart into a flat list and put together again.

Containers are tuples, lists, dicts, OrderedDicts and named tuples; everything else is a leaf, None and a tensor too.
"""

from collections import OrderedDict


class Structure:
    """How a nest of containers looks, without its leaves.

    Attributes:
        kind: the container's type, None for a leaf.
        context: what the type needs beside the children: a dict's keys, a named tuple's class.
        children: a Structure per entry.
        leaves: how many leaves lie inside.
    """

    __slots__ = ("children", "context", "kind", "leaves")

    def __init__(self, kind, context, children):
        self.kind = kind
        self.context = context
        self.children = children
        self.leaves = 1 if kind is None else sum(child.leaves for child in children)

    def __eq__(self, other):
        return (
            isinstance(other, Structure)
            and (self.kind, self.context) == (other.kind, other.context)
            and self.children == other.children
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self, indent=0):
        if self.kind is None:
            return "*"
        inner = indent + 2
        listed = f",\n{' ' * inner}".join(child.__repr__(inner) for child in self.children)
        return f"TreeSpec({self.kind}, {self.context}, [{listed}])"

    def outline(self):
        """The structure as Python writes it, with a star for each leaf."""
        if self.kind is None:
            return "*"
        parts = [child.outline() for child in self.children]
        if self.kind == "tuple":
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if self.kind == "list":
            return f"[{', '.join(parts)}]"
        if self.kind == "namedtuple":
            named = zip(self.context._fields, parts, strict=True)
            return f"{self.context.__name__}({', '.join(f'{name}={part}' for name, part in named)})"
        pairs = list(zip(self.context, parts, strict=True))
        if self.kind == "dict":
            return f"{{{', '.join(f'{key!r}: {part}' for key, part in pairs)}}}"
        return f"OrderedDict([{', '.join(f'({key!r}, {part})' for key, part in pairs)}])"


LEAF = Structure(None, None, [])


def entries(tree):
    """(kind, context, children) of a container; None for a leaf."""
    if isinstance(tree, tuple):
        if type(tree) is not tuple and hasattr(tree, "_fields"):
            return "namedtuple", type(tree), list(tree)
        return ("tuple", None, list(tree)) if type(tree) is tuple or not tree or is_result(tree) else None
    if type(tree) is list:
        return "list", None, tree
    if type(tree) is dict or type(tree) is OrderedDict:
        return type(tree).__name__, list(tree), list(tree.values())
    return None


def is_result(tree):
    """A named result such as ``sort`` gives: a tuple of a class of its own."""
    return hasattr(tree, "fields")


def flatten(tree):
    """(leaves, structure).

    Example:
        >>> from plugrad.core.pytree import flatten
        >>> flatten((1, {"a": 2}))[0]
        [1, 2]
    """
    found = entries(tree)
    if found is None:
        return [tree], LEAF
    kind, context, children = found
    leaves, structures = [], []
    for child in children:
        inner, structure = flatten(child)
        leaves += inner
        structures.append(structure)
    return leaves, Structure(kind, context, structures)


def unflatten(leaves, structure):
    """The nest of this structure with these leaves."""
    return _build(iter(leaves), structure)


def _build(leaves, structure):
    if structure.kind is None:
        return next(leaves)
    children = [_build(leaves, child) for child in structure.children]
    if structure.kind == "tuple":
        return tuple(children)
    if structure.kind == "list":
        return children
    if structure.kind == "namedtuple":
        return structure.context(*children)
    made = zip(structure.context, children, strict=True)
    return dict(made) if structure.kind == "dict" else OrderedDict(made)


def map_leaves(function, tree):
    """The nest with ``function`` applied to each leaf."""
    leaves, structure = flatten(tree)
    return unflatten([function(leaf) for leaf in leaves], structure)


def broadcast(tree, structure):
    """The leaves of ``tree`` spread over a structure, of which it is a beginning; None where it is not one."""
    found = entries(tree)
    if found is None:
        return [tree] * structure.leaves
    kind, context, children = found
    if (kind, context) != (structure.kind, structure.context) or len(children) != len(structure.children):
        return None
    spread = []
    for child, below in zip(children, structure.children, strict=True):
        part = broadcast(child, below)
        if part is None:
            return None
        spread += part
    return spread


__all__ = ["Structure", "broadcast", "flatten", "map_leaves", "unflatten"]
