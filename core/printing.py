"""Printing: the text of a tensor, character for character what torch prints for the same values.

The work is done on the host, on numpy arrays, in four steps: cut a large array down to its edges, choose one number
style for all printed values, lay the padded numbers out in brackets and lines, append what the numbers do not tell
(device, size, dtype, history).
"""

import contextlib
import math

import numpy as np

from .dtypes import DTYPES

__all__ = [
    "format_tensor",
    "get_printoptions",
    "parameter_str",
    "printoptions",
    "set_printoptions",
    "size_repr",
    "tensor_str",
]

_PROFILES: dict[str, dict[str, float | None]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}
_options: dict[str, float | None] = {**_PROFILES["default"], "sci_mode": None}

# Scientific notation starts where four decimals stop telling the values apart: torch's three limits.
_LARGEST_RATIO = 1000.0
_LARGEST_PLAIN = 1.0e8
_SMALLEST_PLAIN = 1.0e-4


# --- options ---


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Set how tensors are printed; an argument left at None keeps its value, except ``sci_mode``, which it resets.

    Args:
        precision: digits after the point of a floating-point number (4).
        threshold: number of elements above which only the edges of a tensor are printed (1000).
        edgeitems: elements printed at each end of every dimension of such a tensor (3); with 0 only ``[...]``
            and the size are printed.
        linewidth: characters per line (80); the rows of a tensor and the suffixes after it are wrapped there.
        profile: ``"default"``, ``"short"`` (precision 2, edgeitems 2) or ``"full"`` (no threshold): sets the
            four options above together, before the other arguments are applied.
        sci_mode: True always prints in scientific notation, False never, None decides by the values: it is used
            when the largest magnitude is above 1e8 or more than 1000 times the smallest nonzero one, or when that
            is below 1e-4.

    Raises:
        ValueError: ``profile`` is none of the three or ``edgeitems`` is negative (torch ignores the first and
            prints elements twice with the second).

    Example:
        >>> import plugrad
        >>> plugrad.set_printoptions(precision=2)
        >>> plugrad.tensor([1.12345, 20.0])
        tensor([ 1.12, 20.00])
        >>> plugrad.set_printoptions(profile="default")
        >>> plugrad.tensor([1.12345, 20.0])
        tensor([ 1.1235, 20.0000])
    """
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"profile must be one of {', '.join(map(repr, _PROFILES))}, got {profile!r}")
    if edgeitems is not None and edgeitems < 0:
        raise ValueError(f"edgeitems must not be negative, got {edgeitems}")
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _options.update(_PROFILES.get(profile, {}))
    _options.update({name: value for name, value in given.items() if value is not None})
    _options["sci_mode"] = sci_mode


def get_printoptions():
    """Return the current print options as a dict that ``set_printoptions(**options)`` takes back.

    Example:
        >>> from plugrad.core.printing import get_printoptions
        >>> get_printoptions()
        {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return dict(_options)


@contextlib.contextmanager
def printoptions(**kwargs):
    """Change the print options inside a ``with`` block, with the arguments of :func:`set_printoptions`.

    The previous options return when the block is left, also by an exception. As with ``set_printoptions``, the block
    starts with ``sci_mode=None`` unless it is given.

    Example:
        >>> import plugrad
        >>> from plugrad.core.printing import printoptions
        >>> with printoptions(precision=1):
        ...     print(plugrad.tensor([0.25, 1.5]))
        tensor([0.2, 1.5])
    """
    before = get_printoptions()
    set_printoptions(**kwargs)
    try:
        yield
    finally:
        set_printoptions(**before)


# --- numbers ---


def _is_scientific(magnitudes):
    """Whether numbers of these (nonzero, finite) magnitudes are printed as ``1.0000e-05``."""
    if _options["sci_mode"] is not None:
        return _options["sci_mode"]
    low, high = float(magnitudes.min()), float(magnitudes.max())
    return high / low > _LARGEST_RATIO or high > _LARGEST_PLAIN or low < _SMALLEST_PLAIN


def _float_style(measured):
    """Return the format spec for the nonzero finite values ``measured``, and what follows a finite number (``"."``)."""
    if not measured.size:
        return ".0f", "."
    if _is_scientific(np.abs(measured)):
        return f".{_options['precision']}e", ""
    if (measured == np.ceil(measured)).all():
        return ".0f", "."
    return f".{_options['precision']}f", ""


def _float_texts(values):
    """Return the texts of float values in one common style, padded to their column, and its width.

    Zeros, infinities and nans take part in neither choice, so they may stand out of their column
    (``tensor([1., nan])``), as in torch.
    """
    with np.errstate(invalid="ignore"):  # a signalling nan
        values = values.astype(np.float64)  # exact from every floating dtype
    is_measured = np.isfinite(values) & (values != 0)
    spec, point = _float_style(values[is_measured])
    texts = [format(value, spec) + (point if math.isfinite(value) else "") for value in values.tolist()]
    lengths = [len(text) for text, counts in zip(texts, is_measured.tolist(), strict=True) if counts]
    width = max(lengths, default=1)
    return [text.rjust(width) for text in texts], width


def _signed(text):
    return text if text[0] == "-" else "+" + text


def _complex_texts(values):
    """Return texts ``real+imagj`` and their width; the two parts have a style each, only real parts are padded."""
    real_texts, real_width = _float_texts(values.real)
    imag_texts, imag_width = _float_texts(values.imag)
    texts = [real + _signed(imag.lstrip()) + "j" for real, imag in zip(real_texts, imag_texts, strict=True)]
    return texts, real_width + imag_width + 1  # torch leaves out the sign here, so such a line may be a bit too long


def _exact_texts(values):
    """Return the texts of integers or bools, padded to their column, and its width."""
    texts = [str(value) for value in values.tolist()]
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts], width


