"""Results of torch and of plugrad, compared: structure, shape, dtype, then values."""

import contextlib

import numpy as np
import torch

import plugrad

#: |ours - torch's| ≤ atol + rtol·|torch's|, by the precision of torch's result.
TOLERANCES = {"float16": (2e-3, 2e-3), "bfloat16": (2e-2, 2e-2), "float32": (1e-5, 1e-5), "float64": (1e-7, 1e-7)}
#: Where results are sums of products, rounding errors go with the largest of them: atol is then a part of it.
SUMS = (
    "reductions", "scans", "products", "linear algebra", "fft", "nn.functional: convolution", "nn.functional: linear",
)  # fmt: skip
PRECISION = {"complex64": "float32", "complex128": "float64"}


class Difference(Exception):
    """The results differ; the text says in what."""


@contextlib.contextmanager
def tolerances_of(section):
    """The tolerances of one section of the scope."""
    Tolerance.of_largest = section.startswith(SUMS)
    yield
    Tolerance.of_largest = False


class Tolerance:
    of_largest = False


def same(ours, theirs, where="", values=True):
    """Raise Difference where a result of plugrad is not torch's.

    Args:
        ours, theirs: tensors, numbers, or sequences of them.
        where: what to call the result in the message.
        values: False for random results: shape and dtype alone; "first" for the values of the first result alone.
    """
    if isinstance(theirs, torch.Tensor):
        return same_tensor(ours, theirs, where, values)
    if isinstance(theirs, (list, tuple)) and not isinstance(theirs, torch.Size):
        return same_sequence(ours, theirs, where, values)
    if isinstance(theirs, (bool, int, float, complex)):
        if type(ours) is not type(theirs):
            raise Difference(
                f"{where}a {type(ours).__name__}, torch a {type(theirs).__name__} | {ours!r}, torch {theirs!r}"
            )
        if values:
            same_values(np.asarray(ours), np.asarray(theirs), "float64", where)
        return None
    if str(ours) != str(theirs).replace("plugrad", "torch"):
        raise Difference(f"{where}wrong | {ours!r}, torch {theirs!r}")
    return None


def same_sequence(ours, theirs, where, values):
    if not isinstance(ours, (list, tuple)) or isinstance(theirs, list) != isinstance(ours, list):
        raise Difference(f"{where}a {type(ours).__name__}, torch gives a {type(theirs).__name__}")
    if len(ours) != len(theirs):
        raise Difference(f"{where}{len(ours)} results, torch gives {len(theirs)}")
    missing = [name for name in field_names(theirs) if not hasattr(ours, name)]
    if missing:
        raise Difference(f"{where}no field {missing[0]!r}")
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        same(a, b, f"{where.rstrip()}[{i}] ", not i if values == "first" else values)


def field_names(value):
    """The field names of torch's result types, which are no namedtuples."""
    if not type(value).__module__.startswith("torch.return_types"):
        return ()
    return [name for name in dir(value) if not name.startswith(("_", "n_")) and name not in ("count", "index")]


def same_tensor(ours, theirs, where, values):
    if not isinstance(ours, plugrad.Tensor):
        raise Difference(f"{where}a {type(ours).__name__}, torch gives a tensor")
    if tuple(ours.shape) != tuple(theirs.shape):
        raise Difference(f"{where}wrong shape | {tuple(ours.shape)}, torch {tuple(theirs.shape)}")
    if str(ours.dtype) != str(theirs.dtype):
        raise Difference(f"{where}wrong dtype | {ours.dtype}, torch {theirs.dtype}")
    if values:
        same_values(host(ours), host(theirs), str(theirs.dtype).removeprefix("torch."), where)


def host(tensor):
    tensor = tensor.detach()
    if isinstance(tensor, torch.Tensor):
        tensor = tensor.resolve_conj().resolve_neg()
        tensor = tensor.float() if tensor.dtype is torch.bfloat16 else tensor
        return tensor.numpy(force=True)  # of a tensor of zeros without memory too
    found = np.asarray(tensor._host())
    return found.astype(np.float32) if found.dtype.name == "bfloat16" else found


def same_values(ours, theirs, dtype, where):
    rtol, atol = TOLERANCES.get(PRECISION.get(dtype, dtype), (0, 0))
    if Tolerance.of_largest and theirs.size:
        atol *= max(1.0, float(np.abs(theirs[np.isfinite(theirs)]).max(initial=0)))
    close = np.isclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)
    if theirs.dtype.kind == "c" and not close.all():
        close |= parts_close(ours, theirs, rtol, atol)
    if not close.all():
        at = tuple(np.argwhere(~close)[0].tolist())
        raise Difference(
            f"{where}wrong value | {ours[at]!s} at {list(at)}, torch {theirs[at]!s}"
            f" ({np.count_nonzero(~close)} of {close.size} differ)"
        )


def parts_close(ours, theirs, rtol, atol):
    """Closeness of real and imaginary parts apart: for infinities and nans in one of the two."""
    real = np.isclose(ours.real, theirs.real, rtol=rtol, atol=atol, equal_nan=True)
    return real & np.isclose(ours.imag, theirs.imag, rtol=rtol, atol=atol, equal_nan=True)
