"""Forward mode beyond what torch's public API shows: nesting, what is left behind, what nodes keep, gradcheck's use of it."""

import gc
import math

import numpy as np
import pytest

import plugrad
from plugrad.autograd import forward_ad as fw
from plugrad.autograd import gradcheck, gradgradcheck
from plugrad.core.dual import Levels
from plugrad.core.forward_ad import jvp_of
from plugrad.core.slow import Transforms
from plugrad_testing import assert_values

pytestmark = pytest.mark.device


def column(*values, **options):
    return plugrad.tensor(values, dtype=plugrad.float64, **options)


# --- levels inside levels ---
def along_ones(function):
    return lambda x: jvp_of(function, (x,), (plugrad.ones_like(x),))[1]


def test_levels_nest():
    x = column(0.5, -1.0, 2.0)

    def cube(x):
        return (x**3).sum()

    assert_values(along_ones(cube)(x)._host(), (3 * x**2).sum()._host())
    assert_values(along_ones(along_ones(cube))(x)._host(), (6 * x).sum()._host())
    assert_values(along_ones(along_ones(along_ones(cube)))(x)._host(), 18.0)


def test_levels_do_not_mix_their_tangents():
    """d/dx (x · d/dy (x + y)) is 1, not 2."""

    def outer(x):
        return x * jvp_of(lambda y: x + y, (column(1.0),), (column(1.0),))[1]

    assert_values(jvp_of(outer, (column(3.0),), (column(1.0),))[1]._host(), [1.0])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_any_op_has_tangents_of_every_order(order):
    """Softmax, sorting, products and norms, which have no rule of their own for forward mode, inside each other."""

    def function(s):
        x = column(0.3, -0.7, 1.1) * s
        return (
            (x.softmax(0) * x.sort().values).sum()
            + x.prod()
            + x.norm()
            + x.var()
            + (x.reshape(3, 1) @ x.reshape(1, 3)).amax()
        )

    def reversed_once(f):
        return lambda s: plugrad.autograd.grad(f(s), s, create_graph=True)[0]

    nested = reverse = function
    for _ in range(order):
        nested, reverse = along_ones(nested), reversed_once(reverse)
    s = plugrad.tensor(0.9, dtype=plugrad.float64)
    assert_values(nested(s)._host(), reverse(s.clone().requires_grad_()).detach()._host(), 1e-9, 1e-10)


def test_a_level_inside_a_public_one():
    with fw.dual_level():
        x = fw.make_dual(column(2.0), column(1.0))
        slope = jvp_of(lambda y: y**3, (x,), (column(1.0),))[1]
        assert_values(fw.unpack_dual(slope).tangent._host(), [12.0])


def test_public_duals_made_inside_a_deeper_level():
    """d/dy of the tangent of (y²)³ along 1, which is 3y⁴."""

    def slope(y):
        value, tangent = fw.unpack_dual(fw.make_dual(y * y, plugrad.ones_like(y)) ** 3)
        return tangent, value

    with fw.dual_level():
        values, slopes = jvp_of(slope, (column(2.0),), (column(1.0),))
        assert_values(values[0]._host(), [48.0])
        assert_values(slopes[0]._host(), [96.0])
        assert_values(slopes[1]._host(), [192.0])
        values, slopes = jvp_of(lambda y: fw.make_dual(column(3.0), y * y) * 2, (column(2.0),), (column(1.0),))
        assert_values(fw.unpack_dual(values).tangent._host(), [8.0])
        assert_values(fw.unpack_dual(slopes).tangent._host(), [8.0])


def test_levels_that_do_not_end_in_order():
    def function(y):
        fw.exit_dual_level()
        return along_ones(lambda z: z**3 * y)(y)

    fw.enter_dual_level()
    assert_values(jvp_of(function, (column(2.0),), (column(1.0),))[1]._host(), [36.0])


def test_a_result_without_a_tangent_has_zeros():
    values, slopes = jvp_of(lambda x: (x * 2, column(5.0), x > 0), (column(1.0),), (column(3.0),))
    assert_values(values[0]._host(), [2.0])
    assert_values(slopes[0]._host(), [6.0])
    assert_values(slopes[1]._host(), [0.0])
    assert slopes[2]._host().tolist() == [False]


def test_a_failing_function_closes_its_level():
    def fails(x):
        raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        jvp_of(fails, (column(1.0),), (column(1.0),))
    assert Levels.opened == []
    assert Transforms.count == 0


