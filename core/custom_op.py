"""Ops made of functions by a decorator: ``custom_op`` and the objects it gives."""

import inspect
import re
import warnings
from contextlib import contextmanager

from .autocast import SETTINGS, autocast, is_autocast_available
from .custom_casts import cast_inside
from .function import Function
from .modes import GRAD, no_grad
from .op_schema import infer_schema
from .tensor import Tensor

#: Qualified name → op.
OPS: dict[str, "CustomOpDef"] = {}
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")


def custom_op(name, fn=None, /, *, mutates_args, device_types=None, schema=None, tags=None):
    """Make an op of a function: its inside is not recorded, and its gradient is what :meth:`register_autograd` gets.

    Args:
        name: ``"namespace::name"``.
        fn: the function, with annotations; without it a decorator is returned.
        mutates_args: names of the tensor arguments that it writes into, or "unknown".
        device_types: the device types it is for, None for all.
        schema: the schema, where the annotations shall not be read.
        tags: none are supported.

    Raises:
        ValueError: the name or an annotation is wrong.
        NotImplementedError: tags, or tensors by keyword only.

    Example:
        >>> import plugrad
        >>> from plugrad.library import custom_op
        >>> @custom_op("mine::square", mutates_args=())
        ... def square(x: plugrad.Tensor) -> plugrad.Tensor:
        ...     return x * x
        >>> square.register_autograd(
        ...     lambda ctx, g: 2 * g * ctx.saved_tensors[0],
        ...     setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
        ... )
        >>> x = plugrad.tensor([3.0], requires_grad=True)
        >>> square(x).backward()
        >>> x.grad
        tensor([6.])
    """
    if tags:
        raise NotImplementedError("custom_op: tags are not supported")

    def make(fn):
        text = infer_schema(fn, mutates_args=mutates_args) if schema is None else schema
        return CustomOpDef(name, text, fn, device_types)

    return make if fn is None else make(fn)


def split_name(name):
    parts = name.split("::")
    if len(parts) != 2:
        many = "too many" if len(parts) > 2 else "not enough"
        raise ValueError(f"{many} values to unpack (expected 2): a custom op's name is 'namespace::name', not {name!r}")
    for part in parts:
        if not NAME.fullmatch(part):
            raise RuntimeError(f"expected ident in the custom op's name {name!r}: 'namespace::name'")
    return parts


