"""Convolution layers."""

from ..core.create import empty
from . import functional as F
from .linear import reset_linear
from .module import Module
from .parameter import Parameter

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Fold", "Unfold"]

PADDING_WORDS = ("same", "valid")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def per_axis(value, dims):
    """One number per axis, as a tuple."""
    return tuple(value) if hasattr(value, "__iter__") else (value,) * dims


class _Convolution(Module):
    """The state of a convolution or a transposed one; a subclass says over how many axes, and computes."""

    __constants__ = (
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    )
    _dims: int | None = None
    transposed = False

    def _set(
        self, channels, kernel_size, stride, padding, dilation, output_padding, groups, bias, padding_mode, **where
    ):
        self.in_channels, self.out_channels = channels
        _check_groups(*channels, groups)
        dims = self._dims
        self.kernel_size, self.stride = per_axis(kernel_size, dims), per_axis(stride, dims)
        self.padding = padding if isinstance(padding, str) and not self.transposed else per_axis(padding, dims)
        self.dilation, self.output_padding = per_axis(dilation, dims), per_axis(output_padding, dims)
        self.groups = groups
        _check_padding(self.padding, self.stride, padding_mode)
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._borders()
        first, second = channels[::-1] if not self.transposed else channels
        self.weight = Parameter(empty((first, second // groups, *self.kernel_size), **where))
        self.register_parameter("bias", Parameter(empty(self.out_channels, **where)) if bias else None)
        self.reset_parameters()

    def _borders(self):
        """The padding as ``functional.pad`` takes it: (before, after) of the last axis first."""
        if not isinstance(self.padding, str):
            return tuple(n for n in reversed(self.padding) for _ in range(2))
        borders = [0, 0] * self._dims
        if self.padding == "same":
            for i, (d, k) in enumerate(zip(reversed(self.dilation), reversed(self.kernel_size), strict=True)):
                total = d * (k - 1)
                borders[2 * i], borders[2 * i + 1] = total // 2, total - total // 2
        return borders

    def reset_parameters(self):
        """Draw weight and bias anew, evenly from ±1/√(channels of a group · taps)."""
        reset_linear(self)

    def extra_repr(self):
        ones, zeros = (1,) * len(self.stride), (0,) * len(self.stride)
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        usual = (("padding", zeros), ("dilation", ones), ("output_padding", zeros), ("groups", 1))
        for name, value in usual:
            if getattr(self, name) != value:
                text += f", {name}={getattr(self, name)}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


def _check_groups(in_channels, out_channels, groups):
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups:
        raise ValueError("out_channels must be divisible by groups")


def _check_padding(padding, stride, padding_mode):
    if isinstance(padding, str):
        if padding not in PADDING_WORDS:
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{{str(PADDING_WORDS)[1:-1]}}}")
        if padding == "same" and any(n != 1 for n in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {{{str(PADDING_MODES)[1:-1]}}}, but got padding_mode={padding_mode!r}"
        )


# --- convolution ---
class _Conv(_Convolution):
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__()
        channels = (in_channels, out_channels)
        self._set(
            channels, kernel_size, stride, padding, dilation, 0, groups, bias, padding_mode, device=device, dtype=dtype
        )

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input, weight, bias):
        convolve = self._function
        if self.padding_mode == "zeros":
            return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        input = F.pad(input, self._reversed_padding_repeated_twice, self.padding_mode)
        return convolve(input, weight, bias, self.stride, (0,) * self._dims, self.dilation, self.groups)


class Conv1d(_Conv):
    """The convolution of signals with a learned weight; see :func:`plugrad.nn.functional.conv1d`.

    Args:
        in_channels, out_channels: numbers of channels; multiples of ``groups``.
        kernel_size: taps of a window.
        stride: positions between neighbouring windows.
        padding: positions added on both sides; "valid" is 0, "same" as many as keep the length.
        dilation: positions between neighbouring taps.
        groups: the channels are cut into so many groups, which do not meet.
        bias: whether there is a bias.
        padding_mode: what is added: "zeros", "reflect", "replicate" or "circular".
        device, dtype: of the parameters.

    Shapes:
        (N, C, L) or (C, L); weight (out_channels, in_channels / groups, kernel_size), bias (out_channels)

    Raises:
        ValueError: groups, padding or padding_mode that make no convolution.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Conv1d(2, 3, 5, padding=2)(plugrad.ones(1, 2, 8)).shape
        torch.Size([1, 3, 8])
    """

    _dims = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """The convolution of images (N, C, H, W) or (C, H, W) with a learned weight; as :class:`Conv1d`, over two axes.

    ``kernel_size``, ``stride``, ``padding`` and ``dilation`` are one number or one per axis.

    Example:
        >>> import plugrad
        >>> plugrad.nn.Conv2d(3, 8, 3, stride=2, padding=1)
        Conv2d(3, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    """

    _dims = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """The convolution of volumes (N, C, D, H, W) or (C, D, H, W) with a learned weight; as :class:`Conv2d`."""

    _dims = 3
    _function = staticmethod(F.conv3d)


# --- transposed convolution ---
class _ConvTranspose(_Convolution):
    transposed = True

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._set(
            (in_channels, out_channels),
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device=device,
            dtype=dtype,
        )

    def forward(self, input, output_size=None):
        extra = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return self._function(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups, self.dilation
        )

    def _output_padding(self, input, output_size):
        """The output padding that gives this output size."""
        dims = self._dims
        lead = 2 if input.dim() == dims + 2 else 1
        wanted = output_size[lead:] if len(output_size) == lead + dims else output_size
        if len(wanted) != dims:
            raise ValueError(
                f"ConvTranspose{dims}D: for {input.dim()}D input, output_size must have {dims} or {lead + dims} elements "
                f"(got {len(output_size)})"
            )
        axes = zip(input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size, strict=True)
        least = [(n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in axes]
        most = [n + s - 1 for n, s in zip(least, self.stride, strict=True)]
        if any(not low <= n <= high for low, n, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to {most} (for an input of "
                f"{input.size()[2:]})"
            )
        return tuple(n - low for n, low in zip(wanted, least, strict=True))


class ConvTranspose1d(_ConvTranspose):
    """The transpose of a convolution of signals; see :func:`plugrad.nn.functional.conv_transpose1d`.

    Args:
        in_channels, out_channels: numbers of channels; multiples of ``groups``.
        kernel_size: taps of a window.
        stride: output positions between neighbouring windows.
        padding: positions cut off on both sides.
        output_padding: positions added at the end.
        groups: the channels are cut into so many groups, which do not meet.
        bias: whether there is a bias.
        dilation: positions between neighbouring taps.
        padding_mode: only "zeros".
        device, dtype: of the parameters.

    Shapes:
        (N, C, L) or (C, L); weight (in_channels, out_channels / groups, kernel_size), bias (out_channels)

    Raises:
        ValueError: groups or padding_mode that make no convolution; an ``output_size`` in the call that cannot be reached.

    Example:
        >>> import plugrad
        >>> upsample = plugrad.nn.ConvTranspose1d(2, 2, 3, stride=2, padding=1)
        >>> upsample(plugrad.ones(1, 2, 4)).shape, upsample(plugrad.ones(1, 2, 4), output_size=(8,)).shape
        (torch.Size([1, 2, 7]), torch.Size([1, 2, 8]))
    """

    _dims = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """The transpose of a convolution of images (N, C, H, W) or (C, H, W); as :class:`ConvTranspose1d`, over two axes."""

    _dims = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """The transpose of a convolution of volumes (N, C, D, H, W) or (C, D, H, W); as :class:`ConvTranspose1d`."""

    _dims = 3
    _function = staticmethod(F.conv_transpose3d)


# --- windows as columns ---
class Unfold(Module):
    """The windows of images as columns; see :func:`plugrad.nn.functional.unfold`."""

    __constants__ = ("kernel_size", "dilation", "padding", "stride")

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Module):
    """Columns added up to images; see :func:`plugrad.nn.functional.fold`."""

    __constants__ = ("output_size", "kernel_size", "dilation", "padding", "stride")

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )
