"""gradcheck in one random direction: vᵀJu by the engine beside vᵀ(Ju) by one central difference."""

from .gradcheck_slow import (
    GradcheckError,
    all_close,
    analytical_jacobians,
    checked_twice,
    describe,
    directional,
    expect_zero,
    flat,
    gradients,
    is_float,
    numerical_jacobians,
)

EXPLANATION = (
    "\nThe above quantities relating the numerical and analytical jacobians are computed \n"
    "in fast mode. See: https://github.com/pytorch/pytorch/issues/53876 for more background \n"
    "about fast mode. Below, we recompute numerical and analytical jacobians in slow mode:\n\n"
)
SLOW_WOULD_PASS = (
    "\nFast gradcheck failed but element-wise differences are small. This means that the\n"
    "test might've passed in slow_mode! Call gradcheck/gradgradcheck with `fast_mode=False`."
)


def check(problem, tolerances):
    """Compare one number per pair of an output and an input."""
    us, vs = directions(problem)
    moved = [
        directional(problem, i, shaped(u, problem.inputs[i]), tolerances.eps)
        for i, u in zip(problem.indices, us, strict=True)
    ]
    if not problem.outputs:
        expect_zero([along for found in moved for along in found], tolerances.nondet_tol)
        return
    floats = [o for o in problem.out if is_float(o)]
    wanted = [k for k, o in enumerate(floats) if o.requires_grad]
    for k, (output, v) in enumerate(zip(problem.outputs, vs, strict=True)):
        weights = v.reshape(output.shape)
        found = checked_twice(
            lambda o=output, w=weights: [
                flat(g, x) for g, x in zip(gradients(problem, o, w), problem.needing, strict=True)
            ],
            problem,
            tolerances,
        )
        for i, (vj, u) in enumerate(zip(found, us, strict=True)):
            numerical = (v * moved[i][wanted[k]]).sum()
            compare(problem, k, i, along(vj, u), numerical, tolerances, allowed(tolerances.atol, u, v))


def directions(problem):
    """(u per input, v per output): random, not negative, of length one; a pair (real, imaginary) for a complex input."""
    from .generator import Generator

    generator = Generator()  # its own, so that the user's stream does not move
    us = [(unit(x, generator), unit(x, generator)) if x.is_complex() else unit(x, generator) for x in problem.needing]
    return us, [unit(o, generator) for o in problem.outputs]


def unit(x, generator):
    from .dtypes import float32
    from .ops.sampling import rand

    real = x.detach().real if x.is_complex() else x
    drawn = rand(x.numel(), generator=generator, dtype=float32, device="cpu").to(device=x.device, dtype=real.dtype)
    return drawn / drawn.norm()


def shaped(u, x):
    return tuple(part.reshape(x.shape) for part in u) if isinstance(u, tuple) else u.reshape(x.shape)


def along(vj, u):
    """vᵀJ in the direction u."""
    if isinstance(u, tuple):
        return (vj.real * u[0]).sum() + 1j * (vj.imag * u[1]).sum()
    return (vj * u).sum()


def allowed(atol, u, v):
    """atol for a sum over entries, each of which may be off by atol: vᵀEu with E full of atol."""
    total = sum(part.sum().item() for part in u) if isinstance(u, tuple) else u.sum().item()
    return atol * total * v.sum().item()


def compare(problem, output, index, analytical, numerical, tolerances, atol):
    if all_close(analytical, numerical, tolerances.rtol, atol):
        return
    raise GradcheckError(
        problem.mismatch(output, index, numerical, analytical) + slow_report(problem, output, index, tolerances)
    )


def slow_report(problem, output, index, tolerances):
    """Both Jacobians in full, which the fast check did not need."""
    which = next(k for k, o in enumerate(o for o in problem.out if is_float(o)) if o is problem.outputs[output])
    numerical = numerical_jacobians(problem, problem.indices[index], tolerances.eps)[which]
    return report(numerical, analytical_jacobians(problem, problem.outputs[output])[index], tolerances)


def report(numerical, analytical, tolerances):
    text = (
        f"{EXPLANATION}Numerical:\n {numerical}\nAnalytical:\n{analytical}\n\n"
        f"The max per-element difference (slow mode) is: {(numerical - analytical).abs().max()}.\n"
    )
    if all_close(analytical, numerical, tolerances.rtol, tolerances.atol):
        return text + SLOW_WOULD_PASS
    return text + describe(analytical, numerical)


__all__ = ["check"]
