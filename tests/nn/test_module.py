"""Module: what it registers, saves, calls and prints, program by program as torch does it."""

import copy
import gc
import pickle
import sys
import weakref
from collections import OrderedDict

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


def leaf(t, *shape):
    return t.nn.Parameter(t.ones(*shape))


def layer(t, n=2):
    """A module with two parameters, a buffer, and one buffer that is not saved."""

    class Layer(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.n = n
            self.weight = leaf(t, n, n)
            self.bias = leaf(t, n)
            self.register_buffer("mean", t.zeros(n))
            self.register_buffer("cache", t.zeros(1), persistent=False)

        def forward(self, x):
            return x * self.weight + self.bias

        def extra_repr(self):
            return f"n={self.n}"

    return Layer()


def net(t):
    """Nested modules, one of them twice."""

    class Net(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = layer(t)
            self.rest = t.nn.Sequential(layer(t, 1), self.first)

        def forward(self, x):
            return self.rest[0](self.first(x))

    return Net()


def names(pairs):
    return [name for name, _ in pairs]


# --- registration ---
@program
def listing(t):
    m = net(t)
    return {
        "parameters": names(m.named_parameters()),
        "all": names(m.named_parameters(remove_duplicate=False)),
        "own": names(m.named_parameters(recurse=False)),
        "prefixed": names(m.rest.named_parameters(prefix="x")),
        "buffers": names(m.named_buffers()),
        "modules": names(m.named_modules()),
        "all modules": names(m.named_modules(remove_duplicate=False)),
        "prefixed modules": names(m.named_modules(prefix="x")),
        "children": names(m.named_children()),
        "counts": [len(list(i)) for i in (m.parameters(), m.buffers(), m.modules(), m.children())],
    }


@program
def children_twice(t):
    m = t.nn.Module()
    m.a = m.b = layer(t)
    m.c = None
    return names(m.named_children()), names(m.named_modules())


@program
def none_keeps_the_name(t):
    m = layer(t)
    m.weight = None
    m.mean = None
    before = list(m._parameters), list(m._buffers), names(m.named_parameters()), list(m.state_dict())
    m.weight = leaf(t, 3)
    m.mean = t.ones(3)
    return before, names(m.named_parameters()), m.state_dict()


@program
def kinds_change(t):
    m = layer(t)
    m.mean = t.nn.Module()
    kinds = [list(m._parameters), list(m._buffers), list(m._modules)]
    m.cache = leaf(t, 1)
    m.mean = leaf(t, 1)
    m.plain = 3
    m.plain = leaf(t, 1)
    return kinds, names(m.named_parameters()), list(m._buffers), list(m._modules)


@program
def module_becomes_none(t):
    m = net(t)
    m.first = None
    return names(m.named_modules()), list(m._modules), m


@program
def deleted(t):
    m = net(t)
    del m.first.weight, m.first.mean, m.first.cache, m.rest
    m.first.cache = 5
    return names(m.named_parameters()), names(m.named_buffers()), list(m.state_dict()), names(m.named_modules())


@program
def deleted_unknown(t):
    del layer(t).nothing


@program
def unknown_attribute(t):
    return layer(t).nothing


@program
def views(t):
    m = layer(t)
    found = [list(m._parameters), len(m._buffers), "weight" in m._parameters, "weight" in m._buffers]
    m._parameters["extra"] = leaf(t, 1)
    del m._parameters["bias"]
    m._buffers.pop("mean")
    m._modules["inner"] = t.nn.Module()
    m._buffers.update(other=t.ones(1))
    return found, names(m.named_parameters()), names(m.named_buffers()), names(m.named_modules()), hasattr(m, "bias")


@program
def view_of_unknown_name(t):
    return layer(t)._parameters["mean"]


@program
def views_replaced(t):
    m = layer(t)
    m._parameters = {"b": leaf(t, 1), "a": leaf(t, 1)}
    return names(m.named_parameters()), names(m.named_buffers()), hasattr(m, "weight")


@program
def directory(t):
    m = t.nn.Sequential(layer(t))
    m.x = 1
    return [key in dir(m) for key in ("0", "x", "training", "forward")], "weight" in dir(m[0])


@program
def persistence(t):
    m = layer(t)
    m.cache = t.ones(2)
    m.register_buffer("mean", t.ones(1), persistent=False)
    m.register_buffer("late", None)
    return list(m.state_dict()), sorted(m._non_persistent_buffers_set), names(m.named_buffers())


def uninitialised(t):
    class Early(t.nn.Module):
        def __init__(self, value):
            self.value = value

    return Early


ERRORS = {
    "parameter_before_init": lambda t: uninitialised(t)(leaf(t, 1)),
    "module_before_init": lambda t: uninitialised(t)(t.nn.Module()),
    "number_as_parameter": lambda t: setattr(layer(t), "weight", 3),
    "tensor_as_parameter": lambda t: setattr(layer(t), "weight", t.ones(1)),
    "number_as_module": lambda t: setattr(net(t), "first", 3),
    "tensor_as_module": lambda t: setattr(net(t), "first", t.ones(1)),
    "module_as_parameter": lambda t: setattr(layer(t), "weight", t.nn.Module()),
    "text_as_buffer": lambda t: setattr(layer(t), "mean", "text"),
    "register_parameter_number": lambda t: t.nn.Module().register_parameter("x", 3),
    "register_parameter_tensor": lambda t: t.nn.Module().register_parameter("x", t.ones(1)),
    "register_parameter_name": lambda t: t.nn.Module().register_parameter(3, leaf(t, 1)),
    "register_parameter_dot": lambda t: t.nn.Module().register_parameter("a.b", leaf(t, 1)),
    "register_parameter_empty": lambda t: t.nn.Module().register_parameter("", leaf(t, 1)),
    "register_parameter_taken": lambda t: layer(t).register_parameter("n", leaf(t, 1)),
    "register_parameter_method": lambda t: setattr(layer(t), "forward", leaf(t, 1)),
    "register_buffer_number": lambda t: t.nn.Module().register_buffer("x", 3),
    "register_buffer_name": lambda t: t.nn.Module().register_buffer(None, t.ones(1)),
    "register_buffer_dot": lambda t: t.nn.Module().register_buffer("a.b", t.ones(1)),
    "register_buffer_empty": lambda t: t.nn.Module().register_buffer("", t.ones(1)),
    "register_buffer_taken": lambda t: layer(t).register_buffer("weight", t.ones(1)),
    "add_module_number": lambda t: t.nn.Module().add_module("x", 3),
    "add_module_name": lambda t: t.nn.Module().add_module(3, t.nn.Module()),
    "add_module_dot": lambda t: t.nn.Module().add_module("a.b", t.nn.Module()),
    "add_module_empty": lambda t: t.nn.Module().add_module("", t.nn.Module()),
    "add_module_taken": lambda t: layer(t).add_module("weight", t.nn.Module()),
    "non_leaf": lambda t: make_non_leaf(t),
    "init_positional": lambda t: t.nn.Module(3),
    "init_keyword": lambda t: t.nn.Module(size=3),
    "no_forward": lambda t: t.nn.Module()(1),
    "train_mode": lambda t: t.nn.Module().train(1),
    "integer_parameter": lambda t: t.nn.Parameter(t.tensor([1])),
    "to_integer_dtype": lambda t: layer(t).to(t.int64),
    "to_list": lambda t: layer(t).to([1]),
    "to_unknown_keyword": lambda t: layer(t).to(foo=3),
    "to_dtype_number": lambda t: layer(t).to(dtype=3),
}
PROGRAMS.update(ERRORS)


def make_non_leaf(t):
    product = leaf(t, 1) * 2
    product.__class__ = t.nn.Parameter
    t.nn.Module().register_parameter("x", product)


# --- looking up ---
@program
def lookup(t):
    m = net(t)
    found = [m.get_submodule(path) for path in ("", "first", "rest.0")]
    return found, m.get_parameter("rest.0.bias"), m.get_buffer("first.cache")


PROGRAMS |= {
    "no_submodule": lambda t: net(t).get_submodule("rest.7"),
    "submodule_is_none": lambda t: net(t).get_submodule("first.weight"),
    "no_parameter": lambda t: net(t).get_parameter("first.nothing"),
    "not_a_parameter": lambda t: net(t).get_parameter("first.mean"),
    "no_buffer": lambda t: net(t).get_buffer("first.nothing"),
    "not_a_buffer": lambda t: net(t).get_buffer("first.weight"),
    "set_submodule_no_target": lambda t: net(t).set_submodule("", t.nn.Module()),
    "set_submodule_number": lambda t: net(t).set_submodule("first", 3),
    "set_submodule_strict": lambda t: net(t).set_submodule("second", t.nn.Module(), strict=True),
    "set_submodule_no_module": lambda t: net(t).set_submodule("first.weight", t.nn.Module()),
}


@program
def set_submodule(t):
    m = net(t)
    m.set_submodule("rest.0", t.nn.Sequential())
    m.set_submodule("new", t.nn.Sequential())
    return m


# --- state dict ---
@program
def state_dict(t):
    state = net(t).state_dict(prefix="p.")
    return dict(state), dict(state._metadata), type(state).__name__


@program
def state_dict_flags(t):
    m = layer(t)
    kept, plain = m.state_dict(keep_vars=True), m.state_dict()
    shares = plain["weight"].data_ptr() == m.weight.data_ptr()
    return kept["weight"] is m.weight, kept["weight"].requires_grad, plain["weight"].requires_grad, shares


@program
def state_dict_destination(t):
    filled = {"old": 1}
    return layer(t).state_dict(destination=filled) is filled, list(filled)


@program
def state_dict_positional(t):
    filled = {}
    return list(layer(t).state_dict(filled, "p.", True)), list(filled)


@program
def state_dict_of_a_child(t):
    class Versioned(t.nn.Module):
        _version = 7

    m = t.nn.Sequential(Versioned())
    return dict(m.state_dict()._metadata)


def loaded(t, changes=(), drop=(), **options):
    m = layer(t)
    state = m.state_dict()
    state.update(changes)
    for key in drop:
        del state[key]
    answer = m.load_state_dict(state, **options)
    return answer, dict(m.state_dict())


PROGRAMS |= {
    "load": lambda t: loaded(t, {"weight": t.zeros(2, 2)}),
    "load_missing": lambda t: loaded(t, drop=["weight", "mean"]),
    "load_unexpected": lambda t: loaded(t, {"other": t.ones(1), "a.b": t.ones(1), "_extra_state": 3}),
    "load_all_wrong": lambda t: loaded(t, {"other": t.ones(1), "weight": t.ones(3)}, ["bias"]),
    "load_not_strict": lambda t: loaded(t, {"other": t.ones(1)}, ["bias"], strict=False),
    "load_size": lambda t: loaded(t, {"weight": t.ones(3)}, strict=False),
    "load_number": lambda t: loaded(t, {"weight": 3.0}),
    "load_list": lambda t: layer(t).load_state_dict([1]),
    "load_casts": lambda t: loaded(t, {"weight": t.tensor([[1, 2], [3, 4]])}),
}


@program
def load_assign(t):
    m = layer(t)
    state = {name: value.detach().double() for name, value in m.state_dict().items()}
    m.bias.requires_grad_(False)
    m.load_state_dict(state, assign=True)
    same = m.weight.data_ptr() == state["weight"].data_ptr()
    kinds = [type(x).__name__ for x in (m.weight, m.mean)]
    return same, kinds, m.weight.dtype, m.weight.requires_grad, m.bias.requires_grad, m.mean is state["mean"]


@program
def load_scalar_from_vector(t):
    m = t.nn.Module()
    m.scale = t.nn.Parameter(t.tensor(1.0))
    m.load_state_dict({"scale": t.tensor([5.0])})
    return m.scale


@program
def load_does_not_change_the_dict(t):
    m = net(t)
    state = m.state_dict()
    before = list(state)
    m.load_state_dict(state)
    return before == list(state)


@program
def extra_state(t):
    class Extra(t.nn.Module):
        def get_extra_state(self):
            return {"a": 1}

        def set_extra_state(self, state):
            self.loaded = state

    m = t.nn.Sequential(Extra())
    state = m.state_dict()
    m.load_state_dict(state)
    return dict(state), m[0].loaded, m.load_state_dict({}, strict=False)


@program
def state_dict_hooks(t):
    m, seen = t.nn.Sequential(layer(t)), []
    m[0].register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append(["pre", prefix, keep_vars]))

    def post(module, state, prefix, metadata):
        seen.append(["post", prefix, dict(metadata)])
        state[prefix + "more"] = t.ones(1)

    handle = m[0].register_state_dict_post_hook(post)
    first = list(m.state_dict())
    handle.remove()
    m._register_state_dict_hook(lambda module, state, prefix, metadata: {"replaced": 1})
    return first, m.state_dict(), seen


@program
def state_dict_post_hook_returns(t):
    m = layer(t)
    m.register_state_dict_post_hook(lambda *args: {})
    m.state_dict()


@program
def load_hooks(t):
    m, seen = layer(t), []

    def pre(module, state, prefix, metadata, strict, missing, unexpected, errors):
        seen.append([module is m, prefix, strict, metadata])
        state["weight"] = state.pop("old_weight")

    def post(module, keys):
        seen.append([module is m, list(keys.missing_keys)])
        keys.missing_keys.clear()

    m.register_load_state_dict_pre_hook(pre)
    m.register_load_state_dict_post_hook(post)
    state = m.state_dict()
    state["old_weight"] = state.pop("weight")
    del state["bias"]
    return m.load_state_dict(state), seen, "old_weight" in state


@program
def load_post_hook_returns(t):
    m = layer(t)
    m.register_load_state_dict_post_hook(lambda module, keys: keys)
    m.load_state_dict(m.state_dict())


# --- calling ---
@program
def forward_hooks(t):
    m, seen = layer(t), []

    def pre(module, args):
        seen.append("pre")
        return args[0] + 1

    def pre_with_kwargs(module, args, kwargs):
        seen.append(["pre kwargs", kwargs])
        return args, {}

    def post(module, args, output):
        seen.append(["post", args[0].tolist()])
        return output * 10

    def post_with_kwargs(module, args, kwargs, output):
        seen.append(["post kwargs", kwargs, output.detach().tolist()])

    handles = [
        m.register_forward_pre_hook(pre),
        m.register_forward_pre_hook(pre_with_kwargs, with_kwargs=True, prepend=True),
        m.register_forward_hook(post),
        m.register_forward_hook(post_with_kwargs, with_kwargs=True, prepend=True),
    ]
    first = m(t.ones(2), scale=3)
    for handle in handles:
        handle.remove()
    return first, m(t.ones(2)), seen, [len(d) for d in (m._forward_hooks, m._forward_hooks_with_kwargs)]


@program
def hooks_cleared_by_assignment(t):
    m = layer(t)
    m.register_forward_hook(lambda module, args, output: output * 10)
    m._forward_hooks = OrderedDict()
    m.register_forward_pre_hook(lambda module, args: args[0] * 3)
    m._forward_pre_hooks.clear()
    return m(t.ones(2)), len(m._forward_hooks)


@program
def pre_hook_returns_nonsense(t):
    m = layer(t)
    m.register_forward_pre_hook(lambda module, args, kwargs: args, with_kwargs=True)
    m(t.ones(2))


@program
def always_called(t):
    class Failing(t.nn.Module):
        def forward(self, x):
            raise ValueError("failed")

    m, seen = Failing(), []
    m.register_forward_hook(lambda module, args, output: seen.append("not called"))
    m.register_forward_hook(lambda module, args, output: seen.append(["called", output]), always_call=True)
    m.register_forward_hook(lambda module, args, output: 1 / 0, always_call=True)
    try:
        m(t.ones(1))
    except ValueError as error:
        return str(error), seen


@program
def global_forward_hooks(t):
    seen, m = [], t.nn.Sequential(layer(t), layer(t))
    where = t.nn.modules.module
    pre = where.register_module_forward_pre_hook(lambda module, args: seen.append(["pre", type(module).__name__]))
    post = where.register_module_forward_hook(lambda module, args, out: seen.append(["post", type(module).__name__]))
    m(t.ones(2))
    pre.remove()
    post.remove()
    m(t.ones(2))
    return seen


@program
def registration_hooks(t):
    seen = []
    where = t.nn.modules.module
    handles = [
        where.register_module_parameter_registration_hook(lambda m, name, value: seen.append(["parameter", name])),
        where.register_module_buffer_registration_hook(lambda m, name, value: value + 1),
        where.register_module_module_registration_hook(lambda m, name, value: seen.append(["module", name])),
    ]
    m = t.nn.Sequential(layer(t))
    m[0].mean = t.ones(1)
    m.extra = m[0]
    for handle in handles:
        handle.remove()
    return seen, m[0].mean, layer(t).mean


@program
def full_backward_hooks(t):
    m, seen = layer(t), []

    def pre(module, grad_output):
        seen.append(["pre", [g.tolist() for g in grad_output]])
        return (grad_output[0] * 2,)

    def post(module, grad_input, grad_output):
        seen.append(["post", [g.tolist() for g in grad_input], [g.tolist() for g in grad_output]])
        return (grad_input[0] * 10,)

    m.register_full_backward_pre_hook(pre)
    m.register_full_backward_hook(post)
    x = t.ones(2, requires_grad=True)
    out = m(x)
    out.sum().backward()
    return out.grad_fn.name(), x.grad, m.weight.grad, seen


@program
def full_backward_hook_without_input_gradient(t):
    m, seen = layer(t), []
    m.register_full_backward_hook(lambda module, grad_in, grad_out: seen.append([grad_in, grad_out[0].tolist()]))
    m(t.ones(2)).sum().backward()
    return seen, m.bias.grad


@program
def full_backward_hook_wrong_number(t):
    m = layer(t)
    m.register_full_backward_hook(lambda module, grad_in, grad_out: (grad_in[0], None))
    m(t.ones(2, requires_grad=True)).sum().backward()


@program
def backward_pre_hook_wrong_number(t):
    m = layer(t)
    m.register_full_backward_pre_hook(lambda module, grad_out: (grad_out[0], None))
    m(t.ones(2, requires_grad=True)).sum().backward()


@program
def backward_hook_with_a_dict_as_output(t):
    class Dict(t.nn.Module):
        def forward(self, x):
            return {"x": x * 2}

    m = Dict()
    m.register_full_backward_hook(lambda module, grad_in, grad_out: None)
    m(t.ones(1, requires_grad=True))


@program
def backward_hook_through_several_tensors(t):
    class Pair(t.nn.Module):
        def forward(self, x, factor, y):
            return x * factor, y * 3

    m, seen = Pair(), []
    m.register_full_backward_hook(lambda module, grad_in, grad_out: seen.append([grad_in, grad_out]))
    x, y = t.ones(1, requires_grad=True), t.ones(1)
    a, b = m(x, 2, y)
    a.sum().backward()
    return seen, x.grad, b.requires_grad


@program
def both_kinds_of_backward_hooks(t):
    m = layer(t)
    m.register_full_backward_hook(lambda *args: None)
    m.register_backward_hook(lambda *args: None)


@program
def old_backward_hook(t):
    class Double(t.nn.Module):
        def forward(self, x):
            return x * 2

    m, seen = Double(), []
    m.register_backward_hook(lambda module, grad_in, grad_out: seen.append([type(module).__name__, grad_out]))
    x = t.ones(1, requires_grad=True)
    (m(x * 1) * 5).sum().backward()
    return seen, x.grad


@program
def old_backward_hook_on_several_nodes(t):
    m = layer(t)
    m.register_backward_hook(lambda *args: None)
    m(t.ones(2, requires_grad=True))


# --- changing everything below ---
@program
def apply_and_modes(t):
    m, order = net(t), []
    m.apply(lambda module: order.append(type(module).__name__))
    m.eval()
    modes = [module.training for module in m.modules()]
    m.first.train()
    m.requires_grad_(False)
    return order, modes, [x.training for x in m.modules()], [p.requires_grad for p in m.parameters()], m.train() is m


@program
def zero_grad(t):
    m = layer(t)
    m(t.ones(2)).sum().backward()
    m.zero_grad(set_to_none=False)
    zeros = [p.grad for p in m.parameters()]
    m.zero_grad()
    return zeros, [p.grad for p in m.parameters()]


@program
def conversion(t):
    m = layer(t)
    m.register_buffer("count", t.tensor([1]))
    weight = m.weight
    m(t.ones(2)).sum().backward()
    m.double()
    dtypes = [m.weight.dtype, m.weight.grad.dtype, m.mean.dtype, m.count.dtype]
    m.to(t.float32)
    single = m.weight.dtype
    m.to(t.ones(1, dtype=t.float64))
    return dtypes, m.weight is weight, single, m.weight.dtype, m.float().weight.dtype, m.weight.is_leaf


@program
def conversion_on_the_cpu(t):
    m = layer(t)
    m.to("cpu", t.float16)
    half = m.weight.dtype
    return half, m.float().half().bias.dtype, m.bfloat16().mean.dtype, m.type(t.float64).weight.dtype, m.cpu() is m


@program
def conversion_to_complex(t):
    return layer(t).to(t.complex64).weight.dtype


@program
def parameter(t):
    p = leaf(t, 2)
    p.grad = t.ones(2)
    twin = copy.deepcopy(p)
    kept = t.nn.Parameter(p, requires_grad=False)
    kinds = [type(x).__name__ for x in (p, twin, kept, p.data, p.detach(), p * 2)]

    class Mine(t.nn.Parameter):
        pass

    mine = Mine(t.ones(1))
    return (
        repr(p),
        repr(mine),
        type(mine).__name__,
        kinds,
        twin.grad,
        kept.requires_grad,
        kept.data_ptr() == p.data_ptr(),
        repr(t.nn.Parameter()),
    )


@program
def deep_copy(t):
    m = net(t)
    twin = copy.deepcopy(m)
    return (
        twin,
        twin.first is m.first,
        twin.rest[1] is twin.first,
        names(twin.named_parameters()) == names(m.named_parameters()),
        twin.first.weight.data_ptr() == m.first.weight.data_ptr(),
    )


# --- printing ---
@program
def printing(t):
    class Lines(t.nn.Module):
        def extra_repr(self):
            return "one\n\n  two"

    m = net(t)
    m.lines = t.nn.Sequential(Lines(), Lines())
    m.absent = None
    return repr(m), repr(t.nn.Module()), repr(Lines()), repr(m.first)


CPU_ONLY = {"conversion_on_the_cpu": pytest.mark.cpu}


@pytest.mark.parametrize("name", [pytest.param(name, marks=CPU_ONLY.get(name, ())) for name in PROGRAMS])
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name])
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name])
    assert not found, "\n".join(found)


