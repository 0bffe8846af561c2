"""Numerical checks of gradients: central differences beside the engine's, with a diagnosis where they differ."""

import warnings

from .engine import grad
from .modes import no_grad
from .tensor import Tensor


class GradcheckError(RuntimeError):
    """Raised by gradcheck and gradgradcheck when a gradient is wrong."""


def _checked_inputs(inputs):
    inputs = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    any_needs = False
    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        any_needs = True
        if x.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely fail "
                "if all the inputs are not of double precision floating point or complex. ",
                UserWarning,
                stacklevel=4,
            )
        if any(n > 1 and step == 0 for n, step in zip(x.shape, x.stride(), strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to "
                "compute the numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck."
            )
        if x.is_complex():
            raise NotImplementedError(
                f"gradcheck: input {i} is complex, which is not supported; check real and imaginary parts"
            )
    if not any_needs:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    return inputs


def _outputs(func, inputs):
    out = func(*inputs)
    out = (out,) if isinstance(out, Tensor) else tuple(out)
    return tuple(o for o in out if isinstance(o, Tensor) and o.dtype.is_floating_point)


def numerical_jacobian(func, inputs, which, eps):
    """d out_i / d x_j by central differences, one (x.numel(), out.numel()) nested list per output."""
    x = inputs[which]
    flat = x.detach().reshape(-1)
    columns = []
    with no_grad():
        for j in range(x.numel()):
            sides = []
            for sign in (1, -1):
                moved = list(inputs)
                changed = flat.clone()
                changed[j] = changed[j] + sign * eps
                moved[which] = changed.reshape(x.shape).requires_grad_()
                sides.append([o.detach().clone() for o in _outputs(func, tuple(moved))])
            columns.append([((a - b) / (2 * eps)).reshape(-1) for a, b in zip(*sides, strict=True)])
    return columns


def analytic_jacobian(output, x):
    """The engine's d out / d x: one gradient per output element, (out.numel(), x.numel())."""
    rows = []
    for i in range(output.numel()):
        pick = output.detach().new_zeros(output.numel())
        pick[i] = 1
        (g,) = grad((output,), (x,), (pick.reshape(output.shape),), retain_graph=True, allow_unused=True)
        rows.append(x.detach().new_zeros(x.numel()) if g is None else g.reshape(-1))
    return rows


UNSUPPORTED = {
    "check_batched_grad": False,
    "check_batched_forward_ad": False,
    "check_forward_ad": False,
    "fast_mode": False,
    "masked": None,
}


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-06,
    atol=1e-05,
    rtol=0.001,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_ad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Whether the engine's gradients of ``func`` agree with central differences: |a - n| ≤ atol + rtol · |n|.

    Args:
        func: takes tensors, returns a tensor or a tuple of tensors.
        inputs: those that require grad are checked; float64, or rounding hides everything.
        eps: the step of the differences.
        raise_exception: raise, or return False.
        nondet_tol: how much two backward passes may differ.

    Raises:
        GradcheckError: they differ; the text names output, input, the worst entry, and what the error looks like.
        NotImplementedError: an argument asks for forward mode, batched or fast checks.

    Example:
        >>> import plugrad
        >>> x = plugrad.rand(3, dtype=plugrad.float64, requires_grad=True)
        >>> plugrad.autograd.gradcheck(lambda x: x.sin() * x, (x,))
        True
    """
    given = {
        "check_batched_grad": check_batched_grad,
        "check_batched_forward_ad": check_batched_forward_ad,
        "check_forward_ad": check_forward_ad,
        "fast_mode": fast_mode,
        "masked": masked,
    }
    for name, value in given.items():
        if value != UNSUPPORTED[name]:
            raise NotImplementedError(f"gradcheck: {name}={value!r} is not supported")
    inputs = _checked_inputs(inputs)
    try:
        if check_backward_ad:
            _check(func, inputs, eps, atol, rtol, nondet_tol, check_grad_dtypes)
        if check_undefined_grad:
            _check_undefined(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(func, inputs, eps, atol, rtol, nondet_tol, check_grad_dtypes):
    outputs = _outputs(func, inputs)
    needing = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    for i in needing:
        numeric = numerical_jacobian(func, inputs, i, eps)
        for k, output in enumerate(outputs):
            if not output.requires_grad:
                _expect_zero([column[k] for column in numeric], k, i)
                continue
            rows = analytic_jacobian(output, inputs[i])
            again = analytic_jacobian(output, inputs[i])
            _check_repeatable(rows, again, nondet_tol)
            if check_grad_dtypes and rows and rows[0].dtype is not inputs[i].dtype:
                raise GradcheckError(f"Gradient has dtype mismatch: {rows[0].dtype} for an input of {inputs[i].dtype}")
            _compare(rows, numeric, k, i, atol, rtol)


def _expect_zero(columns, k, i):
    if any(bool((c != 0).any()) for c in columns):
        raise GradcheckError(
            f"Numerical gradient for function expected to be zero: output {k} does not require grad, input {i}"
        )


def _check_repeatable(rows, again, tolerance):
    for a, b in zip(rows, again, strict=True):
        if a.numel() and (a - b).abs().max().item() > tolerance:
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives different "
                f"values, although analytical gradient matches numerical gradient.The tolerance for nondeterminism was {tolerance}."
            )


def _compare(rows, numeric, k, i, atol, rtol):
    from .ops.join import stack

    if not rows or not numeric:
        return
    analytic = stack(rows)  # (out, in)
    numeric = stack([column[k] for column in numeric], 1)
    wrong = ~((analytic - numeric).abs() <= atol + rtol * numeric.abs())
    if bool(wrong.any()):
        raise GradcheckError(
            f"Jacobian mismatch for output {k} with respect to input {i},\nnumerical:{numeric.t()}\nanalytical:{analytic.t()}\n"
            + describe(analytic, numeric, wrong)
        )


def describe(analytic, numeric, wrong):
    """The worst entry, and what the whole difference looks like."""
    size = (analytic - numeric).abs() * wrong.to(analytic.dtype)
    at = int(size.reshape(-1).argmax().item())
    row, column = divmod(at, analytic.shape[1])
    a, n = analytic[row, column].item(), numeric[row, column].item()
    ratio = f", ratio {a / n:.4g}" if n else ""
    return (
        f"worst: output element {row}, input element {column}: analytical {a:.6g}, numerical {n:.6g}{ratio}\n"
        + diagnose(analytic, numeric)
    )


def _near(a, b):
    return bool(((a - b).abs() <= 1e-4 * (1 + b.abs())).all())


def diagnose(analytic, numeric):
    """A guess at the mistake, from the pattern of the difference."""
    if bool(analytic.isnan().any()):
        return "the analytical gradient has NaN"
    if _near(analytic, -numeric):
        return "it looks like a wrong sign"
    if not bool((analytic != 0).any()):
        return "the analytical gradient is zero everywhere: is an input detached, or the incoming gradient not used?"
    power = (numeric * numeric).sum().item()
    factor = (analytic * numeric).sum().item() / power if power else 0.0
    if factor and _near(analytic, numeric * factor):
        return f"it looks like a constant factor: analytical = {factor:.6g} · numerical"
    if analytic.shape[0] == analytic.shape[1] and _near(analytic, numeric.t()):
        return "it looks transposed"
    if power == 0.0:
        return "the numerical gradient is zero: is this a point where the function has none, or is an output detached?"
    return "no simple pattern: check the formula"


def _check_undefined(func, inputs):
    """A backward that gets no gradient for an output must give None or zeros."""
    outputs = [o for o in _outputs(func, inputs) if o.requires_grad]
    needing = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    for o in outputs:
        zero = o.detach().new_zeros(o.shape)
        for g in grad((o,), needing, (zero,), retain_graph=True, allow_unused=True):
            if g is not None and bool((g != 0).any()):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads. Please look at 'Notes about undefined output "
                    'gradients\' in "tools/autograd/derivatives.yaml"'
                )


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-06,
    atol=1e-05,
    rtol=0.001,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """gradcheck of the gradient of ``func``: second derivatives against differences of first ones.

    Args:
        grad_outputs: where the gradient is taken; random by default.
    """
    for name, value in {"check_fwd_over_rev": check_fwd_over_rev, "masked": masked}.items():
        if value:
            raise NotImplementedError(f"gradgradcheck: {name}={value!r} is not supported")
    inputs = _checked_inputs(inputs)
    outputs = _outputs(func, inputs)
    if grad_outputs is None:
        from .ops.sampling import randn_like

        cotangents = tuple(randn_like(o).requires_grad_() for o in outputs)
        if gen_non_contig_grad_outputs:
            from .ops.join import stack

            cotangents = tuple(stack([c.detach(), c.detach()], -1).select(-1, 0).requires_grad_() for c in cotangents)
    else:
        cotangents = (grad_outputs,) if isinstance(grad_outputs, Tensor) else tuple(grad_outputs)
    count = len(inputs)

    def gradient(*arguments):
        values, weights = arguments[:count], arguments[count:]
        needing = tuple(v for v in values if isinstance(v, Tensor) and v.requires_grad)
        found = grad(_outputs(func, values), needing, weights, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    from .modes import enable_grad

    def recorded(*arguments):
        with enable_grad():
            return gradient(*arguments)

    return gradcheck(
        recorded,
        inputs + cotangents,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
    )


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
