"""vmap: a function of one example becomes a function of many, computed at once."""

import functools

from .active import Running
from .batching import Batch, batches_of, cross, enter, leave, plain_space
from .pytree import broadcast, flatten, map_leaves, unflatten
from .tensor import Tensor

RANDOMNESS = ("error", "different", "same")


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """Return a function that applies ``func`` to every example along a dimension of its inputs, at once.

    Args:
        func: takes and returns tensors, or nests of them.
        in_dims: which dimension of each input counts the examples: an int, or a nest like that of the inputs; None: the
            input is the same for all examples.
        out_dims: where the examples go in each output; None for an output that is the same for all.
        randomness: "error": random ops raise; "different" or "same" numbers for the examples.
        chunk_size: compute so many examples at a time, to need less memory; None: all.

    Raises:
        ValueError: in_dims or out_dims do not fit, an output is no tensor, the examples differ in number.
        RuntimeError: ``func`` asks for the value of a tensor, or for random numbers under randomness="error".

    Example:
        >>> import plugrad
        >>> plugrad.vmap(plugrad.dot)(plugrad.ones(2, 3), plugrad.ones(2, 3))
        tensor([3., 3.])
    """
    check_randomness(randomness)
    if chunk_size is not None and not chunk_size > 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def batched(*args, **kwargs):
        return apply(func, in_dims, out_dims, randomness, chunk_size, args, kwargs)

    return batched


def check_randomness(randomness):
    if randomness not in RANDOMNESS:
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")


def apply(func, in_dims, out_dims, randomness, chunk_size, args, kwargs):
    """Call ``func`` on all examples of ``args``."""
    check_out_dims(func, out_dims)
    leaves, structure = flatten(args)
    dims = dims_of(func, in_dims, args, leaves, structure)
    size = batch_size(dims, leaves)
    if chunk_size is None or chunk_size >= size:
        return call(func, size, dims, leaves, structure, out_dims, randomness, kwargs)
    return in_chunks(func, size, dims, leaves, structure, out_dims, randomness, chunk_size, kwargs)


def call(func, size, dims, leaves, structure, out_dims, randomness, kwargs):
    """One vmap over flat arguments."""
    batch = Batch(size, randomness)
    with Running(batch):
        inside = [leaf if dim is None else entered(leaf, dim, batch) for leaf, dim in zip(leaves, dims, strict=True)]
        output = func(*unflatten(inside, structure), **kwargs)
        return outputs(func, output, out_dims, batch)


def entered(tensor, dim, batch):
    """The tensor with a dimension as examples."""
    return cross(enter, tensor.movedim(dim, 0) if dim else tensor, batch)


def left(tensor, dim, batch):
    """The tensor with the examples as a dimension."""
    tensor = cross(leave, tensor, batch)
    return tensor.movedim(0, dim) if dim else tensor


def is_batched(value, batch):
    return isinstance(value, Tensor) and batch in batches_of(plain_space(value._xp))


def outputs(func, output, out_dims, batch):
    """What ``func`` returned, with the examples as dimensions."""
    leaves, structure = flatten(output)
    if isinstance(output, Tensor):
        single = isinstance(out_dims, tuple) and len(out_dims) == 1
        dims = [out_dims] if isinstance(out_dims, int) or out_dims is None else list(out_dims) if single else None
    else:
        dims = broadcast(out_dims, structure)
    if dims is None:
        raise ValueError(
            f"vmap({name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            f"out_dims has structure {flatten(out_dims)[1]} but outputs has structure {structure}."
        )
    return unflatten([result(func, leaf, dim, batch) for leaf, dim in zip(leaves, dims, strict=True)], structure)


def result(func, leaf, dim, batch):
    name = name_of(func)
    if dim is None:
        if is_batched(leaf, batch):
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return leaf
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(leaf)}. Did you mean to set out_dims= to None for "
            "output?"
        )
    return left(leaf, dim, batch)


# --- arguments ---
def check_out_dims(func, out_dims):
    def check(dim):
        if dim is not None and not isinstance(dim, int):
            raise ValueError(
                f"vmap({name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints "
                "representing where in the outputs the vmapped dimension should appear."
            )

    map_leaves(check, out_dims)


def dims_of(func, in_dims, args, leaves, structure):
    """One dimension, not negative, or None per leaf."""
    name = name_of(func)
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): expected `in_dims` to be int or a (potentially nested) tuple matching the "
            f"structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no "
            "inputs. The latter is unsupported."
        )
    dims = broadcast(in_dims, structure)
    if dims is None:
        raise ValueError(
            f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): in_dims is not compatible with the structure of `inputs`. in_dims has "
            f"structure {flatten(in_dims)[1]} but inputs has structure {structure}."
        )
    return [checked_dim(name, in_dims, leaf, dim) for leaf, dim in zip(leaves, dims, strict=True)]


def checked_dim(name, in_dims, leaf, dim):
    if dim is None:
        return None
    begin = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>): Got in_dim={dim} for "
    if not isinstance(dim, int):
        raise ValueError(f"{begin}an input but in_dim must be either an integer dimension or None.")
    if not isinstance(leaf, Tensor):
        raise ValueError(
            f"{begin}an input but the input is of type {type(leaf)}. We cannot vmap over non-Tensor arguments, please use None as the "
            "respective in_dim"
        )
    rank = leaf.dim()
    if not -rank <= dim < rank:
        raise ValueError(
            f"{begin}some input, but that input is a Tensor of dimensionality {rank} so expected in_dim to satisfy -{rank} <= in_dim < "
            f"{rank}."
        )
    return dim % rank


def batch_size(dims, leaves):
    sizes = [leaf._a.shape[dim] for leaf, dim in zip(leaves, dims, strict=True) if dim is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension"
        )
    return sizes[0]


def name_of(func):
    if hasattr(func, "__name__"):
        return func.__name__
    if isinstance(func, functools.partial):
        return f"functools.partial({name_of(func.func)}, ...)"
    return repr(func)


# --- a part of the examples at a time ---
def in_chunks(func, size, dims, leaves, structure, out_dims, randomness, chunk_size, kwargs):
    from .ops.join import cat

    parts, form = [], None
    for start in range(0, size, chunk_size):
        length = min(chunk_size, size - start)
        chunk = [
            leaf if dim is None else leaf.narrow(dim, start, length) for leaf, dim in zip(leaves, dims, strict=True)
        ]
        output = call(func, length, dims, chunk, structure, out_dims, randomness, kwargs)
        flat, form = flatten(output)
        parts.append(flat)
    places = broadcast(out_dims, form)
    joined = [
        part[0] if dim is None else cat(list(part), dim)
        for part, dim in zip(zip(*parts, strict=True), places, strict=True)
    ]
    return unflatten(joined, form)


__all__ = ["vmap"]
