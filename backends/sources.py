"""Which functions of a backend are its own, which are composed, which it lacks, and which went over the host."""

from dataclasses import dataclass, field

from . import host
from .common import Backend
from .registry import namespace
from .spec import REQUIRED

__all__ = ["Ledger", "ledger"]

#: What the array library's ``linalg`` is asked for; the rest of linear algebra is composed.
LIBRARY = tuple(f"linalg.{name}" for name in "eig eigh eigvals eigvalsh qr svd svdvals".split())


@dataclass
class Ledger:
    """The functions of one backend, by where they come from.

    Attributes:
        backend: its name.
        native: functions that its own class brings.
        composed: functions made of others by ``plugrad.backends.Backend``.
        lacking: functions that it has in neither way: NotImplementedError, or numpy on the host where that is switched on.
        host: how often each of these ran on the host, ``{name: calls}``.
    """

    backend: str
    native: list
    composed: list
    lacking: list
    host: dict = field(default_factory=dict)

    def __str__(self):
        lines = [f"backend {self.backend}"]
        for title in ("native", "composed", "lacking"):
            names = getattr(self, title)
            lines += [f"  {title} ({len(names)})", *wrapped(names)]
        lines.append(f"  over the host ({sum(self.host.values())} calls)")
        return "\n".join([*lines, *(f"    {name} {n}" for name, n in self.host.items())])


def wrapped(names, width=110):
    """The names in lines of a width."""
    lines = []
    for name in names:
        if lines and len(lines[-1]) + len(name) < width:
            lines[-1] += " " + name
        else:
            lines.append("    " + name)
    return lines


def ledger(device="cpu"):
    """The functions of the backend that serves a device: native, composed, lacking, and how often one went over the host.

    It is read off the class, so that ops pay nothing for it.

    Args:
        device: a device type or a backend's name.

    Example:
        >>> import plugrad
        >>> found = plugrad.backends.ledger("cpu")
        >>> "exp" in found.native, found.lacking, found.host
        (True, [], {})
    """
    xp = namespace(*place(device))
    sources = {name: source_of(xp, name) for name in function_names(type(xp))}
    lists = {kind: [n for n, found in sources.items() if found == kind] for kind in ("native", "composed", "lacking")}
    return Ledger(xp.name, **lists, host=host.counts(xp.name))


def place(device):
    """(type, index) of a device, given as a text or as core's device."""
    name, _, index = str(device).partition(":")
    return name, int(index or 0)


def function_names(kind):
    """The public functions of a namespace class, and what the library's linalg is asked for."""
    names = {n for n in (*dir(Backend), *" ".join(REQUIRED.values()).split()) if not n.startswith("_")}
    found = (getattr(kind, n, None) for n in names)
    functions = {n for n, f in zip(names, found, strict=True) if callable(f) and not isinstance(f, type)}
    return sorted(functions - NO_FUNCTIONS_OF_ARRAYS) + list(LIBRARY)


#: How the class is made and asked; what they do costs no array function.
NO_FUNCTIONS_OF_ARRAYS = {
    "adopt",
    "cpu_capability",
    "device_count",
    "memory_allocated",
    "empty_cache",
    "set_threads",
    "synchronize",
    "threads",
    "use_one_core",
    "wrap",
}


def source_of(xp, name):
    """native, composed or lacking."""
    if name in LIBRARY:
        return "native" if library_has(xp, name) else "lacking"
    if getattr(getattr(xp, name), "is_lacking", False):
        return "lacking"
    owner = next(kind for kind in type(xp).__mro__ if name in vars(kind))
    return "composed" if issubclass(Backend, owner) else "native"


def library_has(xp, name):
    """Whether the library has a decomposition; svdvals can be had from svd."""
    name = name.removeprefix("linalg.")
    return hasattr(xp.linalg, name) or (name == "svdvals" and hasattr(xp.linalg, "svd"))
