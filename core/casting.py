"""What autocast does to an op: the policies, and how ops get to know that somebody casts.

An op that is a row is given a text that casts its arguments first. A public function composed of rows exchanges its code
object for one that calls :func:`Listed.call`. Both hold only while some thread casts, so that otherwise nothing is paid.
"""

import threading
import types
from collections.abc import Callable
from typing import ClassVar

from . import dtypes
from .autocast import SETTINGS
from .compile import on_first_cast, use_casting_texts
from .graph import LEAF
from .modes import is_grad_enabled
from .tensor import Tensor

CASTABLE = (dtypes.float32, dtypes.float16, dtypes.bfloat16)


# --- policies: what becomes of the arguments of a call ---
def lower(settings, kind, args, kwargs):
    """All in the lower dtype."""
    return cast_all(args, kwargs, kind, settings.fast[kind], settings)


def single(settings, kind, args, kwargs):
    """All in float32."""
    return cast_all(args, kwargs, kind, dtypes.float32, settings)


def single_unless_told(settings, kind, args, kwargs):
    """The first argument in float32, unless the call says a dtype itself."""
    if any(isinstance(value, dtypes.dtype) for value in (*args, *kwargs.values())):
        return args, kwargs
    return single(settings, kind, args, kwargs)


def widest(settings, kind, args, kwargs):
    """All in the widest dtype of the arguments, which is the lower one at least."""
    found = settings.fast[kind]
    for dtype in dtypes_in((*args, *kwargs.values()), kind):
        if dtype is dtypes.float32 or found is dtypes.float32:
            found = dtypes.float32
        elif dtype is not found:
            raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return cast_all(args, kwargs, kind, found, settings)


def refused(settings, kind, args, kwargs):
    """An error: the op overflows in half precision."""
    if not any(True for _ in dtypes_in((*args, *kwargs.values()), kind)):
        return args, kwargs
    raise RuntimeError(
        "torch.nn.functional.binary_cross_entropy and torch.nn.BCELoss are unsafe to autocast.\nMany models use a sigmoid layer "
        "right before the binary cross entropy layer.\nIn this case, combine the two layers using "
        "torch.nn.functional.binary_cross_entropy_with_logits\nor torch.nn.BCEWithLogitsLoss.  "
        "binary_cross_entropy_with_logits and BCEWithLogits are\nsafe to autocast."
    )


def as_given(settings, kind, args, kwargs):
    """As they are, and so are those of the ops inside."""
    return args, kwargs


def dtypes_in(values, kind):
    """The dtypes of the tensors that can be cast."""
    for value in values:
        if value.__class__ in (list, tuple):
            yield from dtypes_in(value, kind)
        elif is_castable(value, kind):
            yield value.dtype


def is_castable(value, kind):
    return isinstance(value, Tensor) and value.dtype in CASTABLE and value.device.type == kind


def cast_all(args, kwargs, kind, dtype, settings):
    args = [cast(value, kind, dtype, settings) for value in args]
    return args, {name: cast(value, kind, dtype, settings) for name, value in kwargs.items()} if kwargs else kwargs


def cast(value, kind, dtype, settings):
    if value.__class__ in (list, tuple):
        return type(value)(cast(part, kind, dtype, settings) for part in value)
    if not is_castable(value, kind) or value.dtype is dtype:
        return value
    if settings.caching and settings.nesting and value._fn is LEAF and value.dtype is dtypes.float32:
        return cast_once(value, dtype, settings.cache)
    return value.to(dtype)


def cast_once(leaf, dtype, cache):
    """A parameter's cast, kept until the outermost block ends or the parameter is written to."""
    key = (id(leaf), dtype)
    kept, count, made = cache.get(key, (None, None, None))
    # One made under no_grad() has no history: where gradients are recorded it can't stand for the parameter.
    if kept is not leaf or count != leaf._version or (made._fn is None and is_grad_enabled()):
        made = leaf.to(dtype)
        cache[key] = (leaf, leaf._version, made)
    return made


# --- the ops that have a policy ---
class Listed:
    """A function with a policy for some device types.

    Attributes:
        plain: the function as it is.
        off, on: its code, and the code that calls :meth:`call` in its place.
    """

    def __init__(self, function):
        self.function = function
        self.policies = {}
        self.off = function.__code__
        self.on = None
        self.plain = types.FunctionType(
            self.off, function.__globals__, function.__name__, function.__defaults__, function.__closure__
        )
        self.plain.__kwdefaults__ = function.__kwdefaults__

    def call(self, *args, **kwargs):
        """The op on cast arguments; the ops inside cast nothing."""
        settings = SETTINGS.get()
        kinds = [kind for kind in settings.active if kind in self.policies]
        if not kinds:
            return self.plain(*args, **kwargs)
        if kwargs.get("out") is None:
            for kind in kinds:
                args, kwargs = self.policies[kind](settings, kind, args, kwargs)
        SETTINGS.set(settings.suspended())
        try:
            return self.plain(*args, **kwargs)
        finally:
            SETTINGS.set(settings)

    def use(self, wanted):
        """Exchange the function's code."""
        if self.on is None:
            self.on = code_calling(self.call, self.off)
        self.function.__code__ = self.on if wanted else self.off


def _calling(*args, **kwargs):
    call = "what to call"
    return call(*args, **kwargs)


def code_calling(call, like):
    """Code that calls ``call``, for a function with the code ``like``: functions with a closure demand its names."""
    code = _calling.__code__
    constants = tuple(call if value == "what to call" else value for value in code.co_consts)
    return code.replace(co_consts=constants, co_freevars=like.co_freevars, co_name=like.co_name)


class Users:
    """The functions and rows that have a policy, and how many threads and tasks cast now."""

    functions: ClassVar[dict[Callable, Listed]] = {}
    rows: ClassVar[dict] = {}
    count = 0
    lock = threading.RLock()


def count_users(change):
    """Note that a thread begins to cast or ends; the first and the last have the ops exchange their code."""
    with Users.lock:
        while on_first_cast:
            on_first_cast.pop()()
        before, Users.count = Users.count, Users.count + change
        if bool(before) is bool(Users.count):
            return
        for listed in Users.functions.values():
            listed.use(bool(Users.count))
        use_casting_texts(Users.rows, bool(Users.count))


def give_policy(policy, kinds, functions):
    """Have functions or rows be cast: ``kinds`` are device types, in one text."""
    with Users.lock:
        for function in functions:
            row = getattr(function, "row", None)
            if row is None:
                policies = Users.functions.setdefault(function, Listed(function)).policies
            else:
                policies = Users.rows.setdefault(row, {})
            policies |= dict.fromkeys(kinds.split(), policy)


def cast_row(row, plain, inputs, statics):
    """What a row with a policy runs while somebody casts."""
    settings = SETTINGS.get()
    for kind in settings.active:
        policy = Users.rows[row].get(kind)
        if policy is not None:
            inputs, _ = policy(settings, kind, inputs, {})
    return plain(*inputs, *statics)


__all__ = [
    "as_given",
    "cast_all",
    "cast_row",
    "count_users",
    "dtypes_in",
    "give_policy",
    "lower",
    "refused",
    "single",
    "single_unless_told",
    "widest",
]
