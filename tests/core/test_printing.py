"""Printed tensors: the texts that torch 2.13 printed for the same values."""

import math
from functools import partial

import numpy as np
import pytest

from plugrad.core.printing import (
    format_tensor,
    get_printoptions,
    parameter_str,
    printoptions,
    set_printoptions,
    size_repr,
    tensor_str,
)

f16, f32, f64, i64, c64, c128 = (
    partial(np.array, dtype=name) for name in ("float16", "float32", "float64", "int64", "complex64", "complex128")
)
inf, nan = np.inf, np.nan


@pytest.fixture(autouse=True)
def _default_options():
    set_printoptions(profile="default")
    yield
    set_printoptions(profile="default")


def text_of(values, **keywords):
    return tensor_str(values, **{"dtype_name": values.dtype.name, "default_dtype_name": "float32", **keywords})


def golden(name, values, expected, options=None, **keywords):
    return pytest.param(values, expected, options or {}, keywords, id=name)


GOLDEN = [
    # the tutorials' prints
    golden("S1", f32(np.ones((2, 2))), "tensor([[1., 1.],\n        [1., 1.]], requires_grad=True)", requires_grad=True),
    golden(
        "S3",
        f32([[3, 3], [3, 3]]),
        "tensor([[3., 3.],\n        [3., 3.]], grad_fn=<AddBackward0>)",
        grad_fn_name="AddBackward0",
    ),
    golden(
        "S5",
        f32([[27, 27], [27, 27]]),
        "tensor([[27., 27.],\n        [27., 27.]], grad_fn=<MulBackward0>)",
        grad_fn_name="MulBackward0",
    ),
    golden("S5 scalar", f32(27), "tensor(27., grad_fn=<MeanBackward0>)", grad_fn_name="MeanBackward0"),
    golden(
        "S7",
        f32([[0.1, -1.25, 2, 0.33333, -0.5], [1.5, 0, 0, 0.01, 2.5]]),
        "tensor([[ 0.1000, -1.2500,  2.0000,  0.3333, -0.5000],\n"
        "        [ 1.5000,  0.0000,  0.0000,  0.0100,  2.5000]], requires_grad=True)",
        requires_grad=True,
    ),
    golden("S8", f32(np.full((2, 2), 4.5)), "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])"),
    golden(
        "S15 a",
        f32([48.6576, -666.0714, -1112.4949]),
        "tensor([   48.6576,  -666.0714, -1112.4949], grad_fn=<MulBackward0>)",
        grad_fn_name="MulBackward0",
    ),
    golden(
        "S15 b",
        f32([293.4463, 50.6356, 1031.2501]),
        "tensor([ 293.4463,   50.6356, 1031.2501], grad_fn=<MulBackward0>)",
        grad_fn_name="MulBackward0",
    ),
    golden(
        "S15 c",
        f32([622.4786, 186.5931, -1040.9867]),
        "tensor([  622.4786,   186.5931, -1040.9867], grad_fn=<MulBackward0>)",
        grad_fn_name="MulBackward0",
    ),
    golden(
        "S16",
        f32([0.0475, -0.6505, -1.0864]),
        "tensor([ 0.0475, -0.6505, -1.0864], requires_grad=True)",
        requires_grad=True,
    ),
    golden("S17 a", f32([102.4, 1024, 0.1024]), "tensor([1.0240e+02, 1.0240e+03, 1.0240e-01])"),
    golden("S17 b", f32([51.2, 512, 0.0512]), "tensor([5.1200e+01, 5.1200e+02, 5.1200e-02])"),
    golden("S18", f32([0.1, 1, 0.0001]), "tensor([1.0000e-01, 1.0000e+00, 1.0000e-04])"),
    golden("S22", np.array(True), "tensor(True)"),
    golden("S25 leaf", f32(np.full((3, 3), 2)), "tensor([[2., 2., 2.],\n        [2., 2., 2.],\n        [2., 2., 2.]])"),
    golden("S25 scalar", f32(1), "tensor(1.)"),
    golden("S26", f32([-22, 15]), "tensor([-22.,  15.], grad_fn=<SubBackward0>)", grad_fn_name="SubBackward0"),
    golden("S27", np.array([False, False]), "tensor([False, False])"),
    # 0-dim
    golden("0-dim int", i64(-5), "tensor(-5)"),
    golden("0-dim zero", f32(0), "tensor(0.)"),
    golden("0-dim negative zero", f32(-0.0), "tensor(-0.)"),
    golden("0-dim fraction", f32(0.1), "tensor(0.1000)"),
    golden("0-dim tiny", f32(1e-5), "tensor(1.0000e-05)"),
    golden("0-dim huge", f32(123456789), "tensor(1.2346e+08)"),
    golden("0-dim large integer", f32(100000000), "tensor(100000000.)"),
    golden("0-dim nan", f32(nan), "tensor(nan)"),
    golden("0-dim inf", f32(-inf), "tensor(-inf)"),
    golden("0-dim double", f64(3.14159265), "tensor(3.1416, dtype=torch.float64)"),
    golden("0-dim half", f16(0.1), "tensor(0.1000, dtype=torch.float16)"),
    golden("0-dim uint8", np.array(255, "uint8"), "tensor(255, dtype=torch.uint8)"),
    golden("0-dim complex", c64(1 + 2j), "tensor(1.+2.j)"),
    golden("0-dim complex double", c128(0.5 - 0.25j), "tensor(0.5000-0.2500j, dtype=torch.complex128)"),
    # every dtype
    golden("bool", np.array([True, False, True]), "tensor([ True, False,  True])"),
    golden("bool 2-d", np.array([[True, True], [False, True]]), "tensor([[ True,  True],\n        [False,  True]])"),
    golden("uint8", np.array([1, 22, 100], "uint8"), "tensor([  1,  22, 100], dtype=torch.uint8)"),
    golden("int8", np.array([1, 22, -100], "int8"), "tensor([   1,   22, -100], dtype=torch.int8)"),
    golden("int16", np.array([1, 22, -100], "int16"), "tensor([   1,   22, -100], dtype=torch.int16)"),
    golden("int32", np.array([1, 22, -100], "int32"), "tensor([   1,   22, -100], dtype=torch.int32)"),
    golden("int64", np.array([1, 22, -100], "int64"), "tensor([   1,   22, -100])"),
    golden("int64 extremes", i64([-(2**63), 2**63 - 1]), "tensor([-9223372036854775808,  9223372036854775807])"),
    golden("float16", f16([1.5, 2.25, -3]), "tensor([ 1.5000,  2.2500, -3.0000], dtype=torch.float16)"),
    golden(
        "bfloat16", f32([1.0078125, -2.5]), "tensor([ 1.0078, -2.5000], dtype=torch.bfloat16)", dtype_name="bfloat16"
    ),
    golden("bfloat16 integers", f32([1, 2]), "tensor([1., 2.], dtype=torch.bfloat16)", dtype_name="bfloat16"),
    golden("float64", f64([1.5, 2]), "tensor([1.5000, 2.0000], dtype=torch.float64)"),
    golden("complex64", c64([1 + 2j, -1.5 - 0.5j]), "tensor([ 1.0000+2.0000j, -1.5000-0.5000j])"),
    golden(
        "complex128",
        c128([[1j, 2], [0, -3 - 4j]]),
        "tensor([[ 0.+1.j,  2.+0.j],\n        [ 0.+0.j, -3.-4.j]], dtype=torch.complex128)",
    ),
    # the default dtype decides which dtype is shown
    golden(
        "float32 under float64",
        f32([1, 2.5]),
        "tensor([1.0000, 2.5000], dtype=torch.float32)",
        default_dtype_name="float64",
    ),
    golden("float64 under float64", f64([1, 2.5]), "tensor([1.0000, 2.5000])", default_dtype_name="float64"),
    golden(
        "complex64 under float64", c64([1j]), "tensor([0.+1.j], dtype=torch.complex64)", default_dtype_name="float64"
    ),
    golden("complex128 under float64", c128([1j]), "tensor([0.+1.j])", default_dtype_name="float64"),
    golden("float16 under float16", f16([1, 2.5]), "tensor([1.0000, 2.5000])", default_dtype_name="float16"),
    golden("complex64 under bfloat16", c64([1j]), "tensor([0.+1.j])", default_dtype_name="bfloat16"),
    golden("int64 under float64", i64([1, 2]), "tensor([1, 2])", default_dtype_name="float64"),
    # empty
    golden("empty", f32([]), "tensor([])"),
    golden("empty int64", i64([]), "tensor([], dtype=torch.int64)"),
    golden("empty bool", np.zeros(0, bool), "tensor([], dtype=torch.bool)"),
    golden("empty complex", c64([]), "tensor([], dtype=torch.complex64)"),
    golden("empty float64", f64([]), "tensor([], dtype=torch.float64)"),
    golden("empty 0x3", np.zeros((0, 3), "float32"), "tensor([], size=(0, 3))"),
    golden("empty 2x0x3 int32", np.zeros((2, 0, 3), "int32"), "tensor([], size=(2, 0, 3), dtype=torch.int32)"),
    golden("empty float64 default", f64([]), "tensor([])", default_dtype_name="float64"),
    golden(
        "empty requires_grad",
        np.zeros((3, 0), "float32"),
        "tensor([], size=(3, 0), requires_grad=True)",
        requires_grad=True,
    ),
    # columns: signs, widths, zeros, infinities and nans
    golden("sign column", f32([-1, 2, -3.5]), "tensor([-1.0000,  2.0000, -3.5000])"),
    golden("widths", f32([1, 10.5, 100.25]), "tensor([  1.0000,  10.5000, 100.2500])"),
    golden("zeros", f32([0, 0, -0.0]), "tensor([0., 0., -0.])"),
    golden("zero among fractions", f32([0, -0.0, 0.5]), "tensor([0.0000, -0.0000, 0.5000])"),
    golden("integers", f32([1, -20, 300]), "tensor([  1., -20., 300.])"),
    golden("integers with nan", f32([1, nan]), "tensor([1., nan])"),
    golden("integers with inf", f32([100, inf, -inf]), "tensor([100.,  inf, -inf])"),
    golden("only nan and inf", f32([nan, inf, -inf, 0]), "tensor([nan, inf, -inf, 0.])"),
    golden(
        "fractions with inf and nan",
        f32([[0.5, inf], [nan, -inf]]),
        "tensor([[0.5000,    inf],\n        [   nan,   -inf]])",
    ),
    golden("wide nan column", f32([1234.5, nan, inf]), "tensor([1234.5000,       nan,       inf])"),
    golden("scientific with inf", f32([1e-5, inf, -1]), "tensor([ 1.0000e-05,         inf, -1.0000e+00])"),
    golden("rounded", f32([0.99995, 0.00005, 2.00005]), "tensor([9.9995e-01, 5.0000e-05, 2.0001e+00])"),
    golden("rounding of the binary value", f64([0.00025, 0.00035]), "tensor([0.0003, 0.0003], dtype=torch.float64)"),
    golden("ints", i64([[1, -20], [300, 4]]), "tensor([[  1, -20],\n        [300,   4]])"),
    golden(
        "complex widths",
        c64([[100.25 - 1j, 2], [3.5, -1 + 1000.5j]]),
        "tensor([[100.2500-1.0000e+00j,   2.0000+0.0000e+00j],\n        [  3.5000+0.0000e+00j,  -1.0000+1.0005e+03j]])",
    ),
    golden("complex nan", c64([complex(nan, -0.0), complex(1, inf)]), "tensor([nan-0.j, 1.+infj])"),
    golden(
        "complex scientific", c64([1e-6 + 1j, 2 - 3e9j]), "tensor([1.0000e-06+1.0000e+00j, 2.0000e+00-3.0000e+09j])"
    ),
    golden("complex negative zero", c64([complex(-0.0, -0.0)]), "tensor([-0.-0.j])"),
    # scientific notation
    golden("ratio 1000", f32([0.5, 500]), "tensor([  0.5000, 500.0000])"),
    golden("ratio above 1000", f32([0.5, 500.5]), "tensor([5.0000e-01, 5.0050e+02])"),
    golden("1e8", f32([1e8, 1e7]), "tensor([100000000.,  10000000.])"),
    golden("above 1e8", f32([100000008, 1e7]), "tensor([1.0000e+08, 1.0000e+07])"),
    golden("1e-4", f64([1e-4, 2e-3]), "tensor([0.0001, 0.0020], dtype=torch.float64)"),
    golden("below 1e-4", f64([0.99e-4, 2e-3]), "tensor([9.9000e-05, 2.0000e-03], dtype=torch.float64)"),
    golden("float32 1e-4", f32([1e-4, 2e-3]), "tensor([1.0000e-04, 2.0000e-03])"),
    golden("integers of ratio above 1000", f32([1, 2000]), "tensor([1.0000e+00, 2.0000e+03])"),
    golden("subnormal", f32([1e-45]), "tensor([1.4013e-45])"),
    golden(
        "float64 extremes",
        f64([5e-324, 1.7976931348623157e308]),
        "tensor([4.9407e-324, 1.7977e+308], dtype=torch.float64)",
    ),
    golden("float16 extremes", f16([6e-8, 65504]), "tensor([5.9605e-08, 6.5504e+04], dtype=torch.float16)"),
    golden("three-digit exponents", f64([1e-150, -1]), "tensor([1.0000e-150, -1.0000e+00], dtype=torch.float64)"),
    golden("forced", f32([1, 2.5]), "tensor([1.0000e+00, 2.5000e+00])", options={"sci_mode": True}),
    golden("forced on zeros", f32([0, nan]), "tensor([0., nan])", options={"sci_mode": True}),
    golden(
        "forced on integers",
        f32([1, 0, inf]),
        "tensor([1.0000e+00, 0.0000e+00,        inf])",
        options={"sci_mode": True},
    ),
    golden("forbidden", f32([1e-7, 1e7]), "tensor([       0.0000, 10000000.0000])", options={"sci_mode": False}),
    golden(
        "forbidden on a large integer",
        f32([1e10, 1]),
        "tensor([10000000000.,           1.])",
        options={"sci_mode": False},
    ),
    golden("forced on complex", c64([1 + 2j]), "tensor([1.0000e+00+2.0000e+00j])", options={"sci_mode": True}),
    # options
    golden("precision 2", f32([1.12345, 20]), "tensor([ 1.12, 20.00])", options={"precision": 2}),
    golden("precision 0", f32([1.5, 2.5, 3.25]), "tensor([2, 2, 3])", options={"precision": 0}),
    golden("precision 8", f64([1 / 3]), "tensor([0.33333333], dtype=torch.float64)", options={"precision": 8}),
    golden("precision 1 scientific", f32([1e-5]), "tensor([1.0e-05])", options={"precision": 1}),
    golden(
        "short",
        f64(np.arange(2000) + 250.25),
        "tensor([ 250.25,  251.25,  ..., 2248.25, 2249.25], dtype=torch.float64)",
        options={"profile": "short"},
    ),
    # lines
    golden(
        "wrapped floats",
        f32(np.arange(20) / 4),
        "tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000, 1.2500, 1.5000, 1.7500, 2.0000,\n"
        "        2.2500, 2.5000, 2.7500, 3.0000, 3.2500, 3.5000, 3.7500, 4.0000, 4.2500,\n"
        "        4.5000, 4.7500])",
    ),
    golden(
        "wrapped ints",
        i64(np.arange(30)),
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,\n"
        "        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])",
    ),
    golden(
        "wrapped rows",
        f32(np.arange(24).reshape(2, 12) * 1.5),
        "tensor([[ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,\n"
        "         12.0000, 13.5000, 15.0000, 16.5000],\n"
        "        [18.0000, 19.5000, 21.0000, 22.5000, 24.0000, 25.5000, 27.0000, 28.5000,\n"
        "         30.0000, 31.5000, 33.0000, 34.5000]])",
    ),
    golden("narrow", f32([1, 2, 3]), "tensor([1.,\n        2.,\n        3.])", options={"linewidth": 10}),
    golden(
        "narrower than a number",
        i64([[100, 200], [300, 400]]),
        "tensor([[100,\n         200],\n        [300,\n         400]])",
        options={"linewidth": 5},
    ),
    golden(
        "wrapped bools",
        np.ones(14, bool),
        "tensor([True, True, True, True, True, True, True, True, True, True, True, True,\n        True, True])",
    ),
    golden(
        "wrapped complex",
        c64(np.arange(8) * (1 - 0.5j)),
        "tensor([0.+0.0000j, 1.-0.5000j, 2.-1.0000j, 3.-1.5000j, 4.-2.0000j, 5.-2.5000j,\n"
        "        6.-3.0000j, 7.-3.5000j])",
    ),
    golden(
        "wide",
        i64(np.arange(22)),
        "tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21])",
        options={"linewidth": 100},
    ),
    golden(
        "3-d",
        i64(np.arange(8).reshape(2, 2, 2)),
        "tensor([[[0, 1],\n         [2, 3]],\n\n        [[4, 5],\n         [6, 7]]])",
    ),
    golden(
        "4-d",
        i64(np.arange(8).reshape(2, 1, 2, 2)),
        "tensor([[[[0, 1],\n          [2, 3]]],\n\n\n        [[[4, 5],\n          [6, 7]]]])",
    ),
    golden("1x1x1", f32([[[1.5]]]), "tensor([[[1.5000]]])"),
    golden("column", i64([[1], [10]]), "tensor([[ 1],\n        [10]])"),
    # summaries
    golden("1001 elements", i64(np.arange(1001)), "tensor([   0,    1,    2,  ...,  998,  999, 1000])"),
    golden(
        "2-d",
        i64(np.arange(10000).reshape(100, 100)),
        "tensor([[   0,    1,    2,  ...,   97,   98,   99],\n"
        "        [ 100,  101,  102,  ...,  197,  198,  199],\n"
        "        [ 200,  201,  202,  ...,  297,  298,  299],\n"
        "        ...,\n"
        "        [9700, 9701, 9702,  ..., 9797, 9798, 9799],\n"
        "        [9800, 9801, 9802,  ..., 9897, 9898, 9899],\n"
        "        [9900, 9901, 9902,  ..., 9997, 9998, 9999]])",
    ),
    golden(
        "3-d summary",
        f32(np.zeros((20, 20, 20))),
        "tensor([[[0.,  ..., 0.],\n"
        "         ...,\n"
        "         [0.,  ..., 0.]],\n"
        "\n"
        "        ...,\n"
        "\n"
        "        [[0.,  ..., 0.],\n"
        "         ...,\n"
        "         [0.,  ..., 0.]]])",
        options={"edgeitems": 1},
    ),
    golden(
        "long and thin",
        i64(np.arange(1200).reshape(2, 600)),
        "tensor([[   0,    1,    2,  ...,  597,  598,  599],\n        [ 600,  601,  602,  ..., 1197, 1198, 1199]])",
    ),
    golden(
        "tall",
        i64(np.arange(2002).reshape(1001, 2)),
        "tensor([[   0,    1],\n"
        "        [   2,    3],\n"
        "        [   4,    5],\n"
        "        ...,\n"
        "        [1996, 1997],\n"
        "        [1998, 1999],\n"
        "        [2000, 2001]])",
    ),
    golden(
        "width of the edges only",
        f32(np.where(np.arange(2000) == 1000, 1e9, 0.5)),
        "tensor([0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000])",
    ),
    golden("threshold", i64(np.arange(10)), "tensor([0, 1, 2,  ..., 7, 8, 9])", options={"threshold": 5}),
    golden("at the threshold", i64(np.arange(10)), "tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])", options={"threshold": 10}),
    golden("edgeitems", i64(np.arange(10)), "tensor([0,  ..., 9])", options={"threshold": 5, "edgeitems": 1}),
    golden("edges meet", i64(np.arange(6)), "tensor([0, 1, 2, 3, 4, 5])", options={"threshold": 5}),
    golden("edgeitems 0", f32(np.ones((2, 3))), "tensor([...], size=(2, 3))", options={"threshold": 5, "edgeitems": 0}),
    golden("edgeitems 0 uncut", f32(np.ones(3)), "tensor([1., 1., 1.], size=(3,))", options={"edgeitems": 0}),
    golden("edgeitems 0 scalar", f32(1), "tensor(1., size=())", options={"edgeitems": 0, "threshold": 0}),
    golden(
        "wrapped summary",
        i64(np.arange(20) * 1000),
        "tensor([    0,  1000,  2000,\n         3000,  ..., 16000,\n        17000, 18000, 19000])",
        options={"threshold": 5, "edgeitems": 4, "linewidth": 30},
    ),
    golden(
        "cut in one axis",
        i64(np.arange(40).reshape(4, 10)),
        "tensor([[ 0,  1,  ...,  8,  9],\n"
        "        [10, 11,  ..., 18, 19],\n"
        "        [20, 21,  ..., 28, 29],\n"
        "        [30, 31,  ..., 38, 39]])",
        options={"threshold": 5, "edgeitems": 2},
    ),
    golden(
        "complex summary",
        c64(np.arange(1001) * 1j),
        "tensor([0.+0.j, 0.+1.j, 0.+2.j,  ..., 0.+998.j, 0.+999.j, 0.+1000.j])",
    ),
    # suffixes
    golden(
        "dtype and requires_grad", f64([1]), "tensor([1.], dtype=torch.float64, requires_grad=True)", requires_grad=True
    ),
    golden(
        "dtype and grad_fn",
        f64([[1, 2]]),
        "tensor([[1., 2.]], dtype=torch.float64, grad_fn=<SumBackward1>)",
        grad_fn_name="SumBackward1",
    ),
    golden("cuda", f32([1, 2]), "tensor([1., 2.], device='cuda:0')", device_text="cuda:0"),
    golden(
        "everything",
        f64([1.5]),
        "tensor([1.5000], device='cuda:1', dtype=torch.float64, requires_grad=True)",
        device_text="cuda:1",
        requires_grad=True,
    ),
    golden(
        "everything wrapped",
        f64(np.arange(7) + 0.5),
        "tensor([0.5000, 1.5000, 2.5000, 3.5000, 4.5000, 5.5000, 6.5000],\n"
        "       device='cuda:0', dtype=torch.float64, grad_fn=<MulBackward0>)",
        device_text="cuda:0",
        grad_fn_name="MulBackward0",
    ),
    golden(
        "requires_grad at linewidth 44",
        f32([1.5, 2]),
        "tensor([1.5000, 2.0000],\n       requires_grad=True)",
        requires_grad=True,
        options={"linewidth": 44},
    ),
    golden(
        "requires_grad at linewidth 45",
        f32([1.5, 2]),
        "tensor([1.5000, 2.0000], requires_grad=True)",
        requires_grad=True,
        options={"linewidth": 45},
    ),
    golden(
        "two suffixes at linewidth 50",
        f64([1]),
        "tensor([1.], device='cuda:0',\n       dtype=torch.float64)",
        device_text="cuda:0",
        options={"linewidth": 50},
    ),
    golden(
        "two suffixes at linewidth 51",
        f64([1]),
        "tensor([1.], device='cuda:0', dtype=torch.float64)",
        device_text="cuda:0",
        options={"linewidth": 51},
    ),
    golden(
        "suffix after a wrapped one at linewidth 42",
        f64([1.5, 2.5, 3.5]),
        "tensor([1.5000, 2.5000, 3.5000],\n       device='cuda:0',\n       dtype=torch.float64)",
        device_text="cuda:0",
        options={"linewidth": 42},
    ),
    golden(
        "suffix after a wrapped one at linewidth 43",
        f64([1.5, 2.5, 3.5]),
        "tensor([1.5000, 2.5000, 3.5000],\n       device='cuda:0', dtype=torch.float64)",
        device_text="cuda:0",
        options={"linewidth": 43},
    ),
    golden(
        "suffix after wrapped lines",
        f32(np.arange(13) / 2),
        "tensor([0.0000, 0.5000, 1.0000, 1.5000, 2.0000, 2.5000, 3.0000, 3.5000, 4.0000,\n"
        "        4.5000, 5.0000, 5.5000, 6.0000], requires_grad=True)",
        requires_grad=True,
    ),
    golden(
        "each suffix on its line",
        f64([1, 2]),
        "tensor([1., 2.],\n       device='cuda:0',\n       dtype=torch.float64,\n       grad_fn=<ViewBackward0>)",
        device_text="cuda:0",
        grad_fn_name="ViewBackward0",
        options={"linewidth": 30},
    ),
    golden(
        "empty on cuda",
        np.zeros((2, 0), "int32"),
        "tensor([], device='cuda:0', size=(2, 0), dtype=torch.int32)",
        device_text="cuda:0",
    ),
    golden("user function", f32([1]), "tensor([1.], grad_fn=<LegendBackward>)", grad_fn_name="LegendBackward"),
]


