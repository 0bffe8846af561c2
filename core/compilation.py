"""``compile`` and its kin, where there is no compiler: what is given runs as it is."""

import functools

__all__ = [
    "InvalidBackend",
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_default_backend",
    "set_stance",
]

#: torch's backends, as its ``list_backends`` tags them.
BACKENDS = ("cudagraphs", "inductor", "openxla", "tvm")
DEBUGGING = ("aot_eager", "aot_eager_decomp_partition", "aot_eager_default_partitioner", "aot_ts", "eager", "eager_debug",
             "eager_noexcept", "invoke_subgraph", "openxla_eval", "pre_dispatch_eager", "ts")  # fmt: skip
MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
STANCES = (
    "default",
    "force_eager",
    "eager_on_recompile",
    "fail_on_recompile",
    "eager_then_compile",
    "aot_eager_then_compile",
)


class Default:
    """The backend of a ``compile`` that names none."""

    backend: object = None


class InvalidBackend(RuntimeError):
    """torch knows no backend of that name."""


def compile(
    model=None,
    *,
    fullgraph=False,
    dynamic=None,
    backend=None,
    mode=None,
    options=None,
    name=None,
    disable=False,
    recompile_limit=None,
    isolate_recompiles=False,
    shapes_spec=None,
):
    """Return the model or function that is given, checked as torch checks it: plugrad has no compiler.

    It computes what it computed before, at the speed it had. A module stays of its class and its ``state_dict`` has the names it
    had, where torch wraps it and puts ``_orig_mod.`` in front of them. The other arguments say how a compiler should work.

    Args:
        model: a module, a function or a class; None: return a decorator.
        backend: the name of one of torch's compilers, "inductor" unless given.
        mode: one of torch's words for how hard it should try.
        options: a dict for the compiler, in place of ``mode``.

    Raises:
        AssertionError: the model cannot be called, or ``dynamic`` is neither bool nor None.
        RuntimeError: a mode or a backend that torch does not know, or both a mode and options.
        NotImplementedError: a compiler of one's own, which would be given a graph that is not made here.

    Example:
        >>> import plugrad
        >>> @plugrad.compile(mode="reduce-overhead")
        ... def double(x):
        ...     return x + x
        >>> double(plugrad.ones(2))
        tensor([2., 2.])
    """
    if model is None:
        return functools.partial(
            compile, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode, options=options, name=name,
            disable=disable, recompile_limit=recompile_limit, isolate_recompiles=isolate_recompiles, shapes_spec=shapes_spec,
        )  # fmt: skip
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    if backend is None:
        backend = get_default_backend()
    if backend == "inductor":
        _check_inductor(mode, options)
    if disable:
        return model
    _check_backend(backend)
    if not isinstance(dynamic, bool | None):
        raise AssertionError(f"Expected enable to be a bool, got {type(dynamic)}")
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    return model


def _check_inductor(mode, options):
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if options is not None:
        options.items()  # a dict; which names it may have only the compiler knows


def _check_backend(backend):
    if isinstance(backend, str):
        if backend not in BACKENDS + DEBUGGING:
            raise InvalidBackend(
                f"Invalid backend: {backend!r}, see `torch._dynamo.list_backends()` for available backends."
            )
    else:
        raise NotImplementedError(
            f"compile: backend={backend!r} is not supported: a compiler is given a graph of the function, and plugrad makes none "
            "before it runs. Leave the argument out: the function then runs as it is"
        )


# --- plugrad.compiler ---
def list_backends(exclude_tags=("debug", "experimental")):
    """The names that :func:`compile` takes for ``backend``; none of them compiles."""
    return sorted(BACKENDS if exclude_tags else BACKENDS + DEBUGGING)


def get_default_backend():
    """What :func:`set_default_backend` set; "inductor" at first."""
    return Default.backend or "inductor"


def set_default_backend(backend):
    """Set the backend of a :func:`compile` that names none; None means "inductor" again."""
    Default.backend = backend


def disable(fn=None, recursive=True, *, reason=None):
    """Return the function that is given: nothing is compiled. Without one, return a decorator.

    Raises:
        AssertionError: not callable.

    Example:
        >>> import plugrad
        >>> @plugrad.compiler.disable(recursive=False)
        ... def f(x):
        ...     return x
        >>> f(3)
        3
    """
    if fn is None:
        return functools.partial(disable, recursive=recursive, reason=reason)
    if not callable(fn):
        raise AssertionError(f"A callable function is expected, but {type(fn)} is provided.")
    return fn


def allow_in_graph(fn):
    """Return the function, or the functions, that are given: there is no graph to keep them out of.

    Raises:
        AssertionError: not callable.
    """
    if isinstance(fn, list | tuple):
        return [allow_in_graph(each) for each in fn]
    if not callable(fn):
        raise AssertionError("allow_in_graph expects a callable")
    return fn


def assume_constant_result(fn):
    """Return the function that is given; it is called each time."""
    return fn


def is_compiling():
    """False: what asks is always running."""
    return False


def is_dynamo_compiling():
    """False: what asks is always running."""
    return False


def is_exporting():
    """False: what asks is always running."""
    return False


def reset():
    """Forget all compiled code, of which there is none."""


def cudagraph_mark_step_begin():
    """Tell captured graphs of CUDA that a step begins; none are captured."""


class set_stance:
    """How compiled functions are to behave, as a call, a context manager or a decorator: they run as they are, whatever is said.

    Args:
        stance: one of torch's words.

    Raises:
        RuntimeError: another word.
    """

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        if stance not in STANCES:
            raise RuntimeError(f"invalid torch.compile stance {stance!r}: expected one of {', '.join(STANCES)}")
        if force_backend is not None:
            _check_backend(force_backend)
        self.stance = stance

    def __call__(self, fn):
        return fn

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None
