"""gradcheck and gradgradcheck: the engine's gradients beside central differences."""

import warnings
from functools import partial

from . import gradcheck_slow
from .engine import grad
from .gradcheck_slow import GradcheckError, Problem, Tolerances, as_tuple, differentiable
from .modes import enable_grad
from .tensor import Tensor


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
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Whether the engine's gradients of ``func`` agree with central differences: |a - n| ≤ atol + rtol · |n|.

    A complex output is looked at as two real ones. For a complex input, n is the conjugate Wirtinger derivative.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require grad are checked. float64, or rounding hides everything.
        eps: the step of the differences.
        atol, rtol: how far the two may be apart.
        raise_exception: raise, or return False.
        nondet_tol: how much two backward passes may differ.
        check_undefined_grad: also give backward None in place of gradients.
        check_grad_dtypes: gradients must have the dtype of their inputs.
        check_batched_grad: two gradients at once, under vmap, must be those one by one.
        check_batched_forward_grad: the same for tangents.
        check_forward_ad: check the tangents of forward mode as well.
        check_backward_ad: check the gradients of reverse mode.
        fast_mode: compare in one random direction instead of entry by entry.
        masked: allow gradients of zeros that are only nearly zero.

    Raises:
        GradcheckError: they differ; the text names output, input, the worst entry, and what the error looks like.

    Example:
        >>> import plugrad
        >>> x = plugrad.rand(3, dtype=plugrad.float64, requires_grad=True)
        >>> plugrad.autograd.gradcheck(lambda x: x.sin() * x, (x,))
        True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_grad and not check_backward_ad:
        raise AssertionError("Setting check_batched_grad=True requires check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    inputs = as_tuple(inputs)
    check_inputs(inputs)
    tolerances = Tolerances(eps, atol, rtol, nondet_tol, check_grad_dtypes)
    try:
        if check_backward_ad:
            check_backward(func, inputs, tolerances, fast_mode, masked, check_undefined_grad)
        if check_batched_grad:
            from .gradcheck_batched import check_batched

            check_batched(func, inputs)
        if check_forward_ad:
            from .gradcheck_forward import check_forward

            check_forward(func, inputs, tolerances, fast_mode, check_undefined_grad)
        if check_batched_forward_grad:
            from .gradcheck_batched import check_batched_forward

            check_batched_forward(func, inputs)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def check_inputs(inputs):
    needing = [(i, x) for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    for i, x in needing:
        if x.dtype.name not in ("float64", "complex128"):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check will likely fail "
                "if all the inputs are not of double precision floating point or complex. ",
                UserWarning,
                stacklevel=3,
            )
        if x.numel() and any(n > 1 and step == 0 for n, step in zip(x.shape, x.stride(), strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to be able to "
                "compute the numerical gradients correctly. You should call .contiguous on the input before passing it to gradcheck."
            )
    if not needing:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )


def check_backward(func, inputs, tolerances, fast_mode, masked, check_undefined_grad):
    """Everything that gradcheck asks of reverse mode."""
    from .gradcheck_zero import check_undefined, check_zero

    problem = Problem(func, inputs)
    check = gradcheck_slow.check
    if fast_mode:
        from .gradcheck_fast import check
    for part in real_parts(problem):
        check(part, tolerances)
    check_zero(problem, masked)
    if check_undefined_grad:
        check_undefined(func, inputs)


def real_parts(problem):
    """The problem itself, or the problems of the imaginary and the real parts where outputs are complex."""
    if not any(o.is_complex() for o in problem.out):
        return [problem]
    indices = [i for i, o in enumerate(problem.outputs) if o.is_complex()]
    return [
        Problem(
            partial(part_of, problem.func, name),
            problem.inputs,
            f"While considering the {word} part of complex outputs only, ",
            indices,
        )
        for name, word in (("imag", "imaginary"), ("real", "real"))
    ]


def part_of(func, name, *inputs):
    return tuple(getattr(o, name) if o.is_complex() else o for o in as_tuple(func(*inputs)))


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
        func, inputs: as in :func:`gradcheck`, and so are the arguments that are not named here.
        grad_outputs: the incoming gradients where it is taken; random in [-1, 1) by default.
        gen_non_contig_grad_outputs: make the random ones non-contiguous.
        check_fwd_over_rev: check the tangents of the gradient as well.
        check_rev_over_rev: check the gradients of the gradient.

    Raises:
        GradcheckError: a second derivative is wrong, or the gradient cannot be differentiated.

    Example:
        >>> import plugrad
        >>> x = plugrad.rand(3, dtype=plugrad.float64, requires_grad=True)
        >>> plugrad.autograd.gradgradcheck(lambda x: x.sin() * x, (x,))
        True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise AssertionError("Expected at least one of check_fwd_over_rev or check_rev_over_rev to be True")
    if check_undefined_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_undefined_grad=True requires check_rev_over_rev to be True")
    if check_batched_grad and not check_rev_over_rev:
        raise AssertionError("Setting check_batched_grad=True requires check_rev_over_rev to be True")
    inputs = as_tuple(inputs)
    if grad_outputs is None:
        outputs = differentiable(as_tuple(func(*inputs)))
        weights = tuple(random_weights(o, gen_non_contig_grad_outputs) for o in outputs)
    else:
        weights = as_tuple(grad_outputs)
    if not weights:
        raise TypeError("gradgradcheck: no output of func requires grad, so there is no gradient to check")
    return gradcheck(
        partial(gradient_of, func, [isinstance(x, Tensor) and x.requires_grad for x in inputs]),
        inputs + weights,
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        fast_mode=fast_mode,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        masked=masked,
    )


def random_weights(output, non_contiguous):
    """A leaf like ``output``, uniform in [-1, 1)."""
    from .ops.join import stack
    from .ops.sampling import rand_like

    real = output.detach().real if output.is_complex() else output.detach()
    made = rand_like(real) * 2 - 1
    if output.is_complex():
        made = made + 1j * (rand_like(real) * 2 - 1)
    if non_contiguous and made.dim():
        made = stack([made, made], -1).select(-1, 0)
    return made.requires_grad_()


def gradient_of(func, needs, *arguments):
    """What gradgradcheck differentiates: the gradient of func's outputs, weighted."""
    count = len(needs)
    inputs, weights = arguments[:count], arguments[count:]
    needing = tuple(x for x, need in zip(inputs, needs, strict=True) if need)
    for x in needing:
        if not x.requires_grad:
            x.requires_grad_()  # forward mode gives them detached
    with enable_grad():
        outputs = differentiable(as_tuple(func(*inputs)))
        found = grad(outputs, needing, weights, create_graph=True, allow_unused=True)
    return tuple(g for g in found if g is not None)


__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