@pytest.mark.parametrize(("values", "expected", "options", "keywords"), GOLDEN)
def test_text_that_torch_printed(values, expected, options, keywords):
    before = values.copy()
    with printoptions(**options):
        assert text_of(values, **keywords) == expected
    np.testing.assert_array_equal(values, before)


# --- options ---


def test_options_default_short_full():
    assert get_printoptions() == {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
    set_printoptions(profile="short")
    assert get_printoptions() == {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80, "sci_mode": None}
    set_printoptions(profile="full")
    assert get_printoptions()["threshold"] == math.inf
    assert "..." not in text_of(np.zeros(3000))


def test_an_argument_wins_over_the_profile():
    set_printoptions(profile="short", precision=7)
    assert (get_printoptions()["precision"], get_printoptions()["edgeitems"]) == (7, 2)


def test_options_keep_their_value_except_sci_mode():
    set_printoptions(precision=2, sci_mode=True)
    assert text_of(f32([0.5])) == "tensor([5.00e-01])"
    set_printoptions(linewidth=60)
    assert text_of(f32([0.5])) == "tensor([0.50])"


def test_returned_options_are_a_copy_that_can_be_set_again():
    set_printoptions(precision=3, sci_mode=False)
    options = get_printoptions()
    set_printoptions(profile="default")
    get_printoptions()["precision"] = 9
    assert text_of(f32([0.5])) == "tensor([0.5000])"
    set_printoptions(**options)
    assert get_printoptions() == options


def test_printoptions_restores_after_an_error():
    set_printoptions(precision=3, sci_mode=True)
    before = get_printoptions()

    @printoptions(precision=1, edgeitems=1)
    def fail():
        assert text_of(f32([0.25])) == "tensor([0.2])"
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert get_printoptions() == before


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"profile": "long"}, ValueError, "profile must be one of 'default', 'short', 'full', got 'long'"),
        ({"edgeitems": -1, "precision": 2}, ValueError, "edgeitems must not be negative, got -1"),
        ({"width": 3}, TypeError, "unexpected keyword argument 'width'"),
    ],
)
def test_a_wrong_option_changes_nothing(arguments, error, message):
    before = get_printoptions()
    with pytest.raises(error, match=message):
        set_printoptions(**arguments)
    assert get_printoptions() == before


