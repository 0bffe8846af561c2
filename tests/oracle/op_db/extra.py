"""Calls of the operators that torch's op_db lacks, in its own form.

A case's functions speak of ``torch`` alone; the runner makes plugrad's out of them as it does with torch's own samples.
"""

import re
from functools import partial

import numpy as np
import torch
from torch.testing import make_tensor
from torch.testing._internal.opinfo.core import ErrorInput, OpInfo, SampleInput

F = torch.nn.functional
FLOATS = (torch.float32, torch.float64)
ALL = (*FLOATS, torch.int64, torch.complex128)
REAL = (*FLOATS, torch.int64)
ONCE = (torch.float32,)  # the arguments do not depend on a dtype

CASES = {}


def case(name, samples, op=None, dtypes=ALL, errors=(), **options):
    """Add an operator.

    Args:
        samples: takes ``make(*shape, **limits)``; gives a list of tuples of arguments; a dictionary at the end of a tuple holds
            keywords.
        op: the function; default: torch's of this name.
        errors: tuples of arguments that torch refuses.
    """
    CASES[name] = samples, op, dtypes, errors, options


def sample(arguments):
    arguments = arguments if isinstance(arguments, tuple) else (arguments,)
    keywords = arguments[-1] if isinstance(arguments[-1], dict) else {}
    args = arguments[:-1] if keywords else arguments
    return SampleInput(args[0] if args else None, args=args[1:], kwargs=keywords)


def samples_of(samples, info, device, dtype, requires_grad, **kwargs):
    def make(*shape, **limits):
        return make_tensor(shape, device=device, dtype=dtype, requires_grad=requires_grad, **limits)

    return [sample(arguments) for arguments in samples(make)]


def errors_of(errors, info, device, **kwargs):
    for arguments in errors:
        given = sample(arguments)
        try:
            info.op(given.input, *given.args, **given.kwargs)
        except Exception as error:
            yield ErrorInput(given, error_type=type(error), error_regex=re.escape(str(error).split("\n")[0]))


def info(name):
    samples, op, dtypes, errors, options = CASES[name]
    options = {"supports_out": False, "supports_autograd": False, **options}
    if options["supports_autograd"]:
        options = {"supports_forward_ad": True, "supports_gradgrad": True, **options}
    if op is not None:
        options["op"] = op
    if errors:
        options["error_inputs_func"] = partial(errors_of, errors)
    return OpInfo(name, dtypes=dtypes, sample_inputs_func=partial(samples_of, samples), **options)


def infos():
    return [info(name) for name in CASES]


# --- a tensor as a Python value ---
ONE_ELEMENT = (torch.ones(2),)
case("__bool__", lambda make: [make(), make(1, 1)], torch.Tensor.__bool__, errors=(torch.ones(2), torch.ones(0)))
case("__int__", lambda make: [make(), make(1, 1)], torch.Tensor.__int__, REAL, errors=ONE_ELEMENT)
case("__float__", lambda make: [make(), make(1, 1)], torch.Tensor.__float__, REAL, errors=ONE_ELEMENT)
case(
    "__index__",
    lambda make: [make(), make(1)],
    torch.Tensor.__index__,
    (torch.int64,),
    errors=(torch.ones(()), torch.ones(2, dtype=torch.int64)),
)
case("__len__", lambda make: [make(3), make(2, 0), make(0, 2)], torch.Tensor.__len__, errors=(torch.ones(()),))
case(
    "__contains__",
    lambda make: [(make(3), 1), (make(3), 0.5), (torch.arange(4), 3), (torch.arange(4), torch.tensor(2))],
    torch.Tensor.__contains__,
    errors=((torch.ones(3), "a"),),
)
case("tolist", lambda make: [make(), make(3), make(2, 0), make(2, 3)], lambda x: x.tolist())
case(
    "__invert__",
    lambda make: [make(), make(3, 2)],
    torch.Tensor.__invert__,
    (torch.int64, torch.bool),
    errors=ONE_ELEMENT,
)

# --- what a tensor is ---
case("dim", lambda make: [make(), make(2, 3)], torch.Tensor.dim)
case("numel", lambda make: [make(), make(2, 3), make(2, 0)])
case("nelement", lambda make: [make(), make(2, 3)], torch.Tensor.nelement)
case("element_size", lambda make: [make(), make(2)], torch.Tensor.element_size)
case(
    "size",
    lambda make: [make(), make(2, 3), (make(2, 3), -1), (make(2, 3), {"dim": 0})],
    torch.Tensor.size,
    errors=((torch.ones(2), 1), (torch.ones(2), "a")),
)
case("is_complex", lambda make: [make(2)], errors=((3,),))
case("is_floating_point", lambda make: [make(2)], errors=((3,),))
case("is_tensor", lambda make: [make(2), 3, [1.0]])
case(
    "is_contiguous", lambda make: [make(2, 3), make(2, 3).t(), make(4)[::2], make(2, 0).t()], torch.Tensor.is_contiguous
)

