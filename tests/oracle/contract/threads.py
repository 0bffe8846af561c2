"""Several threads: grad modes, shared leaves, backward in each, hooks, and deep or wide graphs."""
# ruff: noqa: E402, F821

# --- grad_mode_belongs_to_a_thread
import threading


def look():
    seen.append(torch.is_grad_enabled())


seen = []
with torch.no_grad():
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    seen.append(torch.is_grad_enabled())
report(seen)

# --- grad_mode_set_in_a_thread
import threading


def switch():
    torch.set_grad_enabled(False)


thread = threading.Thread(target=switch)
thread.start()
thread.join()
report(torch.is_grad_enabled(), (leaf(1.0) * 2).requires_grad)

# --- inference_mode_belongs_to_a_thread
import threading


def look():
    seen.append(torch.is_inference_mode_enabled())


seen = []
with torch.inference_mode():
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
report(seen)

# --- own_graphs_in_threads
import threading


def work(i):
    x = leaf(float(i), 2.0)
    (x**3).sum().backward()
    found[i] = x.grad.tolist()


found = {}
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
report([found[i] for i in range(8)])

# --- graph_made_in_one_thread_walked_in_another
import threading

x = leaf(1.0, 2.0)
y = (x * x).sum()
thread = threading.Thread(target=y.backward)
thread.start()
thread.join()
report(x.grad)

# --- graph_made_in_a_thread
import threading


def work():
    made.append((x**3).sum())


x = leaf(1.0, 2.0)
made = []
thread = threading.Thread(target=work)
thread.start()
thread.join()
made[0].backward()
report(x.grad)

# --- one_leaf_shared_by_threads
import threading

lock = threading.Lock()


def work(i):
    (g,) = torch.autograd.grad((x * i).sum(), x)
    with lock:
        total.add_(g)


x, total = leaf(1.0, 2.0), torch.zeros(2)
threads = [threading.Thread(target=work, args=(i,)) for i in range(10)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
report(total)

# --- one_graph_walked_by_threads
import threading


def work():
    found.append(torch.autograd.grad(y, x, retain_graph=True)[0].tolist())


x = leaf(1.0, 2.0)
y = x.exp().sin().sum()
found = []
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
report(found)

# --- hooks_run_in_the_calling_thread
import threading

x = leaf(1.0)
y = x * 2
names = []
y.register_hook(lambda g: names.append(threading.current_thread().name))
thread = threading.Thread(target=y.backward, name="mine")
thread.start()
thread.join()
report(names, x.grad)

# --- exception_in_a_threads_backward
import threading


def fail(g):
    raise ValueError("in a thread")


def work():
    with attempt():
        y.backward()


x = leaf(1.0)
y = x * 2
y.register_hook(fail)
thread = threading.Thread(target=work)
thread.start()
thread.join()
(x * 3).backward()
report(x.grad)

# --- saved_tensors_hooks_belong_to_a_thread
import threading


def work():
    seen.append(x.exp().sum().item())


x, seen, packed = leaf(0.0), [], []
with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(1) or t, lambda t: t):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
report(seen, packed)

# --- pool_of_workers
from concurrent.futures import ThreadPoolExecutor


def slope(i):
    x = leaf(float(i))
    with torch.no_grad():
        off = (x * 2).requires_grad
    (x**2).backward()
    return off, x.grad.item()


with ThreadPoolExecutor(4) as pool:
    report(list(pool.map(slope, range(12))))

# --- generator_moved_between_threads
import threading


@torch.no_grad()
def modes():
    while True:
        yield torch.is_grad_enabled()


found = modes()
seen = [next(found)]
thread = threading.Thread(target=lambda: seen.append(next(found)))
thread.start()
thread.join()
report(seen, torch.is_grad_enabled())

# --- wide_graph
x = leaf(1.0)
y = sum(x * i for i in range(300))
y.backward()
report(x.grad)

# --- deep_graph_with_branches
x = leaf(1.0, 1.0)
y = x
for _ in range(2000):
    y = y * 0.5 + y * 0.5
y.sum().backward()
report(x.grad)

# --- deep_graph_dropped
x = leaf(1.0)
y = x
for _ in range(50000):
    y = y + 1
del y
(x * 2).backward()
report(x.grad)

# --- deep_graph_of_in_place_writes
x = leaf(1.0, 2.0)
y = x * 1
for _ in range(3000):
    y.add_(1)
y.sum().backward()
report(x.grad, y._version)

# --- deep_graph_of_views
x = leaf([[1.0, 2.0], [3.0, 4.0]])
y = x
for _ in range(1000):
    y = y.t()
(y * y).sum().backward()
report(x.grad)

# --- exponential_number_of_paths
x = leaf(1.0)
y = x
for _ in range(60):
    y = (y + y) / 2
y.backward()
report(x.grad)