def _number_texts(values, dtype):
    """Return the texts of the flat array ``values``, padded to their column, and its width."""
    if dtype.is_complex:
        return _complex_texts(values)
    if dtype.is_floating_point:
        return _float_texts(values)
    return _exact_texts(values)


# --- layout ---


def _edges(array):
    """Return what is printed of a large array, and for each axis whether its middle was left out."""
    edge = _options["edgeitems"]
    is_cut = [size > 2 * edge for size in array.shape]
    kept = [np.r_[:edge, size - edge : size] if size > 2 * edge else np.arange(size) for size in array.shape]
    return array[np.ix_(*kept)], is_cut


def _vector_text(texts, width, is_cut, column):
    """Lay out one row: as many numbers to a line as fit, at least one."""
    if is_cut:
        edge = _options["edgeitems"]
        texts = [*texts[:edge], " ...", *texts[edge:]]
    per_line = max(1, math.floor((_options["linewidth"] - column) / (width + len(", "))))
    lines = [", ".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (column + 1)).join(lines) + "]"


def _block_text(texts, width, shape, is_cut, column):
    """Lay out the flat ``texts`` in nested brackets; ``column`` is where the opening bracket stands."""
    if len(shape) == 1:
        return _vector_text(texts, width, is_cut[0], column)
    step = len(texts) // shape[0]
    blocks = [
        _block_text(texts[start : start + step], width, shape[1:], is_cut[1:], column + 1)
        for start in range(0, len(texts), step)
    ]
    if is_cut[0]:
        blocks.insert(_options["edgeitems"], "...")
    blank_lines = "\n" * (len(shape) - 1)
    return "[" + ("," + blank_lines + " " * (column + 1)).join(blocks) + "]"


def _values_text(array, dtype, column):
    """Return the part between the parentheses of ``tensor(...)`` that shows the values."""
    if array.size == 0:
        return "[]"
    is_cut = [False] * array.ndim
    if array.size > _options["threshold"] and array.ndim > 0:
        if _options["edgeitems"] == 0:
            return "[...]"
        array, is_cut = _edges(array)
    texts, width = _number_texts(array.reshape(-1), dtype)
    if array.ndim == 0:
        return texts[0]
    return _block_text(texts, width, array.shape, is_cut, column)


# --- suffixes ---


def _is_dtype_implied(dtype, default_dtype, is_empty):
    """Whether the printed values alone tell the dtype: ``1.`` the default one, ``1`` int64, ``True`` bool."""
    if is_empty:
        return dtype is default_dtype
    default_complex = "complex128" if default_dtype.name == "float64" else "complex64"
    return dtype.name in (default_dtype.name, default_complex, "int64", "bool")


def _is_size_implied(array):
    if array.size == 0:
        return array.ndim == 1
    return _options["edgeitems"] != 0


def _append_suffixes(text, suffixes, column, start):
    """Append ``, suffix`` each and the closing parenthesis, on a new line where one would pass the line width."""
    first_line_start = 0 if "\n" in text else start
    length = first_line_start + len(text.rpartition("\n")[2]) + 2
    parts = [text]
    for suffix in suffixes:
        if length + len(suffix) + 2 > _options["linewidth"]:
            parts.append(",\n" + " " * column + suffix)
            length = column + len(suffix)
        else:
            parts.append(", " + suffix)
            length += len(suffix) + 2
    return "".join(parts) + ")"


