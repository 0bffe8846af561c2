"""Special functions of a library that may not be installed: ``scipy.special`` and ``cupyx.scipy.special``.

The library is imported when one of them is first called. Without it, and for dtypes that it does not compute in, the
compositions of :mod:`.special` serve.
"""

from importlib import import_module

__all__ = ["WIDE", "offering"]

#: The dtypes of the libraries' own loops.
WIDE = frozenset(("float32", "float64"))


class Offered:
    """Stands for a function until it is first looked up; then it is the library's, or the next class's if there is none."""

    def __init__(self, owner, name, library, theirs):
        self.owner = owner
        self.name = name
        self.library = library
        self.theirs = theirs

    def __get__(self, xp, cls):
        try:
            function = getattr(import_module(self.library), self.theirs)
        except ImportError:
            delattr(self.owner, self.name)
        else:
            setattr(self.owner, self.name, for_floats(function, self.owner, self.name))
        return getattr(cls if xp is None else xp, self.name)


def for_floats(function, owner, name):
    """A method that calls the library's function on arrays of its dtypes, and the composition on all others."""

    def special(self, *arrays):
        names = self.dtype_names
        if all(names.get(getattr(a, "dtype", None)) in WIDE for a in arrays):
            return function(*arrays)
        return getattr(super(owner, self), name)(*arrays)

    special.__name__ = name
    special.__doc__ = f"{function.__name__} of the array library's special functions."
    return special


def offering(library, table):
    """Give a namespace's class a function of the library for each ``{our name: the library's}``."""

    def decorate(cls):
        for name, theirs in table.items():
            setattr(cls, name, Offered(cls, name, library, theirs))
        return cls

    return decorate
