"""Jacobians and Hessians of functions: many products with unit vectors at once, by vmap. And linearization."""

import functools

from .create import eye
from .func import checked, pullback, pushforward, vjp, zeros_of
from .pytree import flatten, map_leaves, unflatten
from .tensor import Tensor
from .vmap import vmap


def jacrev(func, argnums=0, *, has_aux=False, chunk_size=None, _preallocate_and_copy=False):
    """Return a function that computes the Jacobian of ``func`` in reverse mode: one product per output element.

    Args:
        func: takes tensors, or nests of them; returns the same.
        argnums: which argument, or a tuple of them, to differentiate for.
        has_aux: ``func`` returns (output, more), and the new function (Jacobian, more).
        chunk_size: compute so many rows at a time, to need less memory; None: all.
        _preallocate_and_copy: must be False: memory is asked for as it is needed.

    Shapes:
        input x (*), output (**) → (**, *), for each output and each x.

    Raises:
        ValueError: chunk_size is not positive.
        RuntimeError: an input or output is complex, or as :func:`vjp`.

    Example:
        >>> import plugrad
        >>> plugrad.func.jacrev(plugrad.sin)(plugrad.zeros(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")
    if _preallocate_and_copy:
        raise NotImplementedError("jacrev: _preallocate_and_copy=True is not supported")

    @functools.wraps(func)
    def jacobian(*args):
        from .ops.join import cat

        refuse_complex("jacrev", args, "inputs")
        output, pull, *more = pullback(func, args, argnums, has_aux)
        refuse_complex("jacrev", output, "outputs")
        outputs, form = flatten(output)
        rows, inputs = [], None
        for flat in in_parts(unit_vectors(outputs), chunk_size):
            found, inputs = flatten(rows_of(pull, flat, form, chunk_size))
            rows.append(found)
        joined = [parts[0] if len(parts) == 1 else cat(list(parts), 0) for parts in zip(*rows, strict=True)]
        made = unflatten([unflatten(blocks, inputs) for blocks in by_output(joined, outputs)], form)
        return (made, *more) if has_aux else made

    return jacobian


def rows_of(pull, flat, form, chunk_size):
    if chunk_size == 1:
        found, inputs = flatten(pull(unflatten([t.squeeze(0) for t in flat], form)))
        return unflatten([t.unsqueeze(0) for t in found], inputs)
    return vmap(pull)(unflatten(flat, form))


def by_output(joined, outputs):
    """Per output the list of its blocks, one per input, from tensors whose first dimension counts all output elements."""
    blocks = [[] for _ in outputs]
    for rows in joined:
        start = 0
        for k, output in enumerate(outputs):
            part = rows.narrow(0, start, output.numel())
            blocks[k].append(part.reshape(*output.shape, *rows.shape[1:]))
            start += output.numel()
    return blocks


def unit_vectors(tensors):
    """Per tensor (number of elements of all, *its shape): the unit vectors of all tensors together, one after the other."""
    total = sum(t.numel() for t in tensors)
    found, start = [], 0
    for t in tensors:
        n = t.numel()
        rows = eye(total, dtype=t.dtype, device=t.device).narrow(1, start, n)
        found.append(rows.reshape(total, *t.shape))
        start += n
    return found


def in_parts(flat, chunk_size):
    total = flat[0].shape[0]
    if chunk_size is None or chunk_size >= total:
        return [flat]
    return [[t.narrow(0, start, min(chunk_size, total - start)) for t in flat] for start in range(0, total, chunk_size)]


def refuse_complex(name, tree, what):
    for i, leaf in enumerate(flatten(tree)[0]):
        if isinstance(leaf, Tensor) and leaf.is_complex():
            raise RuntimeError(
                f"{name}: Expected all {what} to be real but received complex tensor at flattened input idx: {i}"
            )


def jacfwd(func, argnums=0, has_aux=False, *, randomness="error"):
    """As :func:`jacrev`, in forward mode: one product per input element.

    Args:
        randomness: what random numbers in ``func`` mean, as for :func:`vmap`.

    Example:
        >>> import plugrad
        >>> plugrad.func.jacfwd(lambda x: x * x)(plugrad.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """

    @functools.wraps(func)
    def jacobian(*args):
        refuse_complex("jacfwd", args, "inputs")
        numbers = argnums_of(argnums, args)
        inputs, form = flatten(numbers)

        def push(tangents):
            output, slope, *more = pushforward(func, args, tangents, argnums, False, has_aux)
            refuse_complex("jacfwd", output, "outputs")
            return (slope, *more)

        slope, *more = vmap(push, randomness=randomness)(unflatten(unit_vectors(inputs), form))
        outputs, shape = flatten(slope)
        made = unflatten([unflatten(blocks_of(t, inputs), form) for t in outputs], shape)
        return (made, map_leaves(lambda t: t[0], more[0])) if has_aux else made

    return jacobian


def argnums_of(argnums, args):
    numbers = checked(argnums, len(args))
    return tuple(args[i] for i in numbers) if isinstance(argnums, tuple) else args[numbers[0]]


def blocks_of(columns, inputs):
    """One block per input, from an output's derivatives with the input elements in the first dimension."""
    found, start = [], 0
    for x in inputs:
        part = columns.narrow(0, start, x.numel()).movedim(0, -1)
        found.append(part.reshape(*columns.shape[1:], *x.shape))
        start += x.numel()
    return found


def hessian(func, argnums=0):
    """Return a function that computes the second derivatives of ``func``: ``jacfwd(jacrev(func))``.

    Example:
        >>> import plugrad
        >>> plugrad.func.hessian(lambda x: (x**3).sum())(plugrad.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)


def linearize(func, *primals):
    """Return (func(*primals), the linear function tangents → J · tangents), for many tangents at one place.

    ``func`` runs once; each call of the linear function costs about as much as a backward pass.

    Raises:
        RuntimeError: the tangents differ from the primals in form, shape, device or dtype.

    Example:
        >>> import plugrad
        >>> output, push = plugrad.func.linearize(lambda x: x * x, plugrad.tensor(3.0))
        >>> push(plugrad.tensor(2.0))
        tensor(12.)
    """
    inputs, form = flatten(primals)
    output, pull = vjp(func, *primals)
    outputs, shape = flatten(output)

    # vᵀ J is linear in v, so its gradient for v along the tangents is J · tangents, whatever v is.
    def products(*v):
        return tuple(flatten(pull(unflatten(v, shape), create_graph=True))[0])

    _, push_back = vjp(products, *(zeros_of(t) for t in outputs))

    def push(*tangents):
        slopes, came = flatten(tangents)
        if came != form:
            raise RuntimeError(f"Expected the tangents {came} to have the same argspec as the primals {form}")
        for i, (slope, x) in enumerate(zip(slopes, inputs, strict=True)):
            for what, name in (("shape", "shape"), ("device", "device"), ("dtype", "dtype")):
                have, want = getattr(slope, name), getattr(x, name)
                if have != want:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {have} in flattened pytree doesn't match the {what} {want} of the corresponding "
                        "primal."
                    )
        return unflatten(push_back(tuple(slopes)), shape)

    return output, push


__all__ = ["hessian", "jacfwd", "jacrev", "linearize"]
