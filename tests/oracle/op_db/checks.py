"""The checks of one operator: each gives the calls that were compared and why some fell short."""

import re
from functools import partial

import numpy as np
import torch

import plugrad

from .compare import Difference, host, same
from .exact import agree
from .samples import Call, belongs, calls, copied, mapped, tensors
from .translate import MissingName, Translation, function

#: An AttributeError of a module or class of ours, met inside a function of a sample.
MISSING = re.compile(r"(?:module 'plugrad[\w.]*'|'Tensor' object) has no attribute '(?P<name>\w+)'")
#: Operators that may give the index of any of several equal elements; integers have many.
TIES = {"kthvalue", "median", "mode", "nanmedian", "sort", "topk"}
INTEGERS = (torch.int64, torch.bool)
STEP = 1e-6  # of central differences
DETAIL = " | "  # after it a reason tells what differs from call to call


class Tally:
    """How many calls were compared, and why some fell short: ``{reason: (how many calls, the first of them)}``."""

    def __init__(self):
        self.total = 0
        self.failed = 0
        self.nearer = 0  # torch's result is the one that is off
        self.reasons = {}
        self.passed_dtypes = {}

    @property
    def dtypes(self):
        """The dtypes all of whose calls pass."""
        return [name for name, passed in self.passed_dtypes.items() if passed]

    def compare(self, label, check, form="", dtype=None):
        """Count one call; ``check`` raises where plugrad falls short.

        Args:
            label: the call as text.
            form: what was called, if not the function: ``method``, ``out=``.
        """
        self.total += 1
        before = self.failed
        self.run(label, check, form)
        if dtype is not None:
            passed = self.passed_dtypes.get(dtype, True)
            self.passed_dtypes[dtype] = passed and self.failed == before

    def run(self, label, check, form):
        try:
            self.nearer += check() is True
        except Difference as difference:
            self.fail(str(difference), label, form)
        except MissingName as missing:
            self.fail(f"missing name: {missing}", label, form)
        except Exception as error:
            missing = MISSING.match(str(error))
            self.fail(f"missing name: no {missing['name']}" if missing else told(error), label, form)

    def fail(self, reason, label, form=""):
        self.failed += 1
        kind, _, detail = reason.partition(DETAIL)
        kind = f"[{form}] {kind}" if form else kind
        first = f"{label}: {detail}" if detail else label
        count, first = self.reasons.get(kind, (0, first))
        self.reasons[kind] = count + 1, first


def told(error):
    text = str(error).split("\n")[0]
    return f"{type(error).__name__}: {text[:160]}"


def torchs(run):
    """torch's result, or None where torch itself refuses: no call to compare."""
    try:
        return run()
    except Exception:
        return None


def seeded(library, op, args, kwargs):
    library.manual_seed(7)
    return op(*args, **kwargs)


def dtypes_of(info):
    found = [d for d in (torch.float32, torch.float64) if d in info.dtypes]
    found += [d for d in INTEGERS if d in info.dtypes][:1]
    return found + ([torch.complex128] if torch.complex128 in info.dtypes else [])


def short_name(dtype):
    return str(dtype).removeprefix("torch.")


# --- forward ---
def forward(tally, info, most, values=True):
    for dtype in dtypes_of(info):
        for call in calls(info, dtype, most):
            compare_call(tally, short_name(dtype), info.op, call, determined(info, dtype, values))


def determined(info, dtype, values):
    """Which results have values of their own: all, none, or the first alone."""
    return "first" if values and info.name in TIES and not dtype.is_floating_point else values


def compare_call(tally, label, op, call, values=True, form=""):
    args, kwargs = call.theirs()
    expected = torchs(lambda: seeded(torch, op, *copied((args, kwargs))))
    if expected is None:
        return

    def check():
        ours = function(op)
        our_args, our_kwargs = call.ours()
        result = seeded(plugrad, ours, our_args, our_kwargs)
        if values is not True:
            return agree(result, expected, op, (args, kwargs), values)
        return agree(function(call.process)(result), call.process(expected), op, (args, kwargs), process=call.process)

    tally.compare(f"{label} {call}", check, form, dtype=label)


# --- derivatives ---
def derivative_dtypes(info):
    backward = info.supported_backward_dtypes("cpu")
    return [d for d in (torch.float64, torch.complex128) if d in backward]


def symmetrized(info):
    """The operator, after what torch does to its samples so that every small change of them is one it may take."""
    return partial(info.gradcheck_wrapper, info.op)


def is_moving(t):
    return t.dtype.is_floating_point or t.dtype.is_complex


def results(call, op, arguments, process):
    args, kwargs = arguments
    return [t for t in tensors(process(op(*args, **kwargs))) if is_moving(t)]


def differentiated(library, call, op, arguments, process, orders):
    """Which outputs need a gradient, and the gradients of Σ Re(conj(c)·output) for random c, of each order.

    The second order also differentiates by c, so that it says something about linear operators too.
    """
    library.manual_seed(7)
    inputs = list({id(t): t for t in tensors(arguments) if t.requires_grad}.values())
    outputs = results(call, op, arguments, process)
    made = [[t.requires_grad for t in outputs]]
    for order in range(1, orders + 1):
        # One draw by an output's place, so that both libraries draw the same for it whatever else needs a gradient.
        pairs = [(t, i) for i, t in enumerate(outputs) if t is not None and t.requires_grad]
        if not pairs:
            return None if order == 1 else [*made, [None] * len(inputs)]
        cotangents = [random_like(library, (order, i), t, order < orders) for t, i in pairs]
        outputs = library.autograd.grad(
            [t for t, _ in pairs], inputs, cotangents, allow_unused=True, create_graph=order < orders
        )
        made.append([None if g is None else g.detach() for g in outputs])
        inputs = inputs + cotangents
    return made


