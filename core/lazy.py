"""Names of a package that are imported when they are first asked for."""

import importlib

__all__ = ["names_of"]


def names_of(package, where, modules=()):
    """``(__getattr__, __dir__)`` for a package.

    Args:
        package: its name.
        where: name → the module below the package that has it.
        modules: names of modules below the package.

    Example:
        >>> from plugrad.core.lazy import names_of
        >>> find, names = names_of("plugrad.nn.utils", {"fuse_conv_bn_eval": "fusion"})
        >>> find("fuse_conv_bn_eval").__name__
        'fuse_conv_bn_eval'
    """

    def find(name):
        if name not in where and name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = importlib.import_module(f".{where.get(name, name)}", package)
        if name in where:
            found = getattr(found, name)
        setattr(importlib.import_module(package), name, found)
        return found

    def names():
        return sorted({*vars(importlib.import_module(package)), *where, *modules})

    return find, names
