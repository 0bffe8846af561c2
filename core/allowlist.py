"""What the user allows a checkpoint to build beyond tensors and plain data."""

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals", "user_globals"]

_user_globals: set[object] = set()


def add_safe_globals(safe_globals):
    """Allow classes or functions by which :func:`~plugrad.load` may build objects.

    Args:
        safe_globals: a list of classes and functions; a pair ``(callable, "module.name")`` where the file names it
            otherwise than Python does. Only what you trust: the file chooses the arguments.

    Example:
        >>> import fractions, plugrad
        >>> plugrad.serialization.add_safe_globals([fractions.Fraction])
        >>> plugrad.serialization.get_safe_globals()
        [<class 'fractions.Fraction'>]
        >>> plugrad.serialization.clear_safe_globals()
    """
    _user_globals.update(safe_globals)


def get_safe_globals():
    """Return the list of what :func:`add_safe_globals` allowed.

    Example:
        >>> import plugrad
        >>> plugrad.serialization.get_safe_globals()
        []
    """
    return list(_user_globals)


def clear_safe_globals():
    """Forget everything that :func:`add_safe_globals` allowed.

    Example:
        >>> import plugrad
        >>> plugrad.serialization.clear_safe_globals()
    """
    _user_globals.clear()


class safe_globals:
    """Context manager: :func:`add_safe_globals` inside the block only.

    Args:
        safe_globals: as for :func:`add_safe_globals`.

    Example:
        >>> import fractions, io, plugrad
        >>> file = io.BytesIO()
        >>> plugrad.save({"ratio": fractions.Fraction(1, 3)}, file)
        >>> _ = file.seek(0)
        >>> with plugrad.serialization.safe_globals([fractions.Fraction]):
        ...     plugrad.load(file)
        {'ratio': Fraction(1, 3)}
    """

    def __init__(self, safe_globals):
        self.safe_globals = safe_globals

    def __enter__(self):
        add_safe_globals(self.safe_globals)

    def __exit__(self, kind, value, traceback):
        _user_globals.difference_update(self.safe_globals)


def user_globals():
    """What the user allowed, by full path."""
    table = {}
    for item in _user_globals:
        if not isinstance(item, tuple):
            table[f"{item.__module__}.{item.__qualname__}"] = item
            continue
        if len(item) != 2:
            raise ValueError(
                f"Expected tuple of length 2 (global, str of callable full path), but got tuple of length: {len(item)}"
            )
        value, path = item
        if type(path) is not str:
            raise TypeError(f"Expected second item in tuple to be str of callable full path, but got: {type(path)}")
        table[path] = value
    return table