# --- what tensors call ---


def tensor_str(
    host_array,
    *,
    dtype_name,
    default_dtype_name,
    device_text=None,
    requires_grad=False,
    grad_fn_name=None,
    tangent_text=None,
    indent=0,
    class_prefix="tensor(",
):
    """Return the text of a tensor, for example ``tensor([1., 2.], requires_grad=True)``.

    Args:
        host_array: its values as a numpy array of any shape. bfloat16 values may come in any dtype that holds them.
        dtype_name: name of its dtype, for example ``"float32"``.
        default_dtype_name: name of the current default dtype, which is not printed.
        device_text: the device to print (``"cuda:0"``); None on the default device type.
        requires_grad: whether to print ``requires_grad=True``; a ``grad_fn`` is printed instead where there is one.
        grad_fn_name: class name of the node that computed it (``"MulBackward0"``); None for a leaf.
        tangent_text: the printed tangent of a dual tensor; None without one.
        indent: column at which the text will stand in a larger one; the first line does not contain it.
        class_prefix: name of the class and the opening parenthesis; ``"tensor("`` for tensors and parameters, the
            class name for other classes.

    Returns:
        The text, wrapped and shortened by the options of :func:`set_printoptions`.

    Source:
        torch 2.13's printed output; the tests compare with it on thousands of random tensors.

    Example:
        >>> import numpy as np
        >>> from plugrad.core.printing import tensor_str
        >>> values = np.array([[1.5, -2.0], [0.0, np.inf]])
        >>> print(tensor_str(values, dtype_name="float64", default_dtype_name="float32"))
        tensor([[ 1.5000, -2.0000],
                [ 0.0000,     inf]], dtype=torch.float64)
    """
    dtype, default_dtype = DTYPES[dtype_name], DTYPES[default_dtype_name]
    column = indent + len(class_prefix)
    suffixes = []
    if device_text is not None:
        suffixes.append(f"device='{device_text}'")
    if not _is_size_implied(host_array):
        suffixes.append(f"size={host_array.shape}")
    if not _is_dtype_implied(dtype, default_dtype, host_array.size == 0):
        suffixes.append(f"dtype={dtype!r}")
    if grad_fn_name is not None:
        suffixes.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        suffixes.append("requires_grad=True")
    if tangent_text is not None:
        suffixes.append(f"tangent={tangent_text}")
    text = class_prefix + _values_text(host_array, dtype, column)
    return _append_suffixes(text, suffixes, column, indent)


def parameter_str(text, class_name="Parameter"):
    """Return the text of a parameter from the text of the tensor that it is.

    Args:
        text: what :func:`tensor_str` returned.
        class_name: name of its class; a subclass of Parameter is wrapped in ``Parameter(...)``, as in torch.

    Example:
        >>> from plugrad.core.printing import parameter_str
        >>> print(parameter_str("tensor([1.], requires_grad=True)"))
        Parameter containing:
        tensor([1.], requires_grad=True)
    """
    if class_name != "Parameter":
        text = f"Parameter({text})"
    return "Parameter containing:\n" + text


def format_tensor(host_array, format_spec, *, text, class_name="Tensor"):
    """Return ``format(tensor, format_spec)``: a 0-dim Tensor is formatted as its Python number, any other as its text.

    Args:
        host_array: its values as a numpy array.
        format_spec: what stands after the colon in an f-string; ``""`` where nothing does.
        text: function without arguments that returns ``str(tensor)``; called only where that is the result.
        class_name: name of its class; subclasses, Parameter too, are never formatted as a number, as in torch.

    Raises:
        TypeError: a format spec for anything but a 0-dim Tensor.
        ValueError: the Python number does not know the format spec.

    Example:
        >>> import numpy as np
        >>> from plugrad.core.printing import format_tensor
        >>> format_tensor(np.array(-8.36351), ".3f", text=str)
        '-8.364'
    """
    if host_array.ndim == 0 and class_name == "Tensor":
        return format(host_array.item(), format_spec)
    if format_spec:
        raise TypeError(f"unsupported format string passed to {class_name}.__format__")
    return text()


def size_repr(shape):
    """Return the text of a size: ``torch.Size([2, 3])`` for ``(2, 3)``.

    Example:
        >>> from plugrad.core.printing import size_repr
        >>> size_repr((2, 3)), size_repr(())
        ('torch.Size([2, 3])', 'torch.Size([])')
    """
    return f"torch.Size([{', '.join(map(str, shape))}])"
