"""assert_close: tensors, numbers, and sequences and mappings of them, with a message that says where they differ most."""

import cmath
import math
import numbers
import warnings
from collections.abc import Mapping, Sequence

from . import dtypes
from .create import tensor
from .tensor import Tensor

#: (rtol, atol) by dtype; whole numbers and bools must be equal.
TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
NUMBER_DTYPES = {int: "int64", float: "float64", complex: "complex128"}
ATTRIBUTES = ("shape", "layout", "stride", "device", "dtype")


class Mismatch(Exception):
    """Two values that differ: the error to raise, and where in the nested inputs they are."""

    def __init__(self, kind, text, place):
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.place = place

    def error(self, msg):
        if isinstance(msg, str):
            return self.kind(msg)
        text = self.text
        if self.place:
            text += "\n\nThe failure occurred for item " + "".join(f"[{key!r}]" for key in self.place)
        return self.kind(msg(text) if callable(msg) else text)


class Options:
    """What assert_close was asked to look at."""

    __slots__ = ("allow_subclasses", "atol", "checked", "equal_nan", "rtol")

    def __init__(self, allow_subclasses, rtol, atol, equal_nan, checked):
        self.allow_subclasses = allow_subclasses
        self.rtol = rtol
        self.atol = atol
        self.equal_nan = equal_nan
        self.checked = checked

    def tolerances(self, place, *names):
        """(rtol, atol): those given, or the loosest of the dtypes."""
        if (self.rtol is None) != (self.atol is None):
            missing = "rtol" if self.rtol is None else "atol"
            raise Mismatch(
                ValueError, f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.", place
            )
        if self.rtol is not None:
            return self.rtol, self.atol
        pairs = [TOLERANCES.get(name, (0.0, 0.0)) for name in names]
        return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


# --- what is compared with what ---
def pairs_of(actual, expected, options, place=()):
    """Yield a comparison, a function without arguments, per pair of values; nested inputs are walked in order."""
    if is_sequence(actual) and is_sequence(expected):
        yield from sequence_pairs(actual, expected, options, place)
    elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
        yield from mapping_pairs(actual, expected, options, place)
    else:
        yield pair(actual, expected, options, place)


def is_sequence(value):
    return isinstance(value, Sequence) and not isinstance(value, str)


