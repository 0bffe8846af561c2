"""Whole derivatives of Python functions: vjp, jvp, jacobian, hessian and their products.

jvp is computed by differentiating the vjp with respect to its cotangent (the "double backward trick"), which needs nothing
of an op but a recorded backward.
"""

from .engine import grad
from .modes import enable_grad
from .tensor import Tensor


def _tuple(values, what, function):
    single = not isinstance(values, tuple)
    values = (values,) if single else values
    for i, value in enumerate(values):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the value at index {i} has type "
                f"{type(value)}."
                if not single
                else f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but the given {what} has type "
                f"{type(value)}."
            )
    return single, values


def _leaves(inputs, create_graph):
    """Fresh starting points: views of the inputs that stay connected under create_graph, detached ones elsewhere."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _call(func, inputs, create_graph, name):
    single, inputs = _tuple(inputs, "inputs", name)
    leaves = _leaves(inputs, create_graph)
    outputs = func(*leaves)
    single_output, outputs = _tuple(outputs, "outputs of the user-provided function", name)
    return single, leaves, single_output, outputs


def _strict(strict, outputs, name):
    if not strict:
        return
    for i, output in enumerate(outputs):
        if not output.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
                "differentiable manner from the input when running in strict mode."
            )


def _strict_slopes(strict, slopes):
    for i, slope in enumerate(slopes):
        if strict and not slope.requires_grad:
            raise RuntimeError(
                f"While computing the hessian, found that the jacobian of the user-provided function with respect to input {i} is "
                "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
                "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for example)."
            )


def _grads(outputs, inputs, cotangents, create_graph, strict, retain=None):
    """grad() that leaves out outputs without history and gives zeros for unused inputs.

    With ``strict``, True or the words for the output, an unused input raises.
    """
    pairs = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]
    if not pairs:
        return tuple(x.new_zeros(x.shape) for x in inputs)
    found = grad(
        [o for o, _ in pairs],
        inputs,
        [c for _, c in pairs],
        retain_graph=retain,
        create_graph=create_graph,
        allow_unused=True,
    )
    return tuple(_or_zeros(g, x, i, strict) for i, (g, x) in enumerate(zip(found, inputs, strict=True)))


def _or_zeros(g, x, i, strict):
    if g is not None:
        return g
    if strict:
        output = strict if isinstance(strict, str) else "The output"
        raise RuntimeError(
            f"{output} of the user-provided function is independent of input {i}. This is not allowed in strict mode."
        )
    return x.new_zeros(x.shape)


def _cotangents(v, outputs, name):
    if v is None:
        if len(outputs) != 1 or outputs[0].numel() != 1:
            raise RuntimeError(
                "The vector v can only be None if the user-provided function returns a single Tensor with a single element."
            )
        return (outputs[0].new_ones(outputs[0].shape),)
    _, v = _tuple(v, "v", name)
    _check_like(v, outputs)
    return v


def _check_like(v, others):
    if len(v) != len(others):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(others)} but got {len(v)}.")
    for i, (a, b) in enumerate(zip(v, others, strict=True)):
        if a._a.shape != b._a.shape:
            where = f"Entry {i} in v" if len(v) > 1 else "v"
            raise RuntimeError(f"{where} has invalid size: should be {b.shape} but got {a.shape}.")


def _give(values, single, create_graph):
    values = tuple(v if create_graph else v.detach() for v in values)
    return values[0] if single else values


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """Return (func(*inputs), vᵀ J): the product of a vector with the Jacobian.

    Args:
        v: of the shape of the output; may be left out for a single element.
        strict: raise when an output does not depend on an input, instead of giving zeros.

    Example:
        >>> import plugrad
        >>> x = plugrad.tensor([1.0, 2.0])
        >>> plugrad.autograd.functional.vjp(lambda x: x**2, x, plugrad.ones(2))[1]
        tensor([2., 4.])
    """
    with enable_grad():
        single, leaves, single_output, outputs = _call(func, inputs, create_graph, "vjp")
        _strict(strict, outputs, "vjp")
        found = _grads(outputs, leaves, _cotangents(v, outputs, "vjp"), create_graph, strict)
    return _give(outputs, single_output, create_graph), _give(found, single, create_graph)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """Return (func(*inputs), J v): the product of the Jacobian with a vector of the shape of the inputs."""
    with enable_grad():
        _, leaves, single_output, outputs = _call(func, inputs, create_graph, "jvp")
        _strict(strict, outputs, "jvp")
        if v is None:
            if len(leaves) != 1 or leaves[0].numel() != 1:
                raise RuntimeError(
                    "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
                )
            v = (leaves[0].new_ones(leaves[0].shape),)
        else:
            _, v = _tuple(v, "v", "jvp")
            _check_like(v, leaves)
        cotangents = tuple(o.new_zeros(o.shape).requires_grad_() for o in outputs)
        rows = _grads(outputs, leaves, cotangents, True, strict)
        found = _grads(rows, cotangents, v, create_graph, False)
    return _give(outputs, single_output, create_graph), _give(found, single_output, create_graph)


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """Return d func / d inputs: for each output and input a tensor of shape (*output.shape, *input.shape).

    Args:
        strict: raise when an output does not depend on an input, instead of giving zeros.
        vectorize: compute all rows at once, by vmap.
        strategy: "reverse-mode", or "forward-mode", which computes columns and needs ``vectorize``.

    Raises:
        RuntimeError: ``strict`` together with ``vectorize`` or forward mode; or an output is independent and ``strict``.
        NotImplementedError: forward mode without ``vectorize``.

    Example:
        >>> import plugrad
        >>> plugrad.autograd.functional.jacobian(lambda x: x * 3, plugrad.ones(2))
        tensor([[3., 0.],
                [0., 3.]])
    """
    _check_strategy(strategy, "jacobian")
    if strategy == "forward-mode":
        if create_graph:
            raise NotImplementedError(
                'torch.autograd.functional.jacobian: `create_graph=True` and `strategy="forward-mode"` are not supported together (yet). '
                'Please either set `create_graph=False` or `strategy="reverse-mode"`.'
            )
        return _forward(func, inputs, strict, vectorize)
    with enable_grad():
        single, leaves, single_output, outputs = _call(func, inputs, create_graph, "jacobian")
        if vectorize:
            blocks = _vectorized(outputs, leaves, create_graph, strict)
        else:
            _strict(strict, outputs, "jacobian")
            blocks = tuple(_rows_of(i, o, leaves, create_graph, strict) for i, o in enumerate(outputs))
    blocks = tuple(_give(block, single, create_graph) for block in blocks)
    return blocks[0] if single_output else blocks


def _check_strategy(strategy, name):
    if strategy not in ("forward-mode", "reverse-mode"):
        hint = (
            ' Hint: If your function has more outputs than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use '
            '"reverse-mode".'
        )
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode".' + (hint if name == "jacobian" else "")
        )


def _forward(func, inputs, strict, vectorize):
    """jacobian in forward mode."""
    if strict:
        raise RuntimeError(
            'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are not supported together (yet). Please '
            'either set `strict=False` or `strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
        )
    from .functional_vectorized import columns_at_once

    single, inputs = _tuple(inputs, "inputs", "jacobian")
    single_output, blocks = columns_at_once(func, inputs)
    blocks = tuple(block[0] if single else block for block in blocks)
    return blocks[0] if single_output else blocks


def _vectorized(outputs, leaves, create_graph, strict):
    if strict:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either set "
            "`strict=False` or `vectorize=False`."
        )
    from .functional_vectorized import rows_at_once

    return rows_at_once(outputs, leaves, create_graph)


def _rows_of(number, output, leaves, create_graph, strict):
    from .ops.join import stack

    rows = []
    for i in range(output.numel()):
        pick = output.new_zeros(output.numel())
        pick[i] = 1
        rows.append(
            _grads((output,), leaves, (pick.reshape(output.shape),), create_graph, strict and f"Output {number}", True)
        )
    if not rows:
        return tuple(x.new_zeros((*output.shape, *x.shape)) for x in leaves)
    return tuple(stack([row[k] for row in rows]).reshape(*output.shape, *x.shape) for k, x in enumerate(leaves))


def _scalar(func, name):
    def checked(*inputs):
        output = func(*inputs)
        if not isinstance(output, Tensor):
            raise RuntimeError(f"The function given to {name} should return a single Tensor")
        if output.numel() != 1:
            raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
        return output.reshape(())

    return checked


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """Return the second derivatives of a function with one output element: per pair of inputs a tensor of both shapes.

    Args:
        vectorize: compute all rows at once, by vmap.
        outer_jacobian_strategy: how the gradient is differentiated: "reverse-mode", or "forward-mode" with ``vectorize``.
    """
    _check_strategy(outer_jacobian_strategy, "hessian")
    single, _ = _tuple(inputs, "inputs", "hessian")
    scalar = _scalar(func, "hessian")

    def gradient(*leaves):
        slopes = _grads((scalar(*leaves),), leaves, (leaves[0].new_ones(()),), True, strict)
        _strict_slopes(strict, slopes)
        return slopes

    if outer_jacobian_strategy == "forward-mode":
        found = jacobian(_gradient_forward(scalar), inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    elif vectorize and strict:
        _vectorized((), (), create_graph, strict)
    else:
        found = jacobian(gradient, inputs, create_graph=create_graph, strict=False, vectorize=vectorize)
    return found[0] if single else found


def _gradient_forward(scalar):
    """The gradient for all arguments, as a function that forward mode can go through."""
    from .func import grad as gradient_of

    return lambda *inputs: gradient_of(scalar, tuple(range(len(inputs))))(*inputs)


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """Return (func(*inputs), vᵀ H) for a function with one output element."""
    return _hessian_product(func, inputs, v, create_graph, strict, "vhp")


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """Return (func(*inputs), H v) for a function with one output element; H is symmetric, so this is vhp."""
    return _hessian_product(func, inputs, v, create_graph, strict, "hvp")


def _hessian_product(func, inputs, v, create_graph, strict, name):
    with enable_grad():
        single, leaves, _, outputs = _call(_scalar(func, name), inputs, create_graph, name)
        _strict(strict, outputs, name)
        slopes = _grads(outputs, leaves, (outputs[0].new_ones(()),), True, strict)
        _strict_slopes(strict, slopes)
        if v is None:
            if len(leaves) != 1 or leaves[0].numel() != 1:
                raise RuntimeError(
                    "The vector v can only be None if the input to the user-provided function is a single Tensor with a single element."
                )
            v = (leaves[0].new_ones(leaves[0].shape),)
        else:
            _, v = _tuple(v, "v", name)
            _check_like(v, leaves)
        found = _grads(slopes, leaves, v, create_graph, False)
    return _give(outputs, True, create_graph), _give(found, single, create_graph)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
