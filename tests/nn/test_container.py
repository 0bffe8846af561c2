"""Containers of modules and of parameters, program by program as torch does it."""

import copy
import operator
import pickle
from collections import OrderedDict

import pytest

import plugrad
from plugrad_outcome import differences, golden, outcome

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__.strip("_")] = function
    return function


def times(t, n):
    """A module that prints as ``Times(n)``."""

    class Times(t.nn.Module):
        def __init__(self):
            super().__init__()
            self.n = n

        def forward(self, x):
            return x * self.n

        def extra_repr(self):
            return str(self.n)

    return Times()


def chain(t, *numbers):
    return t.nn.Sequential(*(times(t, n) for n in numbers))


def listed(t, *numbers):
    return t.nn.ModuleList(times(t, n) for n in numbers)


def numbers(modules):
    return [m.n for m in modules]


def ones(t, *shape):
    return t.nn.Parameter(t.ones(*shape))


# --- Sequential ---
@program
def sequential(t):
    m = chain(t, 2, 3, 5)
    named = t.nn.Sequential(OrderedDict([("a", times(t, 2)), ("b", times(t, 7))]))
    return m, m(t.ones(1)), len(m), numbers(m), named, named.b.n, named[1].n, named[-1].n, t.nn.Sequential()


@program
def sequential_slices(t):
    m = chain(t, 2, 3, 5, 7)
    named = t.nn.Sequential(OrderedDict([("a", times(t, 2)), ("b", times(t, 7))]))
    return m[1:], m[::2], m[-1].n, named[:1], type(m[1:]).__name__


@program
def sequential_assignment(t):
    m = chain(t, 2, 3, 5)
    m[0] = times(t, 11)
    m[-1] = times(t, 13)
    return m, list(m._modules)


@program
def sequential_deletion(t):
    m, every_second = chain(t, 2, 3, 5, 7), chain(t, 2, 3, 5, 7)
    named = t.nn.Sequential(OrderedDict([("a", times(t, 2)), ("b", times(t, 3))]))
    del m[1]
    del every_second[::2]
    del named[0]
    return m, every_second, named, m.pop(0).n, m, m.pop(slice(0, 2)), m


@program
def sequential_growth(t):
    m = chain(t, 2)
    m.append(times(t, 3)).extend([times(t, 5)]).insert(1, times(t, 7)).insert(-1, times(t, 11))
    m += chain(t, 13)
    return m, m(t.ones(1))


@program
def sequential_arithmetic(t):
    m = chain(t, 2, 3)
    both, twice = m + chain(t, 5), m * 2
    shared = twice[0] is twice[2]
    again = 2 * m
    m *= 3
    return both, twice, shared, again, m, len(list(m.modules()))


PROGRAMS |= {
    "sequential_no_module": lambda t: t.nn.Sequential(3),
    "sequential_index": lambda t: chain(t, 2)[1],
    "sequential_negative_index": lambda t: chain(t, 2)[-2],
    "sequential_text_index": lambda t: chain(t, 2)["0"],
    "sequential_set_index": lambda t: chain(t, 2).__setitem__(3, times(t, 1)),
    "sequential_insert_number": lambda t: chain(t, 2).insert(0, 3),
    "sequential_insert_index": lambda t: chain(t, 2).insert(5, times(t, 1)),
    "sequential_add_list": lambda t: operator.add(chain(t, 2), [times(t, 1)]),
    "sequential_iadd_list": lambda t: chain(t, 2).__iadd__([times(t, 1)]),
    "sequential_times_text": lambda t: chain(t, 2) * "a",
    "sequential_times_zero": lambda t: chain(t, 2) * 0,
    "sequential_itimes_negative": lambda t: chain(t, 2).__imul__(-1),
    "sequential_append_number": lambda t: chain(t, 2).append(3),
}


# --- ModuleList ---
@program
def module_list(t):
    m = listed(t, 2, 3, 5)
    return m, len(m), numbers(m), m[-1].n, m[1:], [x.n for x in reversed(list(m))], t.nn.ModuleList()


@program
def module_list_growth(t):
    m = listed(t, 2)
    m.append(times(t, 3)).extend([times(t, 5)])
    m.insert(1, times(t, 7))
    m += [times(t, 11)]
    more = operator.add(m, [times(t, 13)])
    m[0] = times(t, 17)
    return numbers(m), numbers(more), list(m._modules)


@program
def module_list_deletion(t):
    m, part = listed(t, 2, 3, 5, 7), listed(t, 2, 3, 5, 7)
    del m[1]
    del part[1:3]
    return numbers(m), list(m._modules), numbers(part), m.pop(-1).n, numbers(m)


@program
def module_list_folding(t):
    inner = t.nn.ModuleList([listed(t, 1, 1), listed(t, 1, 1), times(t, 2)])
    return listed(t, 1, 1, 2, 2, 2, 1), inner, t.nn.Sequential(listed(t, 4, 4))


PROGRAMS |= {
    "module_list_number": lambda t: t.nn.ModuleList([3]),
    "module_list_not_iterable": lambda t: t.nn.ModuleList(3),
    "module_list_index": lambda t: listed(t, 1)[1],
    "module_list_negative_index": lambda t: listed(t, 1)[-2],
    "module_list_extend_number": lambda t: listed(t, 1).extend(3),
    "module_list_call": lambda t: listed(t, 1)(3),
    "module_list_set_number": lambda t: listed(t, 1).__setitem__(0, 3),
}


