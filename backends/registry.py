"""Which backends there are, which of them works here, and the namespace of a device."""

import importlib
import warnings
from functools import cache
from importlib.metadata import entry_points
from typing import Any

import pluggy

from .host import State, lacking
from .spec import API_VERSION, ON_THE_HOST, BackendSpec, Hooks, missing_names

_BUILTIN = ("numpy_backend", "cupy_backend")
_problems: dict[str, str] = {}  # plugin or backend name → why it cannot be used
_lacking: set[str] = set()  # backends that were refused for a lack of functions
_extra: list[BackendSpec] = []  # specs registered by hand, newest last
_classes: dict[str, type] = {}  # backend name → its namespace class
_namespaces: dict[tuple[str, int], Any] = {}  # (device type, index) → its namespace


@cache
def manager():
    """The plugin manager with the built-in backends and every entry point of the group ``plugrad``."""
    plugins = pluggy.PluginManager("plugrad")
    plugins.add_hookspecs(Hooks)
    for module in _BUILTIN:
        plugins.register(importlib.import_module(f".{module}", __package__), module)
    for name in sorted({point.name for point in entry_points(group="plugrad")}):
        _load_entry_point(plugins, name)
    return plugins


def _load_entry_point(plugins, name):
    # One at a time, so that a broken plugin takes no other backend with it.
    try:
        plugins.load_setuptools_entrypoints("plugrad", name)
    except Exception as error:
        _report(name, f"the plugin cannot be loaded: {error!r}")


def _report(name, why):
    _problems[name] = why
    warnings.warn(f"plugrad: backend plugin {name!r} is not usable: {why}", RuntimeWarning, stacklevel=2)


def _specs():
    """Every backend by name: those registered by hand, newest first, then those that plugins announced."""
    by_hand = {spec.name: spec for spec in reversed(_extra)}
    return by_hand | {name: spec for name, spec in _announced().items() if name not in by_hand}


@cache
def _announced():
    """What the plugins announced; a name announced twice keeps its first owner."""
    found = {}
    for plugin_name, specs in _answers(manager()):
        for spec in specs:
            why = _why_unfit(spec)
            if why:
                _report(getattr(spec, "name", plugin_name), why)
            else:
                found.setdefault(spec.name, spec)
    return found


def _answers(plugins):
    for implementation in plugins.hook.plugrad_backends.get_hookimpls():
        name = implementation.plugin_name
        try:
            yield name, list(implementation.function())
        except Exception as error:
            _report(name, f"its plugrad_backends() failed: {error!r}")


def _why_unfit(spec):
    if not isinstance(spec, BackendSpec):
        return f"plugrad_backends() must return BackendSpec objects, not {type(spec).__name__}"
    if spec.api_version > API_VERSION:
        return (
            f"it was written for interface version {spec.api_version}, this plugrad has {API_VERSION}: upgrade plugrad"
        )
    return None


def register(spec):
    """Add a backend by hand, without an entry point (for tests and notebooks).

    It replaces a backend of its name, and is asked before all others for its device types.

    Raises:
        TypeError: not a :class:`BackendSpec`, or one for a newer interface.
    """
    why = _why_unfit(spec)
    if why:
        raise TypeError(f"register: {why}")
    _forget(spec.name)
    _extra[:] = [*(other for other in _extra if other.name != spec.name), spec]


def unregister(name):
    """Take back what :func:`register` added; a plugin's backend of that name is there again.

    Raises:
        ValueError: no backend of that name was registered by hand.
    """
    if all(spec.name != name for spec in _extra):
        raise ValueError(f"unregister: no backend {name!r} was registered by hand")
    _extra[:] = [spec for spec in _extra if spec.name != name]
    _forget(name)


def _forget(name):
    # Namespaces of other backends must stay the same objects: tensors hold them, and are told apart by them.
    for key in [key for key, xp in _namespaces.items() if xp.name == name]:
        del _namespaces[key]
    _classes.pop(name, None)
    _problems.pop(name, None)


def available_backends():
    """Each known backend's name, and why it cannot be used here (None: it can)."""
    return {name: _probe(spec) for name, spec in sorted(_specs().items())} | {
        name: why for name, why in sorted(_problems.items()) if name not in _specs()
    }


def _probe(spec):
    if spec.name in _problems:
        return _problems[spec.name]
    try:
        return spec.probe()
    except Exception as error:
        return f"its probe failed: {error!r}"


def status():
    """One line per backend, as ``python -m plugrad`` prints them: name, device types, version, usable or why not.

    Example:
        >>> import plugrad
        >>> plugrad.backends.status()["numpy"]["usable"]
        True
    """
    return {name: _status_of(name, why) for name, why in available_backends().items()}


def _status_of(name, why):
    spec = _specs().get(name)
    return {
        "usable": why is None,
        "why": why,
        "device_types": spec.device_types if spec else (),
        "version": _version_of(spec),
        "api_version": spec.api_version if spec else None,
    }


def _version_of(spec):
    try:
        return spec.version() if spec else None
    except Exception as error:
        return f"unknown ({error!r})"


class DeviceUnavailable(AssertionError, RuntimeError):
    """A backend is known but can't be used here: torch's AssertionError, and the RuntimeError of all else about devices."""


def spec_for(device_type):
    """The backend that serves a device type: the first usable one; its own name is a device type too.

    Raises:
        DeviceUnavailable: backends know the type, but none is usable; the text lists the reasons.
        RuntimeError: no backend knows the type.
    """
    candidates = [s for s in _specs().values() if device_type in s.device_types or device_type == s.name]
    reasons = {}
    for spec in candidates:
        why = _probe(spec)
        if why is None:
            return spec
        reasons[spec.name] = why
    if reasons:
        listed = "; ".join(f"{name}: {why}" for name, why in reasons.items())
        raise DeviceUnavailable(
            f"Torch not compiled with {device_type.upper()} enabled: no backend for device type {device_type!r} is usable here ({listed})"
        )
    known = sorted({t for s in _specs().values() for t in s.device_types})
    raise RuntimeError(f"no backend serves device type {device_type!r}; there are {', '.join(known)}")


def device_types():
    """Every device type that some backend announces, usable or not."""
    return {t for spec in _specs().values() for t in (*spec.device_types, spec.name)}


def _class_of(name):
    if name in _classes:
        return _classes[name]
    spec = _specs()[name]
    loaded = spec.load()
    missing = missing_names(loaded)
    if missing and not (State.on and set(missing) <= ON_THE_HOST):
        why = f"its namespace lacks {len(missing)} required name(s): {', '.join(missing)}"
        _problems[name] = why
        _lacking.add(name)
        raise RuntimeError(f"plugrad: backend {name!r} is not usable: {why}")
    for function in missing:
        setattr(loaded, function, lacking(function))
    _classes[name] = loaded
    return loaded


def retry_lacking():
    """Let backends that lack functions be tried again, as numpy may now stand in for these."""
    for name in _lacking:
        _problems.pop(name, None)
    _lacking.clear()


def namespace(device_type, index=0):
    """The namespace of one device: the object on which core calls ``xp.add(a, b)``. Made once per device."""
    if (device_type, index) in _namespaces:
        return _namespaces[device_type, index]
    spec = spec_for(device_type)
    made = _class_of(spec.name)
    count = made.device_count()
    if not 0 <= index < count:
        raise RuntimeError(
            f"invalid device index: {device_type}:{index}; backend {spec.name!r} has {count} device(s) of that type"
        )
    _namespaces[device_type, index] = made(spec.name, device_type, index)
    return _namespaces[device_type, index]