def sequence_pairs(actual, expected, options, place):
    if len(actual) != len(expected):
        raise Mismatch(AssertionError, f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", place)
    for i, (a, e) in enumerate(zip(actual, expected, strict=True)):
        yield from pairs_of(a, e, options, (*place, i))


def mapping_pairs(actual, expected, options, place):
    if set(actual) != set(expected):
        raise Mismatch(
            AssertionError,
            "The keys of the mappings do not match:\n"
            f"Missing keys in the actual mapping: {sorted(set(expected) - set(actual))}\n"
            f"Additional keys in the actual mapping: {sorted(set(actual) - set(expected))}",
            place,
        )
    for key in sorted(actual, key=str):
        yield from pairs_of(actual[key], expected[key], options, (*place, key))


def pair(actual, expected, options, place):
    if actual is None or expected is None:
        return lambda: compare_none(actual, expected, place)
    if is_bool(actual) and is_bool(expected):
        return lambda: compare_bools(bool(actual), bool(expected), place)
    if is_number(actual) and is_number(expected):
        return number_pair(plain(actual), plain(expected), options, place)
    found = as_tensors(actual, expected, options)
    if found is None:
        raise Mismatch(
            TypeError,
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.",
            place,
        )
    rtol, atol = options.tolerances(place, found[0].dtype.name, found[1].dtype.name)
    return lambda: compare_tensors(*found, rtol, atol, options, place)


def is_bool(value):
    """A bool, or numpy's scalar of it."""
    return isinstance(value, bool) or (type(value).__name__ in ("bool", "bool_") and hasattr(value, "item"))


def is_number(value):
    """A Python number, or numpy's scalar of one."""
    if is_bool(value):
        return isinstance(value, bool)
    return isinstance(value, (int, float, complex)) or (isinstance(value, numbers.Number) and hasattr(value, "item"))


def plain(value):
    return value.item() if hasattr(value, "item") else value


def as_tensors(actual, expected, options):
    """Both as tensors, or None: one's class must be the other's or a subclass of it."""
    if not (isinstance(actual, type(expected)) or isinstance(expected, type(actual))):
        return None
    if not options.allow_subclasses and type(actual) is not type(expected):
        return None
    from .create import as_tensor

    try:
        return tuple(value if isinstance(value, Tensor) else as_tensor(value) for value in (actual, expected))
    except (TypeError, ValueError, RuntimeError):
        return None


# --- the comparisons ---
def compare_none(actual, expected, place):
    if actual is not expected:
        raise Mismatch(AssertionError, f"None mismatch: {actual} is not {expected}", place)


def compare_bools(actual, expected, place):
    if actual is not expected:
        raise Mismatch(AssertionError, f"Booleans mismatch: {actual} is not {expected}", place)


def number_pair(actual, expected, options, place):
    names = [NUMBER_DTYPES.get(type(value), "int64") for value in (actual, expected)]
    rtol, atol = options.tolerances(place, *names)
    return lambda: compare_numbers(actual, expected, rtol, atol, options, place)


def compare_numbers(actual, expected, rtol, atol, options, place):
    if "dtype" in options.checked and type(actual) is not type(expected):
        raise Mismatch(AssertionError, f"The (d)types do not match: {type(actual)} != {type(expected)}.", place)
    if actual == expected or (options.equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return
    difference = abs(actual - expected)
    if math.isfinite(difference) and difference <= atol + rtol * abs(expected):
        return
    raise Mismatch(AssertionError, number_text(actual, expected, rtol, atol), place)


def compare_tensors(actual, expected, rtol, atol, options, place):
    for name in ATTRIBUTES:
        if name in options.checked and attribute(actual, name) != attribute(expected, name):
            shown = "stride()" if name == "stride" else name
            raise Mismatch(
                AssertionError,
                f"The values for attribute '{shown}' do not match: {attribute(actual, name)} != {attribute(expected, name)}.",
                place,
            )
    actual, expected = alike(actual.detach(), expected.detach())
    matches = actual.isclose(expected, rtol=rtol, atol=atol, equal_nan=options.equal_nan)
    if bool(matches.all()):
        return
    if actual.dim() == 0:
        text = number_text(actual.item(), expected.item(), rtol, atol)
    else:
        text = tensor_text(actual, expected, matches, rtol, atol)
    raise Mismatch(AssertionError, text, place)


def attribute(tensor, name):
    if name == "stride":
        return tensor.stride()
    return getattr(tensor, name)


def alike(actual, expected):
    """Both on one device and in one dtype, for when these were not to be checked."""
    if actual._xp is not expected._xp:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype is not expected.dtype:
        common = dtypes.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(common), expected.to(common)
    return actual, expected


# --- the texts ---
def difference_text(kind, size, place, tolerance, equality):
    at = "" if place is None else f" at index {place}"
    head = f"{kind.title()} difference" if place is None else f"Greatest {kind} difference"
    return f"{head}: {size}{at}" + ("" if equality else f" (up to {tolerance} allowed)")


def mismatch_text(what, first, absolute, relative, rtol, atol):
    """``absolute`` and ``relative`` are pairs (difference, index or None)."""
    equality = rtol == 0 and atol == 0
    lines = [
        f"{what} are not {'equal' if equality else 'close'}!",
        "",
        first,
        difference_text("absolute", *absolute, atol, equality),
        difference_text("relative", *relative, rtol, equality),
    ]
    return "\n".join(lines)


def number_text(actual, expected, rtol, atol):
    absolute = abs(actual - expected)
    relative = math.inf if expected == 0 else absolute / abs(expected)
    return mismatch_text(
        "Scalars", f"Expected {expected} but got {actual}.", (absolute, None), (relative, None), rtol, atol
    )


def tensor_text(actual, expected, matches, rtol, atol):
    count = matches.numel()
    wrong = count - int(matches.sum())
    if actual.dtype.kind < dtypes.FLOAT:
        actual, expected = actual.to(dtypes.int64), expected.to(dtypes.int64)
    absolute = (actual - expected).abs().masked_fill(matches, 0)
    relative = (absolute / expected.abs()).masked_fill(matches, 0)
    return mismatch_text(
        "Tensor-likes",
        f"Mismatched elements: {wrong} / {count} ({wrong / count:.1%})",
        greatest(absolute),
        greatest(relative),
        rtol,
        atol,
    )


def greatest(differences):
    """The greatest element and its index."""
    at = int(differences.reshape(-1).argmax())
    value = differences.reshape(-1)[at].item()
    index = []
    for n in reversed(differences.shape):
        at, i = divmod(at, n)
        index.append(i)
    return value, tuple(reversed(index))


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    """Assert |actual - expected| ≤ atol + rtol · |expected| for tensors, numbers, and sequences and mappings of them.

    Args:
        allow_subclasses: whether a tensor may be compared with one of a subclass.
        rtol, atol: both or none of them; default by dtype: 1.3e-6 and 1e-5 for float32, 1e-7 and 1e-7 for float64,
            1e-3 and 1e-5 for float16, 0 for whole numbers; for two dtypes the looser ones.
        equal_nan: NaN equals NaN.
        check_device, check_dtype, check_layout, check_stride: what must be the same besides the shape.
        msg: the text of the error, or a function from the generated text to it.

    Raises:
        AssertionError: the values, shapes, checked attributes, lengths or keys differ; the text says where most.
        TypeError: the inputs cannot be compared.
        ValueError: only one of rtol and atol was given.

    Example:
        >>> import plugrad
        >>> plugrad.testing.assert_close(plugrad.tensor([1.0, 2.0]), plugrad.tensor([1.0, 2.0 + 1e-6]))
    """
    __tracebackhide__ = True
    asked = {"layout": check_layout, "stride": check_stride, "device": check_device, "dtype": check_dtype}
    checked = {"shape"} | {name for name, wanted in asked.items() if wanted}
    options = Options(allow_subclasses, rtol, atol, equal_nan, checked)
    failure = first_failure(actual, expected, options, msg)
    if failure is not None:
        raise failure


def first_failure(actual, expected, options, msg):
    """The error to raise, or None. What cannot be compared at all comes before any difference, without ``msg``."""
    try:
        comparisons = list(pairs_of(actual, expected, options))
    except Mismatch as mismatch:
        return mismatch.error(None)
    for compare in comparisons:
        try:
            compare()
        except Mismatch as mismatch:
            return mismatch.error(msg)
    return None


__all__ = ["assert_allclose", "assert_close"]


#: (rtol, atol) of :func:`assert_allclose` by dtype; of two dtypes the looser ones, 0 for all others.
OLD_TOLERANCES = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8)}


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The deprecated form of :func:`assert_close`: looser, NaN equals NaN, and the dtypes may differ.

    Args:
        actual, expected: tensors, or what ``tensor()`` takes.
        rtol, atol: both or none of them; default by dtype: 1e-4 and 1e-5 for float32, 1e-5 and 1e-8 for float64.
        msg: the text of the error.

    Raises:
        AssertionError: values, shapes or devices differ.
        ValueError: only one of rtol and atol was given.

    Example:
        >>> import plugrad, warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     plugrad.testing.assert_allclose(plugrad.tensor([1.0]), [1.0 + 1e-5])
    """
    __tracebackhide__ = True
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. Please use "
        "`torch.testing.assert_close()` instead. You can find detailed upgrade instructions in "
        "https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, Tensor):
        actual = tensor(actual)
    if not isinstance(expected, Tensor):
        expected = tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        found = [OLD_TOLERANCES.get(t.dtype.name, (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = (max(pair) for pair in zip(*found, strict=True))
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)