def random_like(library, seed, t, requires_grad=False):
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1, 1, tuple(t.shape))
    drawn = drawn + 1j * rng.uniform(-1, 1, tuple(t.shape)) if t.dtype.is_complex else drawn
    return library.from_numpy(np.asarray(drawn)).to(t.dtype).requires_grad_(requires_grad)


def derivative(tally, info, most, orders):
    for dtype in derivative_dtypes(info):
        for call in calls(info, dtype, most, requires_grad=True):
            compare_derivative(tally, short_name(dtype), symmetrized(info), call, orders)


def leaves(arguments):
    """The arguments with leaves of their own in place of parts of others: torch gives a part of a leaf no gradient."""
    return mapped(
        lambda t: t.detach().requires_grad_(t.requires_grad) if t._is_view() or not t.is_leaf else t, arguments
    )


def compare_derivative(tally, label, op, call, orders):
    expected = torchs(lambda: differentiated(torch, call, op, leaves(call.theirs()), call.process, orders))
    if expected is None:
        return

    def check():
        found = differentiated(plugrad, call, function(op), call.ours(True), function(call.process), orders)
        if found is None:
            raise Difference("no output requires a gradient")
        if found[0] != expected[0]:
            raise Difference(f"requires_grad of the outputs {found[0]}, torch {expected[0]}")
        for order in range(1, orders + 1):
            compare_gradients(found[order], expected[order], "gradient" if order == 1 else "second gradient")

    tally.compare(f"{label} {call}", check)


def compare_gradients(ours, theirs, name):
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a is None or b is None:
            if a is not b and host_nonzero(a if b is None else b):
                raise Difference(f"{name} {i} is {'None' if a is None else 'not None'}, torch's the other")
        else:
            same(a, b, f"{name} {i}: ")


def host_nonzero(t):
    return bool((t != 0).any())


def gradient(tally, info, most):
    derivative(tally, info, most, 1)


def second(tally, info, most):
    if info.supports_gradgrad:
        derivative(tally, info, most, 2)


# --- forward mode ---
def jvp(tally, info, most):
    if not info.supports_forward_ad:
        return
    for dtype in derivative_dtypes(info):
        for call in calls(info, dtype, most, requires_grad=True):
            compare_jvp(tally, short_name(dtype), symmetrized(info), call)


def tangents(library, call, op, arguments, process):
    """The outputs' tangents for random tangents of all inputs that torch differentiates."""
    library.manual_seed(7)
    mode = library.autograd.forward_ad
    with mode.dual_level():
        duals = moved(library, arguments, lambda t, v: mode.make_dual(t.detach(), v))
        pairs = [mode.unpack_dual(t) for t in results(call, op, duals, process)]
        return [None if p.tangent is None else p.tangent.clone().detach() for p in pairs]


def moved(library, arguments, move):
    """The arguments with ``move(tensor, its random direction)`` in place of each tensor that requires grad."""
    made = {}

    def moved_tensor(t):
        if t.requires_grad and id(t) not in made:
            made[id(t)] = move(t, random_like(library, (3, len(made)), t))
        return made.get(id(t), t)

    return mapped(moved_tensor, arguments)


def compare_jvp(tally, label, op, call):
    expected = torchs(lambda: tangents(torch, call, op, call.theirs(), call.process))
    if expected is None or all(t is None for t in expected):
        return

    def check():
        found = tangents(plugrad, call, function(op), call.ours(True), function(call.process))
        if len(found) != len(expected):
            raise Difference(f"{len(found)} outputs, torch {len(expected)}")
        try:
            compare_gradients(found, expected, "tangent")
        except Difference:
            if not is_right(found, expected, call, op):
                raise

    tally.compare(f"{label} {call}", check)


def is_right(found, expected, call, op):
    """Whether plugrad's tangents are what differences of torch's function give, and torch's own are farther from it."""
    ahead, behind = (
        results(call, op, moved(torch, call.theirs(), lambda t, v, h=h: t.detach() + h * v), call.process)
        for h in (STEP, -STEP)
    )
    slopes = [(a - b) / (2 * STEP) for a, b in zip(ahead, behind, strict=True)]
    ours = max(relative_error(t, s) for t, s in zip(found, slopes, strict=True))
    theirs = max(relative_error(t, s) for t, s in zip(expected, slopes, strict=True))
    return ours < 1e-6 and theirs > 10 * ours


def relative_error(tangent, slope):
    off = np.abs((0.0 if tangent is None else host(tangent)) - host(slope))
    return off.max(initial=0) / max(1.0, np.abs(host(slope)).max(initial=0))


# --- errors ---
def errors(tally, info, most):
    if info.error_inputs_func is None:
        return
    for case in list(info.error_inputs("cpu")):
        if belongs(case.sample_input):
            compare_error(tally, info.op, case)


def compare_error(tally, op, case):
    sample = case.sample_input
    args = (sample.input, *sample.args)
    error = raised(lambda: op(*args, **sample.kwargs))
    if error is None:
        return

    def check():
        translation = Translation()
        our_args, our_kwargs = translation.value(args), translation.value(sample.kwargs)
        ours = function(op)
        found = raised(lambda: ours(*our_args, **our_kwargs))
        if found is None:
            raise Difference(f"no error, torch raises {told(error)}")
        if type(found).__name__ != type(error).__name__:
            raise Difference(f"{told(found)}, torch {told(error)}")
        if not re.search(case.error_regex, str(found)) and str(error) not in str(found):
            raise Difference(f"{told(found)}, torch {told(error)}")

    tally.compare(str(Call(sample)), check)


def raised(run):
    try:
        run()
    except Exception as error:
        return error
    return None
