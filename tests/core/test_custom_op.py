"""Ops made of functions: schema, kernels, gradients, what they must not do."""

from typing import Optional

import pytest

import plugrad
from plugrad import Tensor
from plugrad.library import (
    custom_op,
    infer_schema,
    register_autograd,
    register_fake,
    register_kernel,
    register_vmap,
)
from plugrad_testing import assert_close


@pytest.fixture
def x(device):
    plugrad.manual_seed(0)
    return plugrad.rand(3, requires_grad=True)


def scaled(x: Tensor, factor: float = 2.0) -> Tensor:
    return x.detach() * factor


@pytest.fixture
def op():
    made = custom_op("mine::scaled", scaled, mutates_args=())

    def setup(ctx, inputs, output):
        ctx.factor = inputs[1]

    made.register_autograd(lambda ctx, g: (g * ctx.factor, None), setup_context=setup)
    return made


def test_value_and_gradient(x, op):
    y = op(x, 3.0)
    assert_close(y.detach(), x.detach() * 3, rtol=0, atol=0)
    assert y.grad_fn.name() == "GeneratedBackwardFor_mine_scaled_defaultBackward"
    y.sum().backward()
    assert_close(x.grad, plugrad.full((3,), 3.0), rtol=0, atol=0)
    assert repr(op) == "<CustomOpDef(mine::scaled)>"


def test_defaults_reach_setup_context_and_keywords_are_arguments(x, op):
    op(x).sum().backward()
    assert_close(x.grad, plugrad.full((3,), 2.0), rtol=0, atol=0)
    x.grad = None
    op(factor=5.0, x=x).sum().backward()
    assert_close(x.grad, plugrad.full((3,), 5.0), rtol=0, atol=0)


def test_what_is_inside_is_not_recorded(x):
    @custom_op("mine::unrecorded", mutates_args=())
    def unrecorded(x: Tensor) -> Tensor:
        assert not plugrad.is_grad_enabled()
        return x.exp()

    y = unrecorded(x)
    assert y.requires_grad
    with pytest.raises(
        RuntimeError, match=r"Trying to backward through mine\.unrecorded\.default but no autograd formula"
    ):
        y.sum().backward()
    assert not unrecorded(x.detach()).requires_grad
    with plugrad.no_grad():
        assert not unrecorded(x).requires_grad


def test_second_order(x):
    @custom_op("mine::cube", mutates_args=())
    def cube(x: Tensor) -> Tensor:
        return x * x * x

    cube.register_autograd(
        lambda ctx, g: 3 * g * ctx.saved_tensors[0] ** 2,
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
    )
    (g,) = plugrad.autograd.grad(cube(x).sum(), x, create_graph=True)
    (h,) = plugrad.autograd.grad(g.sum(), x)
    assert_close(h, 6 * x.detach(), rtol=1e-6, atol=1e-6)


def test_keyword_only_arguments_and_several_results(x):
    @custom_op("mine::two", mutates_args=())
    def two(x: Tensor, *, n: int) -> tuple[Tensor, Tensor]:
        return x * n, x * 2

    def setup(ctx, inputs, keyword_only_inputs, output):
        assert isinstance(output, tuple)
        assert len(inputs) == 1
        ctx.n = keyword_only_inputs["n"]

    two.register_autograd(lambda ctx, a, b: a * ctx.n + b * 2, setup_context=setup)
    a, _ = two(x, n=3)
    a.sum().backward()
    assert_close(x.grad, plugrad.full((3,), 3.0), rtol=0, atol=0)


def test_lists_of_tensors(x):
    @custom_op("mine::total", mutates_args=())
    def total(xs: list[Tensor], weight: float) -> list[Tensor]:
        return [xs[0] * weight, xs[1] + 0]

    seen = []

    def backward(ctx, grads):
        seen.append(ctx.needs_input_grad)
        return [grads[0] * 2, grads[1]], None

    total.register_autograd(backward)
    y = plugrad.ones(3, requires_grad=True)
    found = total([x, y], 2.0)
    assert isinstance(found, list)
    (found[0] + found[1]).sum().backward()
    assert seen == [([True, True], False)]
    assert_close(x.grad, plugrad.full((3,), 2.0), rtol=0, atol=0)
    assert_close(y.grad, plugrad.ones(3), rtol=0, atol=0)
    total.register_autograd(lambda ctx, grads: (grads[0], None))
    with pytest.raises(RuntimeError, match="of the same structure as the inputs"):
        total([x, y], 2.0)[0].sum().backward()


