"""Functions of functions: gradients, products with the Jacobian from either side, linearization. They nest at will."""

import functools

from .active import Running
from .batching import lifted, running_batches
from .dual import close_level, open_level
from .engine import grad as engine_grad
from .entry import Differentiation
from .forward_ad import check_size, dual_of, unpack
from .modes import is_grad_enabled
from .pytree import flatten, unflatten
from .tensor import Tensor

JVP = "jvp(f, primals, tangents)"


def grad(func, argnums=0, has_aux=False):
    """Return a function that computes the gradient of ``func``, whose output is one tensor without dimensions.

    Args:
        func: takes tensors, or nests of them.
        argnums: which argument, or a tuple of them, the gradient is for.
        has_aux: ``func`` returns (output, more), and the new function (gradient, more).

    Raises:
        RuntimeError: the output is no scalar tensor, or argnums does not fit.

    Example:
        >>> import plugrad
        >>> plugrad.func.grad(plugrad.sin)(plugrad.tensor(0.0))
        tensor(1.)
    """

    @functools.wraps(func)
    def gradient(*args, **kwargs):
        found, value = value_and_gradient(func, argnums, has_aux, args, kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(func, argnums=0, has_aux=False):
    """As :func:`grad`; the new function returns (gradient, output), or (gradient, (output, more)) with ``has_aux``.

    Example:
        >>> import plugrad
        >>> plugrad.func.grad_and_value(lambda x: x**2)(plugrad.tensor(3.0))
        (tensor(6.), tensor(9.))
    """

    @functools.wraps(func)
    def gradient_and_value(*args, **kwargs):
        return value_and_gradient(func, argnums, has_aux, args, kwargs)

    return gradient_and_value


def value_and_gradient(func, argnums, has_aux, args, kwargs):
    """(gradient, output), or (gradient, (output, more))."""
    with Differentiation() as level:
        args, inputs, form = begin(level, args, argnums)
        output = func(*args, **kwargs)
        if has_aux:
            output, more = pair_of("grad_and_value(f)(*args)", output)
        check_scalar(output)
        create = level.recorded_outside and level.is_followed([output])
        found = gradients([output], inputs, None, None, create)
    gradient = unflatten(level.release(found), form)
    (output,) = level.release([output])
    return (gradient, (output, released(level, more))) if has_aux else (gradient, output)


def check_scalar(output):
    begin_of_text = "grad_and_value(f)(*args): Expected f(*args) to return a "
    if not isinstance(output, Tensor):
        raise RuntimeError(f"{begin_of_text}Tensor, got {type(output)}")
    if output.dim():
        raise RuntimeError(
            f"{begin_of_text}scalar Tensor, got tensor with {output.dim()} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def pair_of(name, output):
    """(output, more) of a function with more to tell than its output."""
    if not isinstance(output, tuple) or len(output) != 2:
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def released(level, tree):
    """A nest of tensors as it is outside of a transform."""
    leaves, form = flatten(tree)
    for leaf in leaves:
        checked_more(leaf)
    return unflatten(level.release(leaves), form)


def gradients(outputs, inputs, cotangents, retain_graph, create_graph):
    """The gradient of each input, zeros where nothing depends on it."""
    at = [i for i, output in enumerate(outputs) if output._fn is not None]
    found = [None] * len(inputs)
    if at:
        given = None if cotangents is None else [cotangents[i] for i in at]
        found = engine_grad(
            [outputs[i] for i in at],
            inputs,
            given,
            retain_graph=retain_graph,
            create_graph=create_graph,
            allow_unused=True,
        )
    return [zeros_of(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def zeros_of(tensor):
    from .create import zeros_like

    return zeros_like(tensor)


# --- which arguments ---
def begin(level, args, argnums):
    """(the arguments, those that are differentiated as a flat list of starting points, their form)."""
    numbers = checked(argnums, len(args))
    chosen = tuple(args[i] for i in numbers)
    leaves, form = flatten(chosen if isinstance(argnums, tuple) else chosen[0])
    starts = [level.begin(leaf) for leaf in leaves]
    chosen = unflatten(starts, form)
    made = list(args)
    for i, value in zip(numbers, chosen if isinstance(argnums, tuple) else (chosen,), strict=True):
        made[i] = value
    return made, starts, form


def checked(argnums, count):
    """argnums as a tuple of positions."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    numbers = tuple(position(n, count) for n in (argnums if isinstance(argnums, tuple) else (argnums,)))
    if not numbers:
        raise RuntimeError("argnums must be non-empty")
    if len(set(numbers)) != len(numbers):
        raise RuntimeError(f"argnums elements must be unique, got {numbers}")
    return numbers


def position(number, count):
    if not isinstance(number, int):
        raise RuntimeError(f"argnum must be int, got: {type(number)}")
    if not -count <= number < count:
        raise RuntimeError(f"Got argnum={number}, but only {count} positional inputs")
    return number % count


# --- vjp ---
def vjp(func, *primals, has_aux=False):
    """Return (func(*primals), a function that gives for a cotangent v of the output the products vᵀ J, one per primal).

    Args:
        func: takes and returns tensors, or nests of them.
        has_aux: ``func`` returns (output, more), and so (output, function, more) is returned.

    Raises:
        RuntimeError: ``func`` returns something else than floating point or complex tensors.

    Example:
        >>> import plugrad
        >>> output, pull = plugrad.func.vjp(plugrad.sin, plugrad.zeros(2))
        >>> pull(plugrad.tensor([1.0, 2.0]))
        (tensor([1., 2.]),)
    """
    return pullback(func, primals, None, has_aux)


def pullback(func, primals, argnums, has_aux):
    """:func:`vjp` for the arguments ``argnums``, None for all; the function then gives what those look like."""
    with Differentiation() as level:
        if argnums is None:
            leaves, form = flatten(primals)
            starts = [level.begin(leaf) for leaf in leaves]
            args = unflatten(starts, form)
        else:
            args, starts, form = begin(level, primals, argnums)
        output = func(*args)
        if has_aux:
            output, more = pair_of("vjp(f, *primals)", output)
        outputs, shape = flatten(output)
        check_outputs(outputs, "vjp(f, *primals)")
        check_floating(outputs)
    results = unflatten(level.release(outputs), shape)

    def pull(cotangents, retain_graph=True, create_graph=None):
        create = is_grad_enabled() if create_graph is None else create_graph
        given, came = flatten(cotangents)
        if came != shape:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. cotangents: "
                f"{came.outline()}, primal output: {shape.outline()}"
            )
        create = create and level.is_followed([*outputs, *(g for g in given if isinstance(g, Tensor))])
        found = gradients(outputs, starts, given, retain_graph, create)
        return unflatten(found if create else level.release(found), form)

    return (results, pull, released(level, more)) if has_aux else (results, pull)


def check_outputs(outputs, name):
    if not outputs or outputs == [None]:
        raise RuntimeError(f"{name}: Expected f to be a function that has non-empty output (got output = {outputs})")
    for output in outputs:
        if not isinstance(output, Tensor):
            raise RuntimeError(
                f"{name}: expected f(*primals) to return only tensors, got unsupported type {type(output)}"
            )


def check_floating(outputs):
    for output in outputs:
        if output.dtype.kind < 2:
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype "
                f"{output.dtype}"
            )


# --- jvp ---
def jvp(func, primals, tangents, *, strict=False, has_aux=False):
    """Return (func(*primals), J · tangents), computed forward, along with the values.

    Args:
        func: takes and returns tensors, or nests of them.
        primals: the arguments, a tuple.
        tangents: of the form and shapes of the primals.
        strict: raise where an output depends on no primal, instead of giving zeros.
        has_aux: ``func`` returns (output, more), and so (output, tangent, more) is returned.

    Raises:
        RuntimeError: primals and tangents do not fit, or ``func`` returns something else than tensors.

    Example:
        >>> import plugrad
        >>> plugrad.func.jvp(plugrad.sin, (plugrad.tensor(0.0),), (plugrad.tensor(2.0),))
        (tensor(0.), tensor(2.))
    """
    return pushforward(func, primals, tangents, None, strict, has_aux)


def pushforward(func, primals, tangents, argnums, strict, has_aux):
    """:func:`jvp` for the arguments ``argnums``, None for all."""
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    numbers = tuple(range(len(primals))) if argnums is None else checked(argnums, len(primals))
    chosen = primals if argnums is None else tuple(primals[i] for i in numbers)
    chosen = chosen[0] if isinstance(argnums, int) else chosen
    leaves, form = flatten(chosen)
    slopes, came = flatten(tangents)
    check_tangents(leaves, form, slopes, came)
    for primal, slope in zip(leaves, slopes, strict=True):
        check_size(primal, slope)
    level = open_level()
    try:
        args = list(primals)
        duals = unflatten([dual_of(level, p, tangent_of(t)) for p, t in zip(leaves, slopes, strict=True)], form)
        for i, value in zip(numbers, (duals,) if isinstance(argnums, int) else duals, strict=True):
            args[i] = value
        with Running(level):
            output = func(*args)
        if has_aux:
            output, more = pair_of(JVP, output)
        outputs, shape = flatten(output)
        check_jvp_outputs(outputs)
        pairs = [value_and_slope(level, part, strict) for part in outputs]
        if has_aux:
            more, more_form = flatten(more)
            more = unflatten([unpack(level, checked_more(part))[0] for part in more], more_form)
    finally:
        close_level(level)
    made = tuple(unflatten(parts, shape) for parts in zip(*pairs, strict=True))
    return (*made, more) if has_aux else made


def tangent_of(slope):
    """A tangent with room for that of every example: in-place ops may write them into what is made of it."""
    made = lifted(slope, running_batches())
    return made if made is slope else made.clone()


def value_and_slope(level, output, strict):
    value, slope = unpack(level, output)
    if slope is None and strict:
        raise RuntimeError(
            "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True."
        )
    return value, zeros_of(value) if slope is None else slope


def checked_more(part):
    if not isinstance(part, Tensor):
        raise RuntimeError(f"Expected tensors, got unsupported type {type(part)}")
    return part


def check_tangents(leaves, form, slopes, came):
    if form != came:
        raise RuntimeError(
            f"{JVP}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, "
            f"tangents also must be. Got primals with structure {form} and tangents with structure {came}"
        )
    for name, listed in (("primals", leaves), ("tangents", slopes)):
        if not listed:
            raise RuntimeError(f"{JVP}: Expected {name} to contain at least one Tensor.")
        for value in listed:
            if not isinstance(value, Tensor):
                raise RuntimeError(f"{JVP}: Expected {name} to only contain Tensors, got {type(value)}")


def check_jvp_outputs(outputs):
    if not outputs or outputs == [None]:
        raise RuntimeError(f"{JVP}: Expected f to be a function that has non-empty output (got output = {outputs})")
    for output in outputs:
        if not isinstance(output, Tensor):
            raise RuntimeError(
                f"{JVP}: expected f(*primals) to return only tensors, got unsupported type {type(output)}"
            )


__all__ = ["grad", "grad_and_value", "jvp", "vjp"]