# --- ModuleDict ---
@program
def module_dict(t):
    m = t.nn.ModuleDict({"b": times(t, 2), "a": times(t, 3)})
    m["c"] = times(t, 5)
    m.update([("a", times(t, 7)), ["d", times(t, 11)]])
    m.update(t.nn.ModuleDict({"e": times(t, 13)}))
    found = [list(m), list(m.keys()), numbers(m.values()), [k for k, v in m.items()], len(m), "a" in m, "z" in m]
    popped = m.pop("b").n
    del m["c"]
    kept = list(m)
    text = repr(m), str(t.nn.ModuleDict({"x": times(t, 1)}).keys())
    m.clear()
    return found, popped, kept, text, len(m), m


PROGRAMS |= {
    "module_dict_number": lambda t: t.nn.ModuleDict({"a": 3}),
    "module_dict_taken_name": lambda t: t.nn.ModuleDict({"keys": times(t, 1)}),
    "module_dict_dot": lambda t: t.nn.ModuleDict({"a.b": times(t, 1)}),
    "module_dict_key": lambda t: t.nn.ModuleDict({3: times(t, 1)}),
    "module_dict_unknown": lambda t: t.nn.ModuleDict()["a"],
    "module_dict_pop_unknown": lambda t: t.nn.ModuleDict().pop("a"),
    "module_dict_update_number": lambda t: t.nn.ModuleDict().update(3),
    "module_dict_update_numbers": lambda t: t.nn.ModuleDict().update([3]),
    "module_dict_update_triples": lambda t: t.nn.ModuleDict().update([(1, 2, 3)]),
}


# --- ParameterList ---
@program
def parameter_list(t):
    m = t.nn.ParameterList([t.ones(2), ones(t, 3), "text"])
    m.append(t.zeros(1)).extend([t.zeros(2, 3)])
    m += [t.ones(())]
    m[0] = t.zeros(4)
    part = m[1:3]
    kinds = [type(v).__name__ for v in m]
    return repr(m), kinds, [n for n, _ in m.named_parameters()], len(m), m[-1], repr(part), repr(t.nn.ParameterList())


@program
def parameter_list_of_one(t):
    return repr(t.nn.ParameterList([t.ones(2)])), repr(t.nn.Sequential(t.nn.ParameterList([t.ones(2)])))


PROGRAMS |= {
    "parameter_list_index": lambda t: t.nn.ParameterList([t.ones(2)])[1],
    "parameter_list_tensor": lambda t: t.nn.ParameterList(t.ones(2)),
    "parameter_list_number": lambda t: t.nn.ParameterList(3),
    "parameter_list_call": lambda t: t.nn.ParameterList([t.ones(2)])(1),
}


# --- ParameterDict ---
@program
def parameter_dict(t):
    m = t.nn.ParameterDict({"b": t.ones(2), "a": ones(t, 3)})
    m["c"] = "text"
    m.update([("d", t.zeros(1))])
    m.update(OrderedDict([("z", t.ones(1)), ("e", t.ones(1))]))
    found = [list(m), list(reversed(m)), list(m.keys()), len(m), "a" in m, "q" in m, m.get("q"), m.get("q", 3)]
    kinds = [[k, type(v).__name__] for k, v in m.items()]
    text = repr(m)
    twin = m.copy()
    popped = m.popitem()[0], m.pop("b").shape, m.setdefault("a").shape, m.setdefault("f", t.ones(4)).shape
    del m["a"]
    made = m.fromkeys(["x", "y"], 1)
    kept = list(m)
    m.clear()
    return (
        found,
        kinds,
        text,
        popped,
        kept,
        list(twin),
        list(made.items()),
        len(m),
        [n for n, _ in twin.named_parameters()],
    )


@program
def parameter_dict_union(t):
    a = t.nn.ParameterDict({"x": t.ones(1)})
    b = t.nn.ParameterDict({"x": t.zeros(1), "y": t.zeros(1)})
    both, other = a | b, b | a
    a |= b
    return list(both), both["x"], list(other), other["x"], list(a), a["x"]


PROGRAMS |= {
    "parameter_dict_key": lambda t: t.nn.ParameterDict({3: t.ones(1)}),
    "parameter_dict_taken_name": lambda t: t.nn.ParameterDict({"keys": t.ones(1)}),
    "parameter_dict_unknown": lambda t: t.nn.ParameterDict()["a"],
    "parameter_dict_number": lambda t: t.nn.ParameterDict(3),
    "parameter_dict_numbers": lambda t: t.nn.ParameterDict([3]),
    "parameter_dict_triples": lambda t: t.nn.ParameterDict([(1, 2, 3)]),
    "parameter_dict_popitem": lambda t: t.nn.ParameterDict().popitem(),
    "parameter_dict_call": lambda t: t.nn.ParameterDict()(1),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_torch_does(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name])
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("position", [-9, -2, 0, 9])
def test_module_list_insert_takes_positions_as_a_list_does(position):
    m, plain = listed(plugrad, 2, 3), [2, 3]
    m.insert(position, times(plugrad, 5))
    plain.insert(position, 5)
    assert numbers(m) == plain
    assert list(m._modules) == ["0", "1", "2"]


def test_containers_survive_copying_and_pickling():
    m = plugrad.nn.Sequential(
        plugrad.nn.ModuleList([plugrad.nn.Sequential()]),
        plugrad.nn.ModuleDict({"a": plugrad.nn.ParameterDict({"w": plugrad.ones(1)})}),
        plugrad.nn.ParameterList([plugrad.ones(2), 3]),
    )
    for twin in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert repr(twin) == repr(m)
        assert [n for n, _ in twin.named_parameters()] == ["1.a.w", "2.0"]
        assert twin[1]["a"]["w"].data_ptr() != m[1]["a"]["w"].data_ptr()