# --- arrays of every kind ---


def test_strides_and_byte_order_do_not_matter():
    plain = f32([[1, 2], [3, 4]])
    expected = "tensor([[1., 2.],\n        [3., 4.]])"
    assert text_of(plain.T.copy().T) == expected
    assert text_of(plain[::-1].copy()[::-1]) == expected
    assert text_of(plain.astype(">f4"), dtype_name="float32") == expected


def test_bfloat16_arrays():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.array([1.0078125, -inf, nan, 0.0], ml_dtypes.bfloat16)
    assert text_of(values) == "tensor([1.0078,   -inf,    nan, 0.0000], dtype=torch.bfloat16)"
    assert format_tensor(values[0].reshape(()), ".2f", text=str) == "1.01"


def test_a_signalling_nan_gives_no_warning():
    values = np.array([0x7F800001, 0x3F800000], np.uint32).view(np.float32)
    assert text_of(values) == "tensor([nan, 1.])"


def test_floating_point_errors_of_the_caller_are_not_raised():
    with np.errstate(all="raise"):
        assert text_of(f64([5e-324, 1e308])) == "tensor([4.9407e-324, 1.0000e+308], dtype=torch.float64)"
        assert text_of(f32([nan, 1e-45])) == "tensor([       nan, 1.4013e-45])"


