"""copy, deepcopy, pickle, weak references and subclasses: what becomes of flags and histories."""
# ruff: noqa: B018, E402, F821

# --- deepcopy_of_a_leaf
import copy

x = leaf(1.0, 2.0)
(x * x).sum().backward()
twin = copy.deepcopy(x)
report(twin, twin.grad, twin.grad is x.grad)
twin.data.add_(1)
report(x)

# --- deepcopy_of_a_non_leaf
import copy

x = leaf(1.0, 2.0)
with attempt():
    copy.deepcopy(x * 2)
report(copy.deepcopy((x * 2).detach()))

# --- deepcopy_shares_within_one_call
import copy

x = leaf(1.0, 2.0)
a, b = copy.deepcopy([x, x])
report(a is b, a is x)
base = torch.ones(4)
first, second = copy.deepcopy([base, base[:2]])
second.add_(1)
report(first)

# --- deepcopy_of_a_parameter_and_a_module
import copy

p = torch.nn.Parameter(torch.ones(2))
q = copy.deepcopy(p)
report(q, type(q).__name__)
model = torch.nn.Linear(1, 1)
twin = copy.deepcopy(model)
twin(torch.ones(1, 1)).sum().backward()
report(model.weight.grad, twin.weight.grad, twin.weight.requires_grad)

# --- deepcopy_keeps_no_hooks
import copy

x = leaf(1.0)
x.register_hook(lambda g: g * 10)
twin = copy.deepcopy(x)
(twin * 2).backward()
report(twin.grad)

# --- shallow_copy
import copy

x = leaf(1.0, 2.0)
twin = copy.copy(x)
report(twin, twin is x)
twin.data.add_(1)
report(x)

# --- shallow_copy_of_a_non_leaf
import copy

x = leaf(1.0, 2.0)
with attempt():
    report(copy.copy(x * 2))

# --- pickle_of_a_leaf
import pickle

x = leaf(1.0, 2.0)
(x * x).sum().backward()
twin = pickle.loads(pickle.dumps(x))
report(twin, twin.grad)

# --- pickle_of_a_non_leaf
import pickle

x = leaf(1.0, 2.0)
with attempt():
    twin = pickle.loads(pickle.dumps(x * 2))
    report(twin)

# --- pickle_of_a_parameter
import pickle

p = torch.nn.Parameter(torch.ones(2), requires_grad=False)
twin = pickle.loads(pickle.dumps(p))
report(twin, type(twin).__name__)

# --- pickle_of_views
import pickle

base = torch.arange(6.0).reshape(2, 3)
twin = pickle.loads(pickle.dumps(base.t()))
report(twin, twin.stride(), twin._is_view())

# --- save_and_load
import io

x = leaf(1.0, 2.0)
buffer = io.BytesIO()
torch.save({"x": x, "y": (x * 2).detach()}, buffer)
buffer.seek(0)
report(torch.load(buffer))

# --- save_of_a_non_leaf
import io

x = leaf(1.0, 2.0)
buffer = io.BytesIO()
with attempt():
    torch.save(x * 2, buffer)
    buffer.seek(0)
    report(torch.load(buffer))

# --- nodes_are_not_pickled
import pickle

with attempt():
    pickle.dumps((leaf(1.0) * 2).grad_fn)

# --- hooks_and_pickle
import pickle


def hook(g):
    return g


x = leaf(1.0)
x.register_hook(hook)
with attempt():
    twin = pickle.loads(pickle.dumps(x))
    report(twin)

# --- weak_references
import gc
import weakref

x = leaf(1.0, 2.0)
y = x * 2
watch = weakref.ref(y)
z = y.sum()
del y
gc.collect()
report(watch() is None)
z.backward()
report(x.grad)

# --- gradient_outlives_its_graph
x = leaf(1.0, 2.0)
(x * x).sum().backward()
g = x.grad
del x
report(g)

# --- attributes_of_tensors
x = leaf(1.0, 2.0)
x.note = "mine"
y = x * 2
report(x.note, hasattr(y, "note"), hasattr(x.detach(), "note"))

# --- equality_and_hashing
x = leaf(1.0, 2.0)
report(x == x, (x == x).requires_grad, x in [x], {x: 1}[x], hash(x) == hash(x))

# --- node_identity
x = leaf(1.0, 2.0)
y = x * 2
report(y.grad_fn is y.grad_fn, (y + 1).grad_fn.next_functions[0][0] is y.grad_fn)

# --- accumulate_grad_identity
x = leaf(1.0, 2.0)
a, b = x * 2, x * 3
report(a.grad_fn.next_functions[0][0] == b.grad_fn.next_functions[0][0], a.grad_fn.next_functions[0][0].variable is x)

# --- saved_values_of_nodes
x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
node = (x * w).grad_fn
report(node._saved_self, node._saved_other is w)
report(x.exp().grad_fn._saved_result, (x**3).grad_fn._saved_exponent)

# --- saved_values_of_freed_nodes
x = leaf(1.0, 2.0)
y = x.exp()
y.sum().backward()
with attempt():
    y.grad_fn._saved_result

# --- state_dict_is_detached
model = torch.nn.Linear(1, 1)
state = model.state_dict()
report(state["weight"].requires_grad, state["weight"].data_ptr() == model.weight.data_ptr())
kept = model.state_dict(keep_vars=True)
report(kept["weight"] is model.weight)