# --- dtypes ---
DTYPES = (
    torch.bool,
    torch.uint8,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.float32,
    torch.float64,
    torch.complex64,
)
PAIRS = [(a, b) for a in DTYPES for b in DTYPES]
case("can_cast", lambda make: PAIRS, dtypes=ONCE, errors=((torch.float32,), (1, torch.float32)))
case("promote_types", lambda make: PAIRS, dtypes=ONCE, errors=((torch.float32, 1),))
case(
    "result_type",
    lambda make: [
        (make(2), 1),
        (make(2), 1.5),
        (make(2), 1j),
        (1, 2.0),
        (make(), make(2)),
        (make(2), torch.ones(2, dtype=torch.int32)),
    ],
    errors=((torch.ones(2), "a"),),
)
case(
    "type_as",
    lambda make: [(make(2), torch.ones(3, dtype=dtype)) for dtype in (torch.float32, torch.float64, torch.int64)],
    lambda x, other: x.type_as(other),
    dtypes=REAL,
    errors=((torch.ones(2), 1),),
    supports_autograd=True,
)

# --- creation ---
case(
    "tensor",
    lambda make: [1, 2.5, True, 1j, [], [[1, 2], [3, 4]], [1.0, 2], ([1, 2], {"dtype": torch.float64}), (3.7, {"dtype": torch.int64}),
                  np.arange(3), np.float32(2), [np.float64(1.5), 2], ([True, False], {"dtype": torch.float32})],
    dtypes=ONCE,
    errors=([[1], [2, 3]], "a", [None], ([1, 2], [3]), object),
)  # fmt: skip
case(
    "as_tensor",
    lambda make: [
        1,
        [1.5, 2],
        make(2),
        np.arange(3.0),
        (make(2), {"dtype": torch.float64}),
        ([1, 2], {"dtype": torch.float32}),
    ],
    errors=("a", [[1], [2, 3]]),
)
case(
    "new_tensor",
    lambda make: [(make(2), 3), (make(2), [1.5, 2]), (make(2), [[True]]), (make(2), [1], {"dtype": torch.int32})],
    lambda x, *args, **kwargs: x.new_tensor(*args, **kwargs),
)
case(
    "from_numpy",
    lambda make: [
        np.arange(6).reshape(2, 3),
        np.ones((2, 2), np.float32)[:, ::2],
        np.zeros((0, 3)),
        np.array(1 + 2j),
        np.array([True]),
    ],
    dtypes=ONCE,
    errors=([1, 2], np.array(["a"])),
)
case(
    "rand",
    lambda make: [(2, 3), ((2, 3),), 0, ((2,), {"dtype": torch.float64})],
    dtypes=ONCE,
    errors=((-1,), ((2, -3),)),
    supports_out=True,
)
case("randperm", lambda make: [0, 1, 10, (5, {"dtype": torch.int32})], dtypes=ONCE, errors=((-1,),), supports_out=True)
case(
    "vander",
    lambda make: [make(3), (make(3), 5), (make(3), {"increasing": True}), (make(0),), (make(3), 0)],
    errors=((torch.ones(2, 2),), (torch.ones(2), -1)),
    supports_autograd=True,
)

# --- arithmetic ---
case(
    "__rfloordiv__",
    lambda make: [(make(3, low=1, high=5), 7), (make(3, low=1, high=5), 7.5)],
    torch.Tensor.__rfloordiv__,
    REAL,
)
case(
    "__rtruediv__",
    lambda make: [(make(3, low=1, high=5), 7), (make(2, 2, low=1, high=5), 7.5), (make(low=1, high=5), 2)],
    torch.Tensor.__rtruediv__,
    supports_autograd=True,
)
case("detach", lambda make: [make(), make(2, 3)])
case(
    "chain_matmul",
    lambda make: [(make(2, 3), make(3, 4)), (make(2, 3), make(3, 4), make(4, 2)), (make(2, 3),)],
    errors=((torch.ones(2, 3), torch.ones(2)), (torch.ones(2, 3), torch.ones(2, 3))),
    supports_autograd=True,
    supports_out=True,
)


def set_item(x, key, value):
    x = x.clone()
    x[key] = value
    return x


