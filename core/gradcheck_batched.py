"""The part of gradcheck that looks at vmap: several gradients, or tangents, at once are those one by one."""

import warnings

from .engine import grad
from .func import pushforward, zeros_of
from .gradcheck_slow import GradcheckError, as_tuple, differentiable
from .tensor import Tensor
from .vmap import vmap

REVERSE = (
    "gradcheck or gradgradcheck failed while testing batched gradient computation.\nThe backward of some op does not compute under vmap "
    "what it computes without; check_batched_grad=False leaves this check out."
)
FORWARD = (
    "\ngradcheck failed while testing batched gradient computation with forward-mode AD.\nThe tangent of some op does not compute under "
    "vmap what it computes without; check_batched_forward_grad=False leaves this check out."
)


def check_batched(func, inputs):
    """Two gradients at once, for each output."""
    from .ops.sampling import randn_like

    needing = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    for k, output in enumerate(differentiable(as_tuple(func(*inputs)))):
        cotangents = [randn_like(output) for _ in range(2)]

        def pull(v, output=output):
            found = grad((output,), needing, (v,), retain_graph=True, allow_unused=True)
            return tuple(zeros_of(x) if g is None else g for g, x in zip(found, needing, strict=True))

        compare(pull, cotangents, k, None, REVERSE)


def check_batched_forward(func, inputs):
    """Two tangents at once, for each input."""
    from .ops.sampling import randn_like

    for i, x in enumerate(inputs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        plain = tuple(v.detach() if isinstance(v, Tensor) else v for v in inputs)

        def push(tangent, i=i, plain=plain):
            return pushforward(lambda *args: as_tuple(func(*args)), plain, tangent, i, False, False)[1]

        compare(push, [randn_like(x) for _ in range(2)], i, i, FORWARD)


def compare(function, vectors, k, i, text):
    from .ops.arithmetic import allclose
    from .ops.join import stack

    expected = [stack(list(parts)) for parts in zip(*(function(v) for v in vectors), strict=True)]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="There is a performance drop")
            found = vmap(function)(stack(vectors))
    except RuntimeError as error:
        raise GradcheckError(f"While computing batched gradients, got: {error}\n\n{text}") from error
    for j, (result, wanted) in enumerate(zip(found, expected, strict=True)):
        if not allclose(result, wanted):
            raise GradcheckError(
                f"For output {k} and input {j if i is None else i}:\n\n{text}\n\nGot:\n{result}\n\nExpected:\n{wanted}"
            )


__all__ = ["check_batched", "check_batched_forward"]
