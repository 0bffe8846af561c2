"""Calls that are run with torch and with plugrad: values, dtypes, shapes, names of nodes, gradients, errors."""

from plugrad_outcome import differences, outcome


def agree(program, plugrad, torch, rel=2e-6, absolute=1e-6):
    """Fail with the differences between what a program does with plugrad and with torch."""
    found = differences(outcome(program, plugrad), outcome(program, torch), rel=rel, absolute=absolute)
    assert not found, "\n".join(found)


def recorded(function, *inputs):
    """A program: the result of a function of tensors that require grad, its node's name, and the gradients."""

    def program(t):
        tensors = [t.tensor(values, requires_grad=not isinstance(values[0], (int, bool))) for values in inputs]
        made = function(t, *tensors)
        moving = [x for x in tensors if x.requires_grad]
        names = type(made.grad_fn).__name__
        if made.grad_fn is None:
            return made, names
        weights = t.arange(1, made.numel() + 1).reshape(made.shape).to(made.dtype)
        # a gradient of zeros may have no memory in torch
        grads = [g + 0 for g in t.autograd.grad((made * weights).sum().real, moving)]
        return made.detach(), names, grads

    return program