# --- reverse mode around and inside ---
def test_hessian_vector_product_three_ways():
    def function(x):
        return (x.sin() * x.roll(1, 0)).sum() + x.prod()

    x, v = column(0.4, 1.2, -0.8), column(1.0, -2.0, 0.5)

    def gradient(x):
        x = x if x.requires_grad else x.detach().requires_grad_()
        return plugrad.autograd.grad(function(x), x, create_graph=True)[0]

    expected = plugrad.autograd.functional.hvp(function, x, v)[1]._host()
    with fw.dual_level():
        leaf = x.clone().requires_grad_()
        (over,) = plugrad.autograd.grad(function(fw.make_dual(leaf, v)), leaf)
        assert_values(fw.unpack_dual(over).tangent._host(), expected, 1e-12, 1e-12)
        dual = fw.make_dual(x, v).requires_grad_()
        (over,) = plugrad.autograd.grad(function(dual), dual)
        assert_values(fw.unpack_dual(over).tangent._host(), expected, 1e-12, 1e-12)
    leaf = x.clone().requires_grad_()
    slope = jvp_of(function, (leaf,), (v,))[1]
    assert_values(plugrad.autograd.grad(slope, leaf)[0]._host(), expected, 1e-12, 1e-12)
    assert gradient(x).requires_grad


def test_a_graph_made_in_a_level_is_walked_after_it():
    x = column(1.0, 2.0, requires_grad=True)
    with fw.dual_level():
        y = (fw.make_dual(x, column(1.0, 1.0)) ** 2).exp().sum()
    y.backward()
    assert_values(x.grad._host(), (2 * x * (x * x).exp()).detach()._host())


def test_saved_tensor_hooks_see_values_and_tangents_come_back():
    seen = []

    def pack(t):
        seen.append(fw.unpack_dual(t).tangent)
        return t

    x, v = column(1.0, 2.0, requires_grad=True), column(1.0, -1.0)
    with fw.dual_level(), plugrad.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = (fw.make_dual(x, v) ** 3).sum()
        (g,) = plugrad.autograd.grad(y, x)
        assert_values(fw.unpack_dual(g).tangent._host(), [6.0, -12.0])
    assert seen
    assert all(t is None for t in seen)


def test_an_overwritten_argument_keeps_its_tangent_for_the_gradient():
    x, v = column(1.0, 2.0, requires_grad=True), column(1.0, -1.0)
    with fw.dual_level():
        y = fw.make_dual(x, v) * 1
        y.mul_(y.detach().clone() * 0 + 3).sin_()
        (g,) = plugrad.autograd.grad(y.sum(), x)
        assert_values(g.detach()._host(), (3 * (3 * x).cos()).detach()._host())
        assert_values(fw.unpack_dual(g).tangent._host(), (-9 * (3 * x).sin() * v).detach()._host())


def test_tangents_move_between_devices():
    x, v = column(1.0, 2.0, requires_grad=True), column(1.0, 3.0)
    with fw.dual_level():
        there = fw.make_dual(x, v).cpu() * 2
        assert fw.unpack_dual(there).tangent.device.type == "cpu"
        back = there.to(x.device)
        assert fw.unpack_dual(back).tangent.device == x.device
        (g,) = plugrad.autograd.grad((back * back).sum(), x)
        assert_values(fw.unpack_dual(g).tangent._host(), [8.0, 24.0])


def test_hooks_see_duals():
    x, v, seen = column(1.0, 2.0, requires_grad=True), column(1.0, 3.0), []
    with fw.dual_level():
        y = fw.make_dual(x, v) * 3
        y.register_hook(lambda g: seen.append(fw.unpack_dual(g).tangent) or g * 2)
        (g,) = plugrad.autograd.grad((y * y).sum(), x)
        assert_values(seen[0]._host(), [6.0, 18.0])
        assert_values(fw.unpack_dual(g).tangent._host(), [36.0, 108.0])


# --- what is left behind ---
def test_tensors_are_plain_after_the_level():
    x = column(1.0, 2.0)
    with fw.dual_level():
        dual = fw.make_dual(x, x)
        made, view = dual * 2, dual[0]
    for t in (dual, made, view):
        assert t._xp is x._xp
        assert fw.unpack_dual(t).tangent is None
    view.add_(1)
    assert_values(dual._host(), [2.0, 2.0])
    assert view._base is x


