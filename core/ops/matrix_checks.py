"""What torch.linalg asks of its arguments, in its words, and its named results."""

from .. import dtypes
from ..errors import c_name, scalar_name
from ..graph import Node
from ..naming import kind_named
from ..shapes import dtype_of
from ..slow import Transforms
from ..tensor import Tensor, wrap
from ..views import write_out


class LinAlgError(RuntimeError):
    """A matrix cannot be factorized or solved: it is singular, or not positive definite, or an iteration fails."""


LinAlgError.__name__ = LinAlgError.__qualname__ = "_LinAlgError"
LinAlgError.__module__ = "torch._C"


# --- named results ---
class Result(tuple):
    """Several tensors with names; printed as torch prints them."""

    __slots__ = ()
    fields: tuple[str, ...] = ()
    title = ""

    def __repr__(self):
        inside = ",\n".join(f"{name}={value!r}" for name, value in zip(self.fields, self, strict=True))
        return f"{self.title}(\n{inside})"


def result_type(name, *fields):
    """The class of a function's named result."""
    body = {
        "__slots__": (),
        "__module__": "torch.return_types",
        "__doc__": f"The result of {name}: {', '.join(fields)}.",
        "fields": fields,
        "title": f"torch.return_types.{name}",
    }
    body |= {field: _entry(i, field) for i, field in enumerate(fields)}
    return type(name, (Result,), body)


def _entry(i, field):
    def read(self):
        return self[i]

    read.__doc__ = f"Entry {i}, {field}."
    return property(read)


def renamed(tensor, name):
    """The tensor itself; the node that made it, of one or several results, gets the name that torch has for it."""
    node = getattr(tensor._fn, "node", tensor._fn)
    if isinstance(node, Node):
        node.__class__ = kind_named(type(node), name)
    return tensor


def filled(kind, made, out, *inputs, castable=None, parts=()):
    """A named result of tensors, written into those of ``out`` where it is given; ``parts`` are what castable calls them."""
    if out is None:
        return kind(made)
    names = parts or ("result",) * len(made)
    return kind(
        written(o, m, *inputs, castable=castable, what=what) for o, m, what in zip(out, made, names, strict=True)
    )


def written(out, made, *inputs, castable=None, what="result"):
    """The result, written into ``out`` where it is given.

    Args:
        castable: the name of a function that casts to the dtype of ``out``; others ask for their own.
        what: what that function calls its result.
    """
    if out is None:
        return made
    if castable is None and out.dtype is not made.dtype:
        raise RuntimeError(
            f"Expected out tensor to have dtype {c_name(made.dtype)}, but got {c_name(out.dtype)} instead"
        )
    if made.dtype.kind > out.dtype.kind:
        raise RuntimeError(
            f"{castable}: Expected {what} to be safely castable from {scalar_name(made.dtype)} dtype, but got {what} with dtype "
            f"{scalar_name(out.dtype)}"
        )
    return write_out(out, made, *inputs)


def untracked(x, a):
    """A tensor of a raw array, beside ``x``."""
    return wrap(Tensor, x._xp, a, None)


def is_recorded(*tensors):
    """Whether an op on these is recorded, or carries tangents along."""
    return Transforms.count > 0 or any(t.requires_grad for t in tensors)


# --- arguments ---
def need_tensor(name, argument, position, value):
    if not isinstance(value, Tensor):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}"
        )


def need_matrix(name, A, argument="A"):
    if A.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def need_square(name, A, argument="A"):
    need_tensor(name.replace(".", "_"), "input" if "." not in name else "A", 1, A)
    need_matrix(name, A, argument)
    rows, columns = A._a.shape[-2:]
    if rows != columns:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {rows} by {columns} matrices"
        )


def need_smooth(name, A, kernel=None):
    """Floating point or complex; ``kernel`` is what torch lacks in half precision."""
    if dtype_of(A).kind < dtypes.FLOAT:
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {scalar_name(A.dtype)}")
    if kernel is not None and A.dtype in (dtypes.float16, dtypes.bfloat16):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(A.dtype)}'")


def need_kernel(A, kernel):
    """A dtype that torch has a kernel for."""
    if A.dtype.kind < dtypes.FLOAT or A.dtype in (dtypes.float16, dtypes.bfloat16):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(A.dtype)}'")


def need_one_dtype(name, A, B, first="A", second="B"):
    if dtype_of(A) is not dtype_of(B):
        raise RuntimeError(
            f"{name}: Expected {first} and {second} to have the same dtype, but found {first} of type {scalar_name(A.dtype)} and "
            f"{second} of type {scalar_name(B.dtype)} instead"
        )


def need_fit(name, A, B, left):
    """A · X = B, or X · A = B."""
    a, b = A._a.shape[-2:], B._a.shape[-2:]
    if a[0] != b[-2 if left else -1]:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B ({a[0]}x{a[1]} and {b[0]}x{b[1]})"
        )


def need_triangle(name):
    if name not in ("L", "U", "l", "u"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {name}")


# --- what a factorization found ---
def first_failure(info):
    """(place in the batch or None, the value) of the first entry that is not 0; None if there is none."""
    host = info._host() if info._xp.transform is None else None
    if host is None or not host.any():
        return None
    if not host.ndim:
        return None, int(host)
    flat = host.reshape(-1)
    place = int(flat.nonzero()[0][0])
    return place, int(flat[place])


def check_info(name, info, text):
    """Raise LinAlgError with ``text(info)`` for the first matrix that failed."""
    found = first_failure(info)
    if found is None:
        return
    place, value = found
    raise LinAlgError(f"{name}: {'' if place is None else f'(Batch element {place}): '}{text(value)}")


def not_positive(info):
    return (
        "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
        f"{info} is not positive-definite)."
    )


def no_inverse(info):
    return f"The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular."


def no_solution(info):
    return "The solver failed because the input matrix is singular."


__all__ = [
    "LinAlgError",
    "Result",
    "c_name",
    "check_info",
    "filled",
    "first_failure",
    "is_recorded",
    "need_fit",
    "need_kernel",
    "need_matrix",
    "need_one_dtype",
    "need_smooth",
    "need_square",
    "need_tensor",
    "need_triangle",
    "no_inverse",
    "no_solution",
    "not_positive",
    "renamed",
    "result_type",
    "untracked",
    "written",
]
