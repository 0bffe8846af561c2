"""Short-time Fourier transforms."""

import warnings

from .. import dtypes
from ..errors import scalar_name
from ..naming import named
from ..shapes import need_tensors
from ..tensor import Tensor
from . import shape as s
from .fft import fft_c2c_, fft_c2r_, fft_r2c_
from .neural import circular_pad, reflection_pad, replication_pad

EDGES = {"reflect": reflection_pad[0], "replicate": replication_pad[0], "circular": circular_pad}


def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
    align_to_window=None,
):
    """The Fourier transforms of overlapping parts of a signal: y[j, t] = Σ_k w_k x[t h + k] exp(-2πi jk/n).

    Args:
        n_fft: the length n of a part.
        hop_length: the distance h of two parts, n_fft // 4 by default.
        win_length: the length of the window, n_fft by default.
        window: w, padded by zeros to n_fft on both sides; default: ones.
        center: let part t lie around sample t h, by padding the signal.
        pad_mode: what to pad with: reflect, replicate, circular or constant (zeros).
        normalized: divide by √n.
        onesided: only frequencies 0 ... n/2; the default where signal and window are real.
        return_complex: give complex numbers, not pairs of reals; must be said where both are real.
        align_to_window: without ``center``, let the windows and not the parts start at the first sample.

    Shapes:
        x (*B, L) → (*B, n_fft // 2 + 1 or n_fft, number of parts)

    Raises:
        RuntimeError: a shape, length or window that does not fit.

    Example:
        >>> import plugrad
        >>> x, w = plugrad.ones(8), plugrad.ones(4)
        >>> plugrad.stft(x, 4, window=w, return_complex=True).shape
        torch.Size([3, 9])
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    is_real = not (input.is_complex() or (window is not None and window.is_complex()))
    onesided = is_real if onesided is None else onesided
    if window is None:
        _warn_no_window("which is known to cause spectral leakage. Other windows such as torch.hann_window or ")
    if align_to_window is not None and center:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    x = input.unsqueeze(0) if input.dim() == 1 else input
    x = _surrounded(x, n_fft // 2, pad_mode) if center and input.dim() in (1, 2) else x
    shown = x._a.shape[1:] if input.dim() == 1 else x._a.shape
    told = _call("stft", input, shown, n_fft, hop, width, window, (normalized, None, return_complex, align_to_window))
    _check_stft(told, x, n_fft, hop, width, window)
    if return_complex is None and is_real:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further require that "
            "return_complex=True in a future PyTorch release."
        )
    if onesided and not is_real:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    left = (n_fft - width) // 2
    if align_to_window:
        x = s.pad_(x, ((0, 0), (left, n_fft - width - left)), 0)
    made = _transformed_parts(x, n_fft, hop, _window(window, width, n_fft, x), normalized, onesided)
    made = made if input.dim() > 1 else named(made.squeeze(0), "SqueezeBackward4")
    return made if return_complex or return_complex is None else _as_pairs(made)


def _call(name, input, shape, n_fft, hop, width, window, rest):
    """How torch writes the call in front of what is wrong with it."""
    shown = "None" if window is None else f"{window.type()}{{{list(window._a.shape)}}}"
    flags = ["None" if v is None else str(int(v)) for v in rest]
    return (
        f"{name}({input.type()}{list(shape)}, n_fft={n_fft}, hop_length={hop}, win_length={width}, window={shown}, "
        f"normalized={flags[0]}, onesided={flags[1]}, return_complex={flags[2]}, align_to_window={flags[3]}) : "
    )


def _check_stft(told, x, n_fft, hop, width, window):
    if x.dtype.kind < dtypes.FLOAT:
        raise RuntimeError(told + "expected a tensor of floating point or complex values")
    if x.dim() != 2:
        raise RuntimeError(told + "expected a 1D or 2D tensor")
    length = x._a.shape[1]
    if not 0 < n_fft <= length:
        raise RuntimeError(told + f"expected 0 < n_fft < {length}, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(told + f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < width <= n_fft:
        raise RuntimeError(told + f"expected 0 < win_length <= n_fft, but got win_length={width}")
    if window is not None and tuple(window._a.shape) != (width,):
        raise RuntimeError(
            told + f"expected a 1D window tensor of size equal to win_length={width}, but got window with size "
            f"{list(window._a.shape)}"
        )


def _warn_no_window(advice):
    warnings.warn(
        f"A window was not provided. A rectangular window will be applied,{advice}"
        "torch.hamming_window are recommended to reduce spectral leakage.To suppress this warning and use a rectangular window, "
        "explicitly set `window=torch.ones(n_fft, device=<device>)`.",
        UserWarning,
        stacklevel=3,
    )


def _surrounded(x, n, mode):
    """The signals (B, L) with n samples before and behind."""
    if mode == "constant":
        return s.pad_(x, ((0, 0), (n, n)), 0)
    if mode not in EDGES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    length = x._a.shape[1]
    if mode == "reflect" and n >= length:
        shape = [1, *x._a.shape]
        raise RuntimeError(
            "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
            f"({n}, {n}) at dimension 2 of input {shape}"
        )
    return EDGES[mode](x, ((n, n),), mode)


def _window(window, width, n_fft, like):
    """The window in n_fft elements."""
    from ..create import ones

    if window is None:
        kind = dtypes.float32 if like.dtype in (dtypes.float32, dtypes.complex64) else dtypes.float64
        window = ones(width, dtype=kind, device=like.device)
    left = (n_fft - width) // 2
    return window if width == n_fft else s.pad_(window, ((left, n_fft - width - left),), 0)


def _transformed_parts(x, n_fft, hop, window, normalized, onesided):
    """(B, L) → (B, frequencies, parts)"""
    from .reshaping import unfold

    parts, scaling = unfold(x, 1, n_fft, hop) * window, "root" if normalized else "none"
    if parts.is_complex():
        return named(fft_c2c_(parts, (2,), scaling, True).transpose(1, 2), "TransposeBackward1")
    return named(fft_r2c_(parts, (2,), scaling, True, onesided).transpose(1, 2), "TransposeBackward1")


def _as_pairs(made):
    from .striding import view_as_real

    warnings.warn(
        "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors for all inputs, "
        "and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on the complex output to recover "
        "the old return format.",
        UserWarning,
        stacklevel=3,
    )
    return view_as_real(made)


def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The inverse of :func:`stft`: the parts transformed back, times the window, summed, over the sum of squared windows.

    Args:
        input: complex, (*B, frequencies, parts).
        n_fft, hop_length, win_length, window, center, normalized, onesided: as they were given to stft.
        length: of the result; what is missing is filled by zeros.
        return_complex: give a complex signal.

    Shapes:
        x (*B, frequencies, parts) → (*B, length)

    Raises:
        RuntimeError: a shape, length or window that does not fit, or windows whose sum is 0 somewhere.

    Example:
        >>> import plugrad
        >>> x, w = plugrad.arange(8.0), plugrad.ones(4)
        >>> plugrad.istft(plugrad.stft(x, 4, window=w, return_complex=True), 4, window=w).shape
        torch.Size([8])
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied.Please provide the same window used by stft to make the "
            "inversion lossless.To suppress this warning and use a rectangular window, explicitly set `window=torch.ones(n_fft, "
            "device=<device>)`.",
            UserWarning,
            stacklevel=2,
        )
    told = _inverse_call(input, n_fft, hop, width, window, (center, normalized, onesided), length, return_complex)
    x = input.unsqueeze(0) if input.dim() == 2 else input
    onesided = _check_istft(told, x, n_fft, hop, width, window, onesided)
    if return_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    if window is not None and window.is_complex() and not return_complex:
        raise RuntimeError("Complex windows are incompatible with return_complex=False")
    parts = _parts(x.transpose(1, 2), n_fft, "root" if normalized else "all", onesided, return_complex)
    made = _joined(parts, _window(window, width, n_fft, x), hop, n_fft // 2 if center else 0, length, told)
    return made.squeeze(0) if input.dim() == 2 else made


def _inverse_call(input, n_fft, hop, width, window, flags, length, return_complex):
    shown = "None" if window is None else f"{window.type()}{{{list(window._a.shape)}}}"
    center, normalized, onesided = ("None" if v is None else str(int(v)) for v in flags)
    need_tensors(input)
    kind = f"{input.device.type.upper()}{scalar_name(input.dtype)}Type"
    return (
        f"istft({kind}{list(input._a.shape)}, n_fft={n_fft}, hop_length={hop}, win_length={width}, window={shown}, "
        f"center={center}, normalized={normalized}, onesided={onesided}, length={length}, return_complex={int(return_complex)})"
    )


def _check_istft(told, x, n_fft, hop, width, window, onesided):
    """Whether the frequencies are half of them."""
    told += " : "
    if not x.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    if not x.numel():
        raise RuntimeError(told + "input tensor cannot be empty.")
    if x.dim() != 3:
        if x.dim() < 2:
            raise IndexError("Dimension out of range (expected to be in range of [-2, 1], but got -3)")
        raise RuntimeError(told + f"expected a tensor with 3 or 4 dimensions, but got {x.dim() + 1}")
    onesided = x._a.shape[1] != n_fft if onesided is None else onesided
    wanted, formula = (n_fft // 2 + 1, "n_fft / 2 + 1") if onesided else (n_fft, "n_fft")
    if x._a.shape[1] != wanted:
        raise RuntimeError(
            told + f"expected the frequency dimension (3rd to the last) of the input tensor to match {formula} when "
            f"onesided={bool(onesided)}, but got {x._a.shape[1]}"
        )
    if not 0 < hop <= width:
        raise RuntimeError(told + "expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise RuntimeError(told + "expected 0 < win_length <= n_fft")
    if window is not None and tuple(window._a.shape) != (width,):
        raise RuntimeError(told + "Invalid window shape. window has to be 1D and length of `win_length`")
    return onesided


def _parts(x, n_fft, scaling, onesided, return_complex):
    """(B, parts, frequencies) → (B, parts, n_fft)"""
    if return_complex:
        return fft_c2c_(x, (2,), scaling, False)
    half = x if onesided else x[:, :, : n_fft // 2 + 1]
    return fft_c2r_(half, (2,), scaling, False, n_fft)


def _joined(parts, window, hop, margin, length, told):
    """The windowed parts added up, over the squared windows added up, without the margin."""
    xp, (batch, count, n) = parts._xp, parts._a.shape
    total = n + hop * (count - 1)
    starts = xp.reshape(xp.arange(0, count, 1, xp.int64) * hop, (count, 1))
    places = starts + xp.arange(0, n, 1, xp.int64)
    signal = s.index_backward(parts * window, (slice(None), places), (batch, total))
    weight = s.index_backward((window * window).expand(count, n).contiguous(), (places,), (total,))
    end = total - margin if length is None else margin + length
    here = slice(margin, min(end, total))
    signal, weight = signal[:, here], weight[here]
    if xp.values_at_hand and not bool(weight.detach().abs().min() > 1e-11):
        raise RuntimeError(told + " window overlap add min: 1\n[ CPUBoolType{} ]")
    made = signal / weight
    return made if end <= total else _lengthened(made, end - total)


def _lengthened(made, missing):
    warnings.warn(
        "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check your "
        "center and hop_length settings.",
        UserWarning,
        stacklevel=4,
    )
    return s.pad_(made, ((0, 0), (0, missing)), 0)


def install():
    """Give Tensor these transforms."""
    Tensor.stft, Tensor.istft = stft, istft
