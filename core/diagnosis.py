"""What a wrong gradient looks like: guesses at the mistake, from the pattern of the difference."""

from itertools import combinations

from .tensor import Tensor


def diagnose(found, expected, names=("analytical", "numerical"), tolerance=1e-4, is_jacobian=True):
    """A guess at why ``found`` is not ``expected``, in one line.

    Args:
        found, expected: Jacobians (inputs, outputs), or gradients of one shape.
        names: what the two are called in the text.
        tolerance: how close, relative to the largest entry, counts as equal.
    """
    if bool(found.isnan().any()):
        return f"{titled(names[0])} has NaN"
    if not bool((found != 0).any()):
        return f"{titled(names[0])} is zero everywhere: is an input detached, or the incoming gradient not used?"
    if not bool((expected != 0).any()):
        return f"{titled(names[1])} is zero: is this a point where the function has none, or is an output detached?"
    guesses = [wrong_sign, conjugated, constant_factor, transposed, partly_zero]
    if is_jacobian:
        guesses.append(ignoring_incoming)
    for guess in guesses:
        text = guess(found, expected, names, tolerance)
        if text:
            return text
    return "no simple pattern: check the formula"


def near(a, b, tolerance=1e-4):
    """Whether two tensors are equal but for a part of the larger one's largest entry."""
    if a.shape != b.shape:
        return False
    if not a.numel():
        return True
    scale = max(a.abs().max().item(), b.abs().max().item())
    return bool((a - b).abs().max().item() <= tolerance * scale)


def titled(name):
    return f"the {name} gradient" if name in ("analytical", "numerical") else name


def wrong_sign(found, expected, names, tolerance):
    return "it looks like a wrong sign" if near(found, -expected, tolerance) else None


def conjugated(found, expected, names, tolerance):
    is_complex = found.is_complex() and expected.is_complex()
    if is_complex and (near(found, expected.conj(), tolerance) or near(found, -expected.conj(), tolerance)):
        return "it looks conjugated: a complex gradient is grad_output times the conjugate of the derivative"
    return None


def constant_factor(found, expected, names, tolerance):
    weight = (expected.abs() ** 2).sum().item()
    factor = (found * expected.conj()).sum().item() / weight if weight else 0.0
    if not factor or not near(found, expected * factor, tolerance):
        return None
    return f"it looks like a constant factor: {names[0]} = {number(factor)} · {names[1]}"


def number(value):
    if isinstance(value, complex):
        return f"{value.real:.6g}" if abs(value.imag) < 1e-6 * abs(value) else f"({value:.6g})"
    return f"{value:.6g}"


def transposed(found, expected, names, tolerance):
    square = found.dim() >= 2 and found.shape[-1] == found.shape[-2]
    return "it looks transposed" if square and near(found, expected.transpose(-1, -2), tolerance) else None


def ignoring_incoming(found, expected, names, tolerance):
    """Every output's gradient the same: backward does not look at what comes in."""
    if found.dim() != 2 or found.shape[1] < 2:
        return None
    if near(found, found[:, :1].expand(found.shape), tolerance):
        return "the incoming gradient seems not to be used: backward gives the same for every output element"
    return None


def partly_zero(found, expected, names, tolerance):
    """Right where it is not zero."""
    missing = (found == 0) & (expected != 0)
    count = int(missing.sum().item())
    if count and near(found, expected * (~missing).to(expected.dtype), tolerance):
        return f"{count} of {found.numel()} entries are zero where they should not be, the others are right"
    return None


def unused_grad_output(for_one, for_other, expected_one, expected_other, tolerance=1e-4):
    """Whether backward gave the same for two incoming gradients that ask for different results."""
    if near(expected_one, expected_other, tolerance) or not near(for_one, for_other, tolerance):
        return None
    return "the result does not change with grad_output: multiply by it"


def swapped(found, expected, tolerance=1e-4):
    """Pairs of positions whose gradients look exchanged; both lists may hold None."""
    return [
        (i, j)
        for i in range(len(found))
        for j in range(i + 1, len(found))
        if all(isinstance(t, Tensor) for t in (found[i], found[j], expected[i], expected[j]))
        and near(found[i], expected[j], tolerance)
        and near(found[j], expected[i], tolerance)
        and not near(found[i], expected[i], tolerance)
    ]


def wrong_sum(found, unreduced, tolerance=1e-4):
    """What is wrong with a gradient's sum over the axes that forward broadcasts, None if that is not what is wrong.

    Args:
        found: the gradient of an input that forward broadcast.
        unreduced: the right gradient before any sum, in the shape of the output.
    """
    shape = (1,) * (unreduced.dim() - found.dim()) + tuple(found.shape)
    axes = [axis for axis, (n, m) in enumerate(zip(shape, unreduced.shape, strict=True)) if n == 1 and m != 1]
    for axis in axes:
        rest = tuple(a for a in axes if a != axis)
        for index in (0, -1):
            once = unreduced.narrow(axis, index % unreduced.shape[axis], 1)
            once = once.sum(rest, keepdim=True) if rest else once
            if near(found.reshape(shape), once, tolerance):
                return f"the sum over axis {axis} of the output is missing, along which forward broadcasts the input"
    for others in combinations(range(unreduced.dim()), len(axes)):
        summed = unreduced.sum(others)
        if (
            list(others) != axes
            and summed.numel() == found.numel()
            and near(found, summed.reshape(found.shape), tolerance)
        ):
            return f"summed over axes {list(others)} of the output, but forward broadcasts the input along {axes}"
    return None


def worst(found, expected):
    """(index in the flattened tensor, found, expected) of the entry that is furthest off."""
    size = (found - expected).abs().reshape(-1)
    at = int(size.argmax().item())
    return at, found.reshape(-1)[at].item(), expected.reshape(-1)[at].item()


def ratio(a, b):
    return f", ratio {number(a / b)}" if b else ""


__all__ = ["diagnose", "near", "number", "ratio", "swapped", "unused_grad_output", "worst", "wrong_sum"]
