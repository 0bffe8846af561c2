"""Every public function and method names its node as the torch beside us does.

Each is called with all the argument lists below; what both libraries take and torch records is compared. Arguments that
one of them refuses are no matter of this test.
"""

import functools
import math

import pytest

import plugrad

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.oracle, pytest.mark.cpu, pytest.mark.filterwarnings("ignore")]

#: What the arguments may be: names of operands, lists of them, and plain values.
ARGUMENTS = [
    ("x",), ("x", "y"), ("x", 2), ("x", 0.5), ("x", 1), ("x", 0), ("x", -1), ("x", (1, 0)), ("x", 0, 1), ("x", 1, 0), ("x", 0, 0, 1),
    ("v", "w"), ("sq", "sq"), ("sq",), ("sq", "v"), ("v",), ("b3", "b3"), ("x", "y", 0.5), ("x", "y", "y"), ("x", 0, "idx"),
    ("x", 0, "i1"), ("x", "mask"), ("x", "mask", 0.5), ("mask", "x", "y"), (["x", "y"],), (["x", "y"], 1), ("x", (3, 2)), ("x", 3, 2),
    ("x", 1, (3, 1)), ("x", (2,)), ("c",), ("s",), ("x", 0.1, 0.9), ("x", None, 0.5), ("x", "v"), ("v", "s"), ("x", 0, "i1", "y"),
    ("x", 0, "idx", "y"), ("x", [1, 1, 1, 1]), ("im", 2), ("im", (3, 3)), ("im",), ("x", "mask", "s"), ("x", 2, 0), ("x", 1, 2),
    ("x", "y", 1), ("v", 0, 2, 1), ("v", "x", "y"), ("sq", "sq", "sq"), ("sq", "x", "x"), ("x", 2, 2),
]  # fmt: skip

#: Where the names differ, and why: the function → the part that differs. All of it is looked at, so that none stays here
#: that is equal.
DIFFERENT = {
    **dict.fromkeys(("remainder", "fmod", "remainder_", "fmod_", "__mod__", "__imod__", "__rmod__"), "one row for numbers and tensors"),
    **dict.fromkeys(("__rsub__",), "one row for numbers and tensors"),
    **dict.fromkeys(("repeat", "tile", "trace", "vecdot"), "made of other ops"),
    "diag": "a copy of a diagonal",
    "chain_matmul": "torch shows a view of the product",
    "roll": "without dims the flattened tensor is rolled",
    **dict.fromkeys(("matmul", "__matmul__", "__rmatmul__", "matrix_power", "svd_lowrank", "pca_lowrank"), "torch folds a batch into one product"),
    **dict.fromkeys(("softmax", "log_softmax", "softmin", "gumbel_softmax"), "a scalar is taken as a vector"),
    **dict.fromkeys(("celu_", "elu_", "leaky_relu_", "threshold_", "threshold"), "in place, torch counts on"),
    **dict.fromkeys(("squeeze_",), "in place, torch counts on"),
    **dict.fromkeys(("eq_", "ne_", "lt_", "le_", "gt_", "ge_", "greater_", "greater_equal_", "less_", "less_equal_", "not_equal_"), "no gradient instead of zeros"),
    **dict.fromkeys(("logical_and_", "logical_or_", "logical_xor_", "logical_not_"), "no gradient instead of that before"),
    **dict.fromkeys(("floor_divide", "floor_divide_", "__floordiv__", "__ifloordiv__", "__rfloordiv__"), "no gradient instead of an error"),
    "bernoulli_": "random",
    "float": "of a complex tensor the real part",
    "FloatTensor": "a function, no class",
}  # fmt: skip


def operands(t):
    def recorded(*shape):
        return t.arange(1.0, 1 + math.prod(shape)).reshape(*shape).div(10).requires_grad_() * 1

    return {
        "x": recorded(2, 3), "y": recorded(2, 3), "sq": recorded(3, 3) + t.eye(3), "v": recorded(3), "w": recorded(3),
        "b3": recorded(2, 3, 3), "im": recorded(1, 2, 4, 4), "s": recorded(1)[0], "c": t.tensor([1 + 1j, 0.3j]).requires_grad_() * 1,
        "idx": t.tensor([[0, 1, 0], [1, 0, 1]]), "i1": t.tensor([0, 1]), "mask": t.tensor([[True, False, True], [False, True, False]]),
    }  # fmt: skip


def spelled(given, argument):
    if isinstance(argument, str):
        return given[argument]
    if isinstance(argument, list):
        return [spelled(given, part) for part in argument]
    return argument


def names(t, find, arguments):
    """The names of the nodes of what a function returns, None where it refuses the arguments."""
    given = operands(t)
    try:
        made = find(t)(*(spelled(given, a) for a in arguments))
    except Exception:
        return None
    parts = made if isinstance(made, (tuple, list)) else [made]
    return [None if p.grad_fn is None else p.grad_fn.name() for p in parts if isinstance(p, t.Tensor)]


SWITCHES = ("_", "set_", "manual_seed", "save", "load")  # what changes the state of a library is no op


def functions():
    """(id, how it is found in a namespace) of each public function and method."""
    for place in ("", "nn.functional", "linalg"):
        ours, theirs = (inside(t, place) for t in (plugrad, torch))
        for name in dir(ours) if place else plugrad.__all__:
            found = getattr(ours, name)
            is_op = callable(found) and not isinstance(found, type) and not name.startswith(SWITCHES)
            if is_op and hasattr(theirs, name):
                yield f"{place}.{name}" if place else name, lambda t, p=place, n=name: getattr(inside(t, p), n)
    special = "add sub mul truediv mod floordiv pow matmul neg abs pos getitem reversed".split()
    special = {f"__{prefix}{name}__" for name in special for prefix in ("", "r", "i")}
    for name in sorted(set(dir(plugrad.Tensor)) & set(dir(torch.Tensor))):
        if callable(getattr(plugrad.Tensor, name)) and (name in special or not name.startswith("_")):
            yield f"Tensor.{name}", lambda t, n=name: lambda x, *rest: getattr(x, n)(*rest)


def inside(t, place):
    for part in filter(None, place.split(".")):
        t = getattr(t, part)
    return t


FUNCTIONS = dict(functions())


@functools.cache
def compared(name):
    """(arguments, our names, torch's) wherever torch records something and both take the arguments."""
    found = []
    for arguments in ARGUMENTS:
        theirs = names(torch, FUNCTIONS[name], arguments)
        ours = names(plugrad, FUNCTIONS[name], arguments) if theirs and any(theirs) else None
        if ours is not None:
            found.append((arguments, ours, theirs))
    return found


def short(name):
    return name.rpartition(".")[2]


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if short(name) not in DIFFERENT])
def test_names(name):
    different = [
        f"{arguments}: {ours}, torch: {theirs}" for arguments, ours, theirs in compared(name) if ours != theirs
    ]
    assert not different, "\n".join(different)


def test_what_is_said_to_differ_does():
    known = [name for name in FUNCTIONS if short(name) in DIFFERENT]
    assert {short(n) for n in known if any(ours != theirs for _, ours, theirs in compared(n))} == set(DIFFERENT)


def test_most_functions_are_compared():
    assert sum(bool(compared(name)) for name in FUNCTIONS) > 400