def test_only_the_edges_of_a_large_array_are_read():
    values = np.broadcast_to(f32(0.5), (10**6, 10**6, 10**4))  # 40 PB if anything copied it
    assert text_of(values).count("0.5000") == 6**3


# --- what tensors call ---


def test_text_inside_a_longer_text():
    values = i64(np.arange(6)).reshape(2, 3)
    assert "values=" + text_of(values, indent=7) == (
        "values=tensor([[0, 1, 2],\n"
        "               [3, 4, 5]])"
    )  # fmt: skip
    with printoptions(linewidth=45):
        assert text_of(f32([1.5, 2]), requires_grad=True) == "tensor([1.5000, 2.0000], requires_grad=True)"
        assert text_of(f32([1.5, 2]), requires_grad=True, indent=1) == (
            "tensor([1.5000, 2.0000],\n        requires_grad=True)"
        )
    with printoptions(linewidth=40):
        assert text_of(f32([[1, 2], [3, 4]]), requires_grad=True, indent=1) == (
            "tensor([[1., 2.],\n         [3., 4.]], requires_grad=True)"
        )


def test_subclass_name_moves_the_columns():
    assert text_of(i64([[1], [2]]), class_prefix="Masked(") == "Masked([[1],\n        [2]])"


def test_history_is_printed_instead_of_requires_grad():
    text = text_of(f32(1), requires_grad=True, grad_fn_name="MulBackward0")
    assert text == "tensor(1., grad_fn=<MulBackward0>)"


