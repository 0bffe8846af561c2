"""The other forms of an operator: method, in-place, ``out=``, operator, in-place operator, aliases."""

from functools import partial

import torch

import plugrad

from .checks import Difference, compare_call, derivative_dtypes, determined, seeded, short_name, told, torchs
from .compare import same
from .exact import agree
from .samples import calls, copied, tensors
from .translate import function

DTYPES = (torch.float32, torch.int64, torch.complex128)


def variants(tally, info, most, values=True):
    """Compare every form that torch's operator has; values is False for random ones."""
    others = {
        "method": info.get_method(),
        "operator": info.get_operator(),
        **{f"alias {alias.name}": alias.op for alias in info.aliases if alias.op is not None},
    }
    for dtype in [d for d in DTYPES if d in info.dtypes]:
        found, told_values = calls(info, dtype, most), determined(info, dtype, values)
        for name, op in others.items():
            for call in found if callable(op) else ():
                compare_call(tally, short_name(dtype), op, call, told_values, name)
        for call in found:
            compare_in_place(tally, short_name(dtype), info.get_inplace(), call, told_values)
            compare_in_place(
                tally, short_name(dtype), info.get_inplace_operator(), call, told_values, "in-place operator"
            )
            if info.supports_out:
                compare_out(tally, short_name(dtype), info.op, call, told_values)
    for dtype in derivative_dtypes(info)[:1]:
        compare_in_place_gradients(tally, info, dtype, most)


def compare_in_place(tally, label, op, call, values, form="in-place"):
    if op is None or not isinstance(call.sample.input, torch.Tensor):
        return
    args, kwargs = copied(call.theirs())
    try:
        expected = seeded(torch, op, args, kwargs)
    except RuntimeError as error:
        expected = error
    except (TypeError, ValueError):  # not a call of this form
        return

    def check():
        our_args, our_kwargs = call.ours()
        try:
            result = seeded(plugrad, function(op), our_args, our_kwargs)
        except Exception as error:
            if type(error) is type(expected):
                return False
            raise
        if isinstance(expected, Exception):
            raise Difference(f"no error, torch raises {told(expected)}")
        if result is not our_args[0]:
            raise Difference("the result is not the tensor itself")
        return agree(result, expected, op, copied(call.theirs()), values)

    tally.compare(f"{label} {call}", check, form)


def compare_out(tally, label, op, call, values):
    args, kwargs = call.theirs()
    plain = torchs(lambda: seeded(torch, op, *copied((args, kwargs))))
    shapes = tensors(plain)
    if not shapes or "out" in kwargs:
        return

    def run(library, op, arguments):
        out = [library.zeros(tuple(t.shape), dtype=getattr(library, short_name(t.dtype))) for t in shapes]
        out = out[0] if isinstance(plain, torch.Tensor) else tuple(out)
        result = seeded(library, op, arguments[0], {**arguments[1], "out": out})
        return out, result

    expected = torchs(lambda: run(torch, op, copied((args, kwargs))))
    if expected is None:
        return

    def check():
        out, result = run(plugrad, function(op), call.ours())
        if are_same(out, result) != are_same(*expected):
            raise Difference("the result is not what was given as out")
        if values is not True:
            return agree(result, expected[1], op, (args, kwargs), values)
        return agree(
            function(call.process)(result), call.process(expected[1]), op, (args, kwargs), process=call.process
        )

    tally.compare(f"{label} {call}", check, "out=")


def are_same(out, result):
    out, result = tensors(out), tensors(result)
    return len(out) == len(result) and all(a is b for a, b in zip(out, result, strict=True))


def compare_in_place_gradients(tally, info, dtype, most):
    """The gradient through ``x.clone().op_(...)``."""
    op = info.get_inplace()
    if op is None or not info.supports_inplace_autograd:
        return
    for call in calls(info, dtype, most, requires_grad=True):
        if isinstance(call.sample.input, torch.Tensor) and not call.sample.broadcasts_input:
            compare_in_place_gradient(tally, short_name(dtype), op, call)


def gradient_in_place(library, op, arguments):
    library.manual_seed(7)
    (x, *args), kwargs = arguments
    inputs = list({id(t): t for t in tensors((x, args, kwargs)) if t.requires_grad}.values())
    result = op(x.clone(), *args, **kwargs)
    scale = library.arange(1, result.numel() + 1, dtype=result.dtype).reshape(tuple(result.shape))
    found = library.autograd.grad(result, inputs, scale, allow_unused=True)
    return [library.zeros_like(t) if g is None else g for g, t in zip(found, inputs, strict=True)]


def compare_in_place_gradient(tally, label, op, call):
    expected = torchs(lambda: gradient_in_place(torch, op, call.theirs()))
    if expected is not None:
        check = partial(check_in_place_gradient, op, call, expected)
        tally.compare(f"{label} {call}", check, "in-place gradient")


def check_in_place_gradient(op, call, expected):
    same(gradient_in_place(plugrad, function(op), call.ours(True)), expected)