def test_writing_into_arguments(x):
    @custom_op("mine::fill", mutates_args=("x",))
    def fill(x: Tensor, value: float) -> None:
        x.detach().zero_().add_(value)

    y = plugrad.ones(3)
    before = y._version
    assert fill(y, 2.0) is None
    assert_close(y, plugrad.full((3,), 2.0), rtol=0, atol=0)
    assert y._version > before
    z = x * 1
    w = (z * z).sum()
    fill(z, 0.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        w.backward()
    with pytest.raises(RuntimeError, match="Cannot register autograd formula for non-functional operator"):
        fill.register_autograd(lambda ctx: None)
    everything = custom_op("mine::all", lambda x: None, mutates_args="unknown", schema="(Tensor(a0!) x) -> ()")
    everything(y)
    assert y._version > before + 1


def test_results_must_be_new(x):
    same = custom_op("mine::same", lambda x: x, mutates_args=(), schema="(Tensor x) -> Tensor")
    view = custom_op("mine::view", lambda x: x.view(-1), mutates_args=(), schema="(Tensor x) -> Tensor")
    for op in (same, view):
        with pytest.raises(RuntimeError, match="must not also be an input to this custom operator"):
            op(x.detach())
        with pytest.raises(RuntimeError, match="may not alias any inputs"):
            op(x)


def test_kernels(x, op):
    kind = x.device.type

    @op.register_kernel(kind)
    def _(x, factor):
        return x.detach() * 10

    assert_close(op(x).detach(), x.detach() * 10, rtol=0, atol=0)
    with op.set_kernel_enabled(kind, False):
        assert_close(op(x).detach(), x.detach() * 2, rtol=0, atol=0)
    assert_close(op(x).detach(), x.detach() * 10, rtol=0, atol=0)
    with pytest.warns(UserWarning, match="no kernel was registered for this device type"), op.set_kernel_enabled("mps"):
        assert_close(op(x).detach(), x.detach() * 10, rtol=0, atol=0)
    elsewhere = custom_op("mine::elsewhere", scaled, mutates_args=(), device_types=["mps", "xpu"])
    with pytest.raises(NotImplementedError, match="kernels are registered for mps, xpu"):
        elsewhere(x)


def test_by_name(x, op):
    register_kernel("mine::scaled", x.device.type, lambda x, factor: x.detach() * 7)
    register_autograd("mine::scaled", lambda ctx, g: (g * 7, None))
    op(x).sum().backward()
    assert_close(x.grad, plugrad.full((3,), 7.0), rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="There was no fake impl registered"):
        op.fake(x)
    register_fake("mine::scaled")(lambda x, factor: x.new_empty(x.shape))
    assert op.fake(x).shape == (3,)
    register_vmap(op, lambda info, in_dims, x, factor: (x, 0))
    with pytest.raises(RuntimeError, match="Could not find the operator mine::nothing"):
        register_autograd("mine::nothing", lambda ctx, g: g)
    with pytest.raises(NotImplementedError, match="lib= is not supported"):
        register_autograd(op, lambda ctx, g: g, lib=3)
    with pytest.raises(ValueError, match="expected a custom op or its name"):
        register_fake(3)
    with pytest.raises(RuntimeError, match="has a fake impl already"):
        register_fake(op, allow_override=False)


def test_wrong_calls(x, op):
    with pytest.raises(RuntimeError, match=r"mine::scaled\(\) missing a required argument: 'x'. Declaration"):
        op()
    with pytest.raises(
        RuntimeError, match="Expected a value of type 'Tensor' for argument 'x' but instead found type 'int'"
    ):
        op(3)


@pytest.mark.parametrize("name", ["alone", "a::b::c", "::x", "a::", "1a::b", "a::b c"])
def test_wrong_names(name):
    with pytest.raises((ValueError, RuntimeError), match="namespace::name"):
        custom_op(name, scaled, mutates_args=())


def test_refused():
    for make in (
        lambda: custom_op("mine::a", scaled, mutates_args=(), tags=("x",)),
        lambda: infer_schema(scaled, mutates_args=(), tags=("x",)),
        lambda: custom_op("mine::a", scaled, mutates_args=()).register_torch_dispatch(int),
        lambda: custom_op("mine::k", lambda *, x: x, mutates_args=(), schema="(*, Tensor x) -> Tensor"),
    ):
        with pytest.raises(NotImplementedError):
            make()


def no_annotation(x) -> Tensor:
    return x


def no_result(x: Tensor):
    return x


def of_objects(x: object) -> Tensor:
    return x


def of_tuples(x: tuple[int, int]) -> Tensor:
    return x


def variable(*x: Tensor) -> Tensor:
    return x


def returning(x: Tensor) -> dict:
    return x


def odd_default(x: Tensor, y: int = ()) -> Tensor:
    return x


def unknown_name(x: "Nothing") -> Tensor:  # noqa: F821
    return x


WRONG = {
    no_annotation: "Parameter x must have a type annotation",
    no_result: "No return type annotation was provided",
    of_objects: "Parameter x has unsupported type <class 'object'>",
    of_tuples: "We do not support Tuple inputs in schema",
    variable: "We do not support positional-only args, varargs, or varkwargs",
    returning: "Return has unsupported type <class 'dict'>",
    odd_default: "unsupported default value type <class 'tuple'>",
    unknown_name: "Unsupported type annotation Nothing",
}


@pytest.mark.parametrize("function", WRONG, ids=lambda f: f.__name__)
def test_schema_errors(function):
    with pytest.raises(ValueError, match=WRONG[function]):
        infer_schema(function, mutates_args=())


def test_errors_of_mutates_args():
    with pytest.raises(ValueError, match="in mutates_args were not found"):
        infer_schema(scaled, mutates_args=("y",))
    with pytest.raises(ValueError, match="Parameter factor is in mutable_args but only Tensors"):
        infer_schema(scaled, mutates_args=("factor",))
    with pytest.raises(ValueError, match="or the string 'unknown'"):
        infer_schema(scaled, mutates_args="x")


def everything(
    a: Tensor,
    b: Optional[Tensor],  # noqa: UP045
    c: list[Tensor],
    d: list[Optional[Tensor]],  # noqa: UP045
    e: "int",
    f: Optional[list[float]],  # noqa: UP045
    g: bool = True,
    h: str = "a",
    *,
    i: plugrad.dtype = plugrad.float32,
    j: plugrad.device = plugrad.device("cpu"),  # noqa: B008
) -> tuple[Tensor, list[Tensor], int]:
    raise AssertionError


TEXT = (
    '(Tensor a, Tensor? b, Tensor[] c, Tensor?[] d, SymInt e, float[]? f, bool g=True, str h="a", *, '
    'ScalarType i=float32, Device j="cpu") -> (Tensor, Tensor[], SymInt)'
)


def test_schema():
    assert infer_schema(everything, mutates_args=()) == TEXT
    assert infer_schema(scaled, mutates_args="unknown", op_name="f") == "f(Tensor(a0!) x, float factor=2.0) -> Tensor"


@pytest.mark.oracle
@pytest.mark.cpu
def test_schema_is_torchs():
    torch = pytest.importorskip("torch")

    def theirs(
        a: torch.Tensor,
        b: Optional[torch.Tensor],  # noqa: UP045
        c: list[torch.Tensor],
        d: list[Optional[torch.Tensor]],  # noqa: UP045
        e: int,
        f: Optional[list[float]],  # noqa: UP045
        g: bool = True,
        h: str = "a",
        *,
        i: torch.dtype = torch.float32,
        j: torch.device = torch.device("cpu"),  # noqa: B008
    ) -> tuple[torch.Tensor, list[torch.Tensor], int]:
        raise AssertionError

    assert torch.library.infer_schema(theirs, mutates_args=()) == TEXT


def test_under_vmap(x):
    seen = []

    @custom_op("mine::twice", mutates_args=())
    def twice(x: Tensor, n: int) -> Tensor:
        return x.detach() * n

    @twice.register_vmap
    def _(info, in_dims, x, n):
        seen.append((info.batch_size, in_dims, tuple(x.shape)))
        return twice(x, n), in_dims[0]

    rows = plugrad.stack([x, x + 1])
    assert_close(plugrad.vmap(lambda x: twice(x, 2))(rows).detach(), 2 * rows.detach(), rtol=0, atol=0)
    assert seen == [(2, (0, None), (2, 3))]


def test_under_other_transforms(x):
    @custom_op("mine::third", mutates_args=())
    def third(x: Tensor) -> Tensor:
        return x.detach() ** 3

    third.register_autograd(
        lambda ctx, g: 3 * g * ctx.saved_tensors[0] ** 2,
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0]),
    )
    x = x.detach()
    slope = plugrad.func.grad(lambda x: third(x).sum())
    assert_close(slope(x), 3 * x**2, rtol=1e-6, atol=1e-6)
    assert_close(plugrad.vmap(slope)(plugrad.stack([x, x])), plugrad.stack([3 * x**2] * 2), rtol=1e-6, atol=1e-6)