def test_nothing_is_left_to_the_collector():
    """Values, tangents and the nodes that keep both go when the last name does."""
    x = column(1.0, 2.0, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        with fw.dual_level():
            y = (fw.make_dual(x, column(1.0, 1.0)).exp() * 2).tanh().sum()
            made = plugrad.autograd.grad(y, x)
        del y, made
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_no_level_no_cost():
    """Outside of levels a backward pass carries arrays, and ops look at nothing new."""
    from plugrad.core.gradients import Arrays, Unrecorded
    from plugrad.core.walk import Walk

    x = column(1.0)
    assert Walk(x._xp, False, False).kind is Arrays
    with fw.dual_level():
        assert Walk(x._xp, False, False).kind is Unrecorded
    assert Walk(x._xp, False, False).kind is Arrays


# --- Functions ---
class Sine(plugrad.autograd.Function):
    """The sine, by numpy, so that only its rules know the derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return plugrad.tensor(np.sin(x._host()))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.cos()

    @staticmethod
    def jvp(ctx, t):
        (x,) = ctx.saved_tensors
        return t * x.cos()


@pytest.mark.cpu
def test_functions_in_nested_levels():
    x = plugrad.tensor(0.7, dtype=plugrad.float64)
    assert math.isclose(along_ones(Sine.apply)(x).item(), math.cos(0.7))
    assert math.isclose(along_ones(along_ones(Sine.apply))(x).item(), -math.sin(0.7))
    assert math.isclose(along_ones(along_ones(along_ones(Sine.apply)))(x).item(), -math.cos(0.7))


@pytest.mark.cpu
def test_functions_forward_over_reverse():
    x, v = column(0.3, 0.9, requires_grad=True), column(1.0, 2.0)
    with fw.dual_level():
        (g,) = plugrad.autograd.grad(Sine.apply(fw.make_dual(x, v)).sum(), x)
        assert_values(fw.unpack_dual(g).tangent._host(), (-x.sin() * v).detach()._host())


@pytest.mark.cpu
def test_a_function_that_saves_its_result():
    class Exponential(plugrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            made = plugrad.tensor(np.exp(x._host()))
            ctx.save_for_backward(made)
            ctx.save_for_forward(made)
            return made

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

        @staticmethod
        def jvp(ctx, t):
            return t * ctx.saved_tensors[0]

    x, v = column(0.3, 0.9, requires_grad=True), column(1.0, 2.0)
    with fw.dual_level():
        (g,) = plugrad.autograd.grad(Exponential.apply(fw.make_dual(x, v)).sum(), x)
        assert_values(fw.unpack_dual(g).tangent._host(), (x.exp() * v).detach()._host())
    s = plugrad.tensor(0.7, dtype=plugrad.float64)
    assert math.isclose(along_ones(along_ones(Exponential.apply))(s).item(), math.exp(0.7))


def test_save_for_forward_takes_tensors_only():
    class Wrong(plugrad.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_forward(x, 3)
            return x * 2

    with pytest.raises(TypeError, match="save_for_forward can only save variables, but argument 1 is of type int"):
        Wrong.apply(column(1.0))


# --- gradcheck ---
class Broken(plugrad.autograd.Function):
    """x², with a tangent half as large again."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**2

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.saved_tensors[0]

    @staticmethod
    def jvp(ctx, t):
        return 3 * t * ctx.saved_tensors[0]


@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_of_forward_mode(fast_mode):
    def function(x, y):
        return x.sin() * y, (x * y).sum(), x > 0

    x, y = column(0.5, 1.5, requires_grad=True), column(-0.3, 0.8, requires_grad=True)
    options = {"fast_mode": fast_mode}
    assert gradcheck(function, (x, y), check_forward_ad=True, **options)
    assert gradcheck(function, (x, y), check_forward_ad=True, check_backward_ad=False, **options)
    assert gradgradcheck(function, (x, y), check_fwd_over_rev=True, **options)
    assert gradgradcheck(
        function, (x, y), check_fwd_over_rev=True, check_rev_over_rev=False, check_undefined_grad=False, **options
    )
    assert gradcheck(Broken.apply, (x,), **options)
    assert not gradcheck(Broken.apply, (x,), check_forward_ad=True, raise_exception=False, **options)
    with pytest.raises(
        RuntimeError, match=r"^Jacobian computed with forward mode mismatch for output 0 with respect to input 0,"
    ):
        gradcheck(Broken.apply, (x,), check_forward_ad=True, **options)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_of_forward_mode_with_complex_inputs(fast_mode):
    z = plugrad.tensor([0.5 + 1.0j, -0.2 + 0.3j], dtype=plugrad.complex128, requires_grad=True)
    x = column(0.5, 1.5, requires_grad=True)
    assert gradcheck(lambda z, x: ((z * x).sin(), z.abs()), (z, x), check_forward_ad=True, fast_mode=fast_mode)
    with pytest.raises(
        RuntimeError,
        match=r"^While considering the real part of complex inputs only, Jacobian computed with forward mode mismatch",
    ):
        gradcheck(lambda z: Broken.apply(z.real) + z.imag, (z,), check_forward_ad=True, fast_mode=fast_mode)


def test_gradcheck_notices_a_missing_tangent_that_is_no_zero():
    class Restless(plugrad.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.set_materialize_grads(False)
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g, g

        @staticmethod
        def jvp(ctx, t, u):
            return (t if t is not None else 7.0) + (u if u is not None else 5.0)

    x, y = column(0.5, requires_grad=True), column(0.2, requires_grad=True)
    with pytest.raises(RuntimeError, match="Mismatch in tangent values for output with index: 0"):
        gradcheck(Restless.apply, (x, y), check_forward_ad=True, check_undefined_grad=True)