def test_parameter():
    text = text_of(f32([1, 2]), requires_grad=True)
    assert parameter_str(text) == "Parameter containing:\ntensor([1., 2.], requires_grad=True)"
    text = text_of(f32([1, 2]), requires_grad=True, class_prefix="Scale(")
    assert parameter_str(text, "Scale") == "Parameter containing:\nParameter(Scale([1., 2.], requires_grad=True))"


@pytest.mark.parametrize(
    ("values", "spec", "expected"),
    [
        (f64(-8.36351), ".3f", "-8.364"),
        (f64(1), "", "1.0"),
        (np.array(True), "", "True"),
        (i64(3), "5d", "    3"),
        (i64(3), ".1f", "3.0"),
        (c64(1 + 2j), ".2f", "1.00+2.00j"),
        (f64(1234567), ",.0f", "1,234,567"),
        (f32(1.5), ">8", "     1.5"),
    ],
)
def test_format_of_a_0_dim_tensor_is_its_number(values, spec, expected):
    assert format_tensor(values, spec, text=str) == expected


def test_format_of_other_tensors_is_their_text():
    assert format_tensor(f32([1]), "", text=lambda: "tensor([1.])") == "tensor([1.])"
    assert format_tensor(f32(1), "", text=lambda: "Scale(1.)", class_name="Scale") == "Scale(1.)"
    with pytest.raises(TypeError, match=r"^unsupported format string passed to Tensor.__format__$"):
        format_tensor(f32([1]), ".2f", text=str)
    with pytest.raises(TypeError, match=r"^unsupported format string passed to Parameter.__format__$"):
        format_tensor(f32(1), ".2f", text=str, class_name="Parameter")


def test_format_spec_that_the_number_does_not_know():
    with pytest.raises(ValueError, match="Unknown format code 'd' for object of type 'float'"):
        format_tensor(f32(1), "d", text=str)


def test_size():
    assert [size_repr(shape) for shape in [(), (2,), (2, 3)]] == [
        "torch.Size([])",
        "torch.Size([2])",
        "torch.Size([2, 3])",
    ]
