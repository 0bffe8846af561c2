"""The names of ``torch.jit``, where Python itself is the language: what is given runs as it is."""

import inspect
import typing
import warnings

__all__ = [
    "Final",
    "annotate",
    "export",
    "ignore",
    "is_scripting",
    "is_tracing",
    "load",
    "save",
    "script",
    "script_if_tracing",
    "trace",
    "unused",
]

Final = typing.Final
NO_FILES = (
    "torch.jit.{0}: TorchScript programs are not supported, since plugrad runs Python. Keep the class of the model in Python, and "
    "its numbers by plugrad.save(model.state_dict(), file) and model.load_state_dict(plugrad.load(file)){1}"
)


def _deprecated(name):
    warnings.warn(
        f"`torch.jit.{name}` is deprecated. Please switch to `torch.compile` or `torch.export`.",
        DeprecationWarning,
        stacklevel=3,
    )


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """Return the module or function that is given, which goes on running as Python; deprecated.

    Args:
        obj: a module, a function, a class; containers of Python stay what they are.
        optimize: has no effect, in torch neither.
        example_inputs: would be used to guess types, of which none are needed.

    Raises:
        TypeError: a number, a text or a function written in C.
        RuntimeError: a class of modules; give a module.
    """
    _deprecated("script")
    if optimize is not None:
        warnings.warn(
            "`optimize` is deprecated and has no effect. Use `with torch.jit.optimized_execution()` instead",
            FutureWarning,
            stacklevel=2,
        )
    if inspect.isclass(obj):
        if hasattr(obj, "load_state_dict"):
            raise RuntimeError(
                f"Type '{obj}' cannot be compiled since it inherits from nn.Module, pass an instance instead"
            )
        return obj
    if (not callable(obj) and not isinstance(obj, list | dict)) or type(obj) is type(len):
        raise TypeError(f"{type(obj)} is a built-in class")
    return obj


def trace(
    func,
    example_inputs=None,
    optimize=None,
    check_trace=True,
    check_inputs=None,
    check_tolerance=1e-5,
    strict=True,
    _force_outplace=False,
    _module_class=None,
    _compilation_unit=None,
    example_kwarg_inputs=None,
    _store_inputs=True,
):
    """Return the module or function that is given, after one call with the example; deprecated.

    Nothing is written down but what Python does anyway: branches and loops that depend on values stay branches and loops, where
    torch's trace keeps the way that the example took. So there is nothing to compare with, and the other arguments do nothing.

    Args:
        func: a module or function.
        example_inputs: a tensor or a tuple of what it is called with once.
        example_kwarg_inputs: a dict of named arguments, in place of ``example_inputs``.

    Raises:
        RuntimeError: neither a module nor a function.
        TypeError: no example.
    """
    _deprecated("trace")
    if not callable(func):
        raise RuntimeError("Could not get name of python class object")
    if example_kwarg_inputs is not None:
        if not isinstance(example_kwarg_inputs, dict):
            raise RuntimeError("example_kwarg_inputs should be a dict")
        func(**example_kwarg_inputs)
        return func
    if example_inputs is None:
        raise TypeError("'NoneType' object is not iterable: trace needs example_inputs to call the function with")
    func(*(example_inputs if isinstance(example_inputs, tuple | list) else (example_inputs,)))
    return func


def script_if_tracing(fn):
    """Return the function that is given."""
    return fn


def ignore(drop=False, **kwargs):
    """A decorator for methods that a script would leave to Python: returns the function itself.

    Raises:
        RuntimeError: the argument is neither a function nor a bool.
    """
    if callable(drop):
        return drop
    if not isinstance(drop, bool):
        raise RuntimeError(f"Argument to @torch.jit.ignore must be a bool or a function but got {drop}")
    return _same


def _same(fn):
    return fn


def unused(fn):
    """A decorator for methods that a script would replace by an error: returns the function itself, which works."""
    return fn


def export(fn):
    """A decorator for methods that a script would take in: returns the function itself."""
    return fn


def annotate(the_type, the_value):
    """The value; its type is for readers."""
    return the_value


def is_scripting():
    """False: what asks is always running as Python."""
    return False


def is_tracing():
    """False: what asks is always running as Python."""
    return False


def save(m, f, _extra_files=None):
    """Refused: there are no TorchScript programs to be saved.

    Raises:
        NotImplementedError: always; the text says how to keep a model.
    """
    raise NotImplementedError(NO_FILES.format("save", "."))


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Refused: a TorchScript program cannot be run.

    Raises:
        NotImplementedError: always; the text says how to bring a model over.
    """
    raise NotImplementedError(
        NO_FILES.format("load", "; with torch: torch.save(torch.jit.load(file).state_dict(), other_file).")
    )