# --- what plugrad adds ---
class Double(plugrad.nn.Module):
    def forward(self, x):
        return x * 2


class Failing(plugrad.nn.Module):
    def forward(self, x):
        raise ValueError("failed")


class Outer(plugrad.nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = plugrad.nn.ModuleList([Double(), Failing()])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def test_a_member_is_an_ordinary_attribute():
    m = layer(plugrad)
    assert m.__dict__["weight"] is m.weight
    assert type(m).__getattribute__ is object.__getattribute__
    assert not hasattr(type(m), "__getattr__")


def test_a_call_without_hooks_is_one_frame_more_than_forward():
    class Identity(plugrad.nn.Module):
        def forward(self, x):
            return x

    m, frames = Identity(), []
    sys.setprofile(lambda frame, event, arg: frames.append(frame.f_code.co_name) if event == "call" else None)
    try:
        m(1)
    finally:
        sys.setprofile(None)
    assert frames == ["__call__", "forward"]


def test_an_error_names_the_module():
    with pytest.raises(ValueError, match="failed") as caught:
        plugrad.nn.Sequential(Outer())(plugrad.ones(1))
    assert str(caught.value) == "failed"
    assert caught.value.__notes__ == ["in Sequential.0.blocks.1 (Failing)"]


def test_an_error_in_a_module_called_alone_names_its_class():
    with pytest.raises(ValueError, match="failed") as caught:
        Failing()(1)
    assert caught.value.__notes__ == ["in Failing"]


def test_a_module_that_is_not_registered_leaves_the_note_of_the_inner_one():
    class Hiding(plugrad.nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = [Failing()]

        def forward(self, x):
            return self.hidden[0](x)

    with pytest.raises(ValueError, match="failed") as caught:
        plugrad.nn.Sequential(Hiding())(1)
    assert caught.value.__notes__ == ["in Sequential.0 (Failing)"]


def test_a_note_does_not_put_the_model_into_the_pickled_error():
    with pytest.raises(ValueError, match="failed") as caught:
        plugrad.nn.Sequential(Failing())(1)
    twin = pickle.loads(pickle.dumps(caught.value))
    assert vars(twin) == {"__notes__": ["in Sequential.0 (Failing)"]}


def test_a_module_that_calls_itself_is_named_once():
    class Twice(plugrad.nn.Module):
        def forward(self, n):
            return 1 / n if n == 0 else self(n - 1)

    with pytest.raises(ZeroDivisionError) as caught:
        plugrad.nn.Sequential(Twice())(2)
    assert caught.value.__notes__ == ["in Sequential.0 (Twice)"]


def test_a_module_is_freed_without_the_collector():
    m = net(plugrad)
    handle = m.register_forward_hook(lambda module, args, output: None)
    m(plugrad.ones(2))
    list(m.named_parameters())
    seen = weakref.ref(m)
    gc.disable()
    try:
        del m
        assert seen() is None
    finally:
        gc.enable()
    handle.remove()


def test_a_shallow_copy_registers_names_of_its_own():
    m = layer(plugrad)
    twin = copy.copy(m)
    twin.extra = plugrad.nn.Parameter(plugrad.ones(1))
    del twin.bias
    assert names(m.named_parameters()) == ["weight", "bias"]
    assert names(twin.named_parameters()) == ["weight", "extra"]
    assert twin.weight is m.weight


def test_a_replica_can_be_made_by_hand():
    m = layer(plugrad)
    replica = m.__new__(type(m))
    replica.__dict__ = m.__dict__.copy()
    replica._parameters = {}
    replica._buffers = replica._buffers.copy()
    replica.mean = plugrad.ones(2)
    assert names(replica.named_parameters()) == []
    assert names(m.named_parameters()) == ["weight", "bias"]
    assert m.mean.tolist() == [0.0, 0.0]


def add_ten(module, args, output):
    return output + 10


def test_pickle_keeps_parameters_buffers_modules_and_hooks():
    m = plugrad.nn.Sequential(Double(), plugrad.nn.ParameterList([plugrad.ones(2)]))
    m[0].register_buffer("cache", plugrad.ones(1), persistent=False)
    m[0].handle = m[0].register_forward_hook(add_ten, with_kwargs=False)
    twin = pickle.loads(pickle.dumps(m))
    assert names(twin.named_parameters()) == ["1.0"]
    assert type(twin[1][0]) is plugrad.nn.Parameter
    assert list(twin.state_dict()) == ["1.0"]
    assert names(twin.named_buffers()) == ["0.cache"]
    assert twin[0](plugrad.ones(1)).tolist() == [12.0]
    twin[0].handle.remove()
    assert twin[0](plugrad.ones(1)).tolist() == [2.0]
    assert m[0](plugrad.ones(1)).tolist() == [12.0]


def test_a_hook_added_after_unpickling_replaces_none_of_the_old_ones():
    m = Double()
    handle = m.register_forward_hook(add_ten)
    twin = pickle.loads(pickle.dumps(m))
    hooks = twin._forward_hooks
    hooks[handle.id + 1] = hooks.pop(handle.id)
    twin.register_forward_hook(add_ten)
    assert twin(plugrad.ones(1)).tolist() == [22.0]


def test_loading_by_assignment_does_not_mark_the_state_dict():
    m = layer(plugrad)
    state = m.state_dict()
    m.load_state_dict(state, assign=True)
    other = layer(plugrad)
    other.load_state_dict(state)
    assert other.weight.data_ptr() != state["weight"].data_ptr()


def test_a_subclass_may_come_before_another_base():
    class Named:
        def __init__(self, name):
            self.name = name

    class Both(plugrad.nn.Module, Named):
        call_super_init = True

    assert Both("x").name == "x"


def test_buffers_by_assignment():
    module = plugrad.nn.Module()
    module.kept, module.passing, module.plain = (
        plugrad.nn.Buffer(plugrad.ones(2)),
        plugrad.nn.Buffer(persistent=False),
        plugrad.ones(1),
    )
    assert [name for name, _ in module.named_buffers()] == ["kept", "passing"]
    assert list(module.state_dict()) == ["kept"]
    assert isinstance(module.kept, plugrad.nn.Buffer)
    assert not isinstance(module.plain, plugrad.nn.Buffer)
    assert type(module.kept) is plugrad.Tensor
    module.kept = plugrad.nn.Buffer(plugrad.ones(3), persistent=False)
    assert list(module.state_dict()) == []
    with pytest.raises(KeyError, match="attribute 'plain' already exists"):
        module.plain = plugrad.nn.Buffer(plugrad.ones(1))
    module.weight = plugrad.nn.Parameter(plugrad.ones(1))
    with pytest.raises(TypeError, match=r"cannot assign 'torch\.\S*FloatTensor' as parameter 'weight'"):
        module.weight = plugrad.nn.Buffer(plugrad.ones(1))