case(
    "__setitem__",
    lambda make: [
        (make(4), 1, 2.0), (make(4, 3), 0, make(3)), (make(4, 3), (slice(1, 3), -1), make(2)), (make(4, 3), ..., make()),
        (make(4, 3), torch.tensor([0, 2]), make(2, 3)), (make(4), torch.tensor([True, False, True, False]), make(2)),
        (make(4, 3), (None, 1), make(1, 3)), (make(4), slice(None, None, 2), 3), (make(), (), make()), (make(2, 2), True, make()),
    ],
    set_item,
    errors=((torch.ones(3), 5, 1.0), (torch.ones(3), slice(0, 2), torch.ones(3)), (torch.ones(3), "a", 1.0), (torch.ones(3), (0, 0), 1.0)),
    supports_autograd=True,
)  # fmt: skip

# --- nn ---
case("nn.functional.softmax", lambda make: [(make(3), 0), (make(2, 3), -1), (make(2, 3), 1, {"dtype": torch.float64})], F.softmax, REAL[:2],
     errors=((torch.ones(2), 3),), supports_autograd=True)  # fmt: skip
case("nn.functional.log_softmax", lambda make: [(make(3), 0), (make(2, 3), -1), (make(2, 3), 1, {"dtype": torch.float64})], F.log_softmax,
     FLOATS, errors=((torch.ones(2), 3),), supports_autograd=True)  # fmt: skip
case("nn.functional.sigmoid", lambda make: [make(), make(2, 3)], F.sigmoid, supports_autograd=True)
case("nn.functional.tanh", lambda make: [make(), make(2, 3)], F.tanh, supports_autograd=True)
case(
    "nn.functional.relu_",
    lambda make: [make(), make(2, 3)],
    lambda x: torch.nn.functional.relu_(x.clone()),
    REAL,
    supports_autograd=True,
)
case("nn.functional.dropout1d", lambda make: [(make(2, 3, 4), {"p": 0.3}), (make(3, 4),), (make(2, 3, 4), {"training": False}), (make(2, 3, 4), {"p": 1.0})],
     lambda *args, **kwargs: torch.nn.functional.dropout1d(*args, **kwargs), FLOATS, errors=((torch.ones(2, 3), 2.0), (torch.ones(3),)),
     supports_autograd=True)  # fmt: skip
case("nn.functional.gumbel_softmax", lambda make: [(make(3),), (make(2, 3), 0.5), (make(2, 3), {"hard": True}), (make(2, 3), {"dim": 0})],
     F.gumbel_softmax, FLOATS, supports_autograd=True)  # fmt: skip
case("nn.functional.affine_grid", lambda make: [(make(2, 2, 3), (2, 1, 3, 4)), (make(2, 2, 3), (2, 1, 3, 4), {"align_corners": True}),
     (make(1, 3, 4), (1, 2, 2, 3, 4), {"align_corners": False})], F.affine_grid, FLOATS,
     errors=((torch.ones(2, 2, 2), (2, 1, 3, 4)), (torch.ones(2, 2, 3), (2, 1, 3)), (torch.ones(2, 2, 3, dtype=torch.int64), (2, 1, 3, 4))),
     supports_autograd=True)  # fmt: skip
case("nn.functional.fold", lambda make: [(make(2, 12, 12), (4, 5), (2, 2)), (make(12, 12), (4, 5), (2, 2)), (make(1, 4, 9), (5, 5), 2, {"stride": 2, "padding": 1}),
     (make(1, 4, 4), (4, 4), 2, {"dilation": 2})], F.fold, (*FLOATS, torch.complex128),
     errors=((torch.ones(2, 12, 11), (4, 5), (2, 2)), (torch.ones(2, 11, 12), (4, 5), (2, 2)), (torch.ones(2), (4, 5), 2)), supports_autograd=True)  # fmt: skip
for n in (1, 2, 3):
    shape = (2, 3, *(5, 6, 4)[:n])
    case(
        f"nn.functional.lp_pool{n}d",
        lambda make, shape=shape: [
            (make(*shape, low=0.1, high=2), 2.0, 2), (make(*shape, low=0.1, high=2), 3, 2, {"stride": 1}),
            (make(*shape, low=0.1, high=2), 1, 2, {"ceil_mode": True}), (make(*shape[1:], low=0.1, high=2), 2, 3),
        ],
        getattr(F, f"lp_pool{n}d"),
        FLOATS,
        supports_autograd=True,
    )  # fmt: skip
case("nn.utils.parameters_to_vector", lambda make: [([make(2, 3), make(4)],), ([make()],)], torch.nn.utils.parameters_to_vector,
     errors=((3,), ([3],)), supports_autograd=True)  # fmt: skip
case("nn.utils.rnn.pad_sequence", lambda make: [([make(3), make(2)],), ([make(3, 2), make(1, 2)], {"batch_first": True}),
     ([make(3), make(1)], {"padding_value": 2.5}), ([make(3), make(1)], {"padding_side": "left"})], torch.nn.utils.rnn.pad_sequence,
     errors=((3,), ([torch.ones(2, 2), torch.ones(2, 3)],)), supports_autograd=True)  # fmt: skip