class CustomOpDef:
    """An op that :func:`custom_op` made: call it, or register more about it.

    Attributes:
        _schema: its schema.
    """

    def __init__(self, name, schema, fn, device_types=None):
        self._namespace, self._name = split_name(name)
        self._schema = schema
        self._init_fn = fn
        self._signature = inspect.signature(fn)
        self._mutated = re.findall(r"\(a\d+!\)\S* (\w+)", schema)
        self._kernels = {}
        self._disabled = set()
        self._autocasts = {}
        self._fake_fn = self._vmap_fn = self._backward_fn = self._setup_context_fn = None
        self._function = None  # made at the first call that is recorded
        self._check_keywords()
        self.register_kernel(device_types, fn)
        OPS[self._qualname] = self

    @property
    def _qualname(self):
        return f"{self._namespace}::{self._name}"

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"

    def _keyword_only(self):
        return [p.name for p in self._signature.parameters.values() if p.kind == p.KEYWORD_ONLY]

    def _check_keywords(self):
        keywords = self._schema.partition("*, ")[2].partition(") ->")[0]
        if "Tensor" in keywords:
            raise NotImplementedError(
                "custom_op with kwarg-only Tensor args. Please make your tensors not kwarg-only. Got: "
                f"{self._name}{self._schema}"
            )

    # --- what is registered ---
    def register_kernel(self, device_types, fn=None, /):
        """Use ``fn`` for tensors of some device types; without it a decorator is returned.

        Args:
            device_types: one or several, None for all.
            fn: takes what the op takes.
        """
        if fn is None:
            return lambda fn: self.register_kernel(device_types, fn)
        several = [device_types] if device_types is None or isinstance(device_types, str) else device_types
        for device_type in several:
            self._kernels[device_type] = fn
        return fn

    @contextmanager
    def set_kernel_enabled(self, device_type, enabled=True):
        """A block in which the op's first function is used in place of the kernel of a device type, or no longer.

        Args:
            device_type: whose kernel.
            enabled: False to leave it out.
        """
        if device_type not in self._kernels:
            warnings.warn(
                f"Attempted to {'enable' if enabled else 'disable'} kernel for {device_type} but no kernel was registered for this "
                "device type.",
                UserWarning,
                stacklevel=3,
            )
        before = set(self._disabled)
        if enabled:
            self._disabled.discard(device_type)
        else:
            self._disabled.add(device_type)
        try:
            yield
        finally:
            self._disabled = before

    def register_fake(self, fn, /):
        """Keep a function that tells the results' shapes; nothing here is compiled, so only ``op.fake`` calls it."""
        self._fake_fn = fn
        return fn

    def fake(self, *args, **kwargs):
        """Return what the registered fake gives: tensors of the results' shapes and dtypes.

        Raises:
            RuntimeError: none is registered.
        """
        if self._fake_fn is None:
            raise RuntimeError(
                f"There was no fake impl registered for {self}. Please use `{self._init_fn.__name__}.register_fake` to add an fake impl."
            )
        args, keywords = self._bind(args, kwargs)
        return self._fake_fn(*args, **keywords)

    def register_vmap(self, func=None):
        """Use ``func(info, in_dims, *args)`` under vmap; without it a decorator is returned."""
        if func is None:
            return self.register_vmap
        self._vmap_fn = func
        self._function = None
        return func

    def register_autograd(self, backward, /, *, setup_context=None):
        """Say what the gradient is.

        Args:
            backward: ``backward(ctx, *grads)`` returns a gradient per argument, a list of them for a list.
            setup_context: ``setup_context(ctx, inputs, output)`` saves what backward needs; it gets ``keyword_only_inputs`` too
                where the op has such arguments.

        Raises:
            RuntimeError: the op writes into its arguments.
        """
        if self._mutated:
            raise RuntimeError(
                f"Cannot register autograd formula for non-functional operator {self} with schema {self._qualname}{self._schema}. "
                "Please create a functional operator and register an autograd formula for that."
            )
        self._backward_fn = backward
        self._setup_context_fn = setup_context

    def register_autocast(self, device_type, cast_inputs, /):
        """Cast floating point tensors of a device type to a dtype where autocast is on for it; the first dtype stays.

        Raises:
            ValueError: no device type that has autocast.
        """
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise ValueError(f"Device type '{device_type}' does not support autocast.")
        self._autocasts.setdefault(device_type, cast_inputs)

    def register_torch_dispatch(self, torch_dispatch_class, fn=None, /):
        """Raise NotImplementedError: there is no dispatch by class."""
        raise NotImplementedError(
            f"{self}: register_torch_dispatch is not supported: plugrad has no __torch_dispatch__"
        )

    # --- the call ---
    def __call__(self, *args, **kwargs):
        args, keywords = self._bind(args, kwargs)
        for kind in SETTINGS.get().active if self._autocasts else ():
            if kind in self._autocasts:
                with autocast(kind, enabled=False):
                    return self(*cast_inside(args, kind, self._autocasts[kind]), **keywords)
        tensors = [t for value in args for t in tensors_of(value)]
        mapped = self._vmap_fn is not None and any(t._xp.transform is not None for t in tensors)
        if not mapped and not (GRAD.get() and any(t.requires_grad for t in tensors)):
            return self._run(args, keywords)
        if self._function is None:
            self._function = function_of(self)
        flat, places = flattened(args)
        result = self._function.apply(*flat, Call(keywords, places))
        return list(result) if self._schema.endswith("-> Tensor[]") else result

    def _bind(self, args, kwargs):
        declaration = f"{self._qualname}{self._schema}"
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise RuntimeError(f"{self._qualname}() {error}. Declaration: {declaration}") from None
        bound.apply_defaults()
        for i, (name, value) in enumerate(bound.arguments.items()):
            if f"Tensor {name}" in self._schema and not isinstance(value, Tensor):
                raise RuntimeError(
                    f"{self._qualname}() Expected a value of type 'Tensor' for argument '{name}' but instead found type "
                    f"'{type(value).__name__}'.\nPosition: {i}\nValue: {value}\nDeclaration: {declaration}"
                )
        return bound.args, bound.kwargs

    def _run(self, args, keywords):
        with no_grad():
            result = self._kernel(args)(*args, **keywords)
        given = [t for value in args for t in tensors_of(value)]
        check_aliases(self, given, [t for value in as_tuple(result) for t in tensors_of(value)])
        for name, value in self._signature.bind(*args, **keywords).arguments.items():
            for tensor in tensors_of(value) if name in self._mutated else ():
                tensor._bump()
        return result

    def _kernel(self, args):
        kinds = {t.device.type for value in args for t in tensors_of(value)} - {"cpu"} or {"cpu"}
        for kind in sorted(kinds):
            if kind in self._kernels:
                return self._init_fn if kind in self._disabled else self._kernels[kind]
        if None in self._kernels:
            return self._init_fn if None in self._disabled else self._kernels[None]
        raise NotImplementedError(
            f"Could not run '{self._qualname}' with arguments from the '{kinds.pop().upper()}' backend: kernels are registered for "
            f"{', '.join(sorted(self._kernels))}; register_kernel adds one"
        )


class Call:
    """What one recorded call has beside its tensors: the last argument of apply.

    Attributes:
        keywords: what the op got by keyword only.
        places: by the op's arguments, None for a single value and a length for a list of tensors.
    """

    def __init__(self, keywords, places):
        self.keywords = keywords
        self.places = places


def function_of(op):
    """The Function that records an op's calls; its arguments are the op's, lists of tensors taken apart, and a Call."""

    gives_list = op._schema.endswith("-> Tensor[]")

    def forward(*flat):
        call = flat[-1]
        output = op._run(rebuilt(flat[:-1], call.places), call.keywords)
        return tuple(output) if gives_list else output

    def setup_context(ctx, inputs, output):
        call = ctx.call = inputs[-1]
        if op._setup_context_fn is not None:
            extra = {"keyword_only_inputs": call.keywords} if op._keyword_only() else {}
            made = list(output) if gives_list else output
            op._setup_context_fn(ctx=ctx, inputs=rebuilt(inputs[:-1], call.places), output=made, **extra)

    def backward(ctx, *grads):
        if op._backward_fn is None:
            raise RuntimeError(
                f"Trying to backward through {op._namespace}.{op._name}.default but no autograd formula was registered. Please use "
                "register_autograd to add one."
            )
        needs, places = ctx.needs_input_grad, ctx.call.places
        ctx.needs_input_grad = rebuilt(needs[:-1], places)
        try:
            found = op._backward_fn(ctx, *([list(grads)] if gives_list else grads))
        finally:
            ctx.needs_input_grad = needs
        return (*flat_gradients(op, as_tuple(found), places), None)

    def vmap(info, in_dims, *flat):
        places = flat[-1].places
        return op._vmap_fn(info, rebuilt(in_dims[:-1], places), *rebuilt(flat[:-1], places))

    name = f"GeneratedBackwardFor_{op._namespace}_{op._name}_default"
    members = {"forward": forward, "setup_context": setup_context, "backward": backward} | (
        {"vmap": vmap} if op._vmap_fn is not None else {}
    )
    return type(name, (Function,), {key: staticmethod(value) for key, value in members.items()})


def flat_gradients(op, found, places):
    """The gradients by the flat arguments."""
    flat = []
    for gradient, length in zip(found, places, strict=False):
        if length is None:
            flat.append(gradient)
        elif gradient is None:
            flat += [None] * length
        elif isinstance(gradient, (list, tuple)) and len(gradient) == length:
            flat += gradient
        else:
            raise RuntimeError(
                f"Expected the return from backward to be of the same structure as the inputs. {op}: a list of {length} gradients "
                f"was expected, but got {type(gradient).__name__}"
            )
    return (*flat, *found[len(places) :])


def as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def tensors_of(value):
    """The tensors in an argument: itself, or those in a list."""
    if isinstance(value, Tensor):
        return [value]
    return [t for t in value if isinstance(t, Tensor)] if isinstance(value, (list, tuple)) else []


def flattened(args):
    """(the arguments with lists of tensors taken apart, the length of each such list)."""
    flat, places = [], []
    for value in args:
        many = isinstance(value, (list, tuple)) and bool(tensors_of(value))
        flat += value if many else [value]
        places.append(len(value) if many else None)
    return flat, places


def rebuilt(flat, places):
    values = iter(flat)
    return tuple(next(values) if n is None else [next(values) for _ in range(n)] for n in places)


def check_aliases(op, inputs, outputs):
    """Raise when a result lies on the memory of an argument or of another result."""
    before = list(inputs)
    for output in outputs:
        if any(output is t or output._a is t._a or (output._v is not None and output._v is t._v) for t in before):
            raise RuntimeError(
                f"{op._name} (with implementation in {inspect.getmodule(op._init_fn)}): The output of this custom operator (1) must "
                "not also be an input to this custom operator and (2) may not alias any inputs to this custom operator or other "
                "returns. The most common way to trigger this error is if we have y = custom_op(x) and y and x are the same Tensor. "
                "Please instead return a clone of the offending output tensor(s) (e.g. return x.clone()) or refactor the custom "
                "operator to not return y."
            )
        before.append(output)


__all__ = ["CustomOpDef", "custom_op"]
