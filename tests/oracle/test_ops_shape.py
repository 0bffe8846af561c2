"""Creation, shape and products against torch: values, dtypes, gradients, views, nodes, warnings, errors."""

import re
import warnings

import numpy as np
import pytest

import plugrad

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.cpu, pytest.mark.oracle]

#: Programs over T, the library, and its tensors: x (6), m (2, 3), b (2, 2, 3), q (3, 3), c complex (2, 3), k int64 (6), z ().
#: All but k are non-leaves that require grad.
PROGRAMS = """
T.logspace(0, 2, 5)
T.logspace(-1, 3, 6, base=2.0, dtype=T.float64)
T.logspace(0, 3, 4, base=2, dtype=T.int64)
T.logspace(T.tensor(0.0), 1, 1)
T.logspace(0, 1, 0)
T.scalar_tensor(3)
T.scalar_tensor(True, dtype=T.bool)
T.scalar_tensor(2, dtype=T.complex64)
T.tril_indices(3, 4, 1)
T.tril_indices(3, 2, -1, dtype=T.int32)
T.triu_indices(3, 4, 1)
T.triu_indices(4, 2, -2)
T.triu_indices(0, 2)
T.fill(x, 2.5)
T.fill(x, z)
T.fill(k, 1.5)
T.fill_(x * 1, 2)
T.zero_(x * 1)
T.detach(x)
T.split_with_sizes(x, (2, 4))
x.split_with_sizes([1, 5])
x.as_strided((2, 2), (1, 2))
x.as_strided((2, 2), (2, 1), 1)
x.as_strided((3, 2), (1, 1))
x.as_strided((), ())
x.as_strided((2, 0), (1, 1))
x[2:].as_strided((2,), (1,))
x[2:].as_strided((2,), (1,), 0)
m.t().as_strided((4,), (1,))
z.as_strided((3,), (0,))
x.expand(2, 6).as_strided((2, 2), (0, 3))
x.expand(2, 6).as_strided((4,), (1,))
x.unfold(0, 3, 1).as_strided((2, 2), (1, 3))
x.as_strided((3,), (2,)).as_strided((4,), (1,), 1)
c.as_strided((2,), (2,))
T.as_strided_scatter(x, z.expand(2), (2,), (3,))
T.as_strided_scatter(m, x[:4].view(2, 2), (2, 2), (1, 2), 1)
(x * 1).as_strided_((2,), (2,))
T.view_as_real(c)
T.view_as_complex(x.view(3, 2))
T.view_as_complex(T.view_as_real(c))
T.view_as_real(c.t())
x.detach().view(T.int32)
x.detach().view(dtype=T.float64)
k.view(T.int32)
k.view(T.bool)
m.detach().view(T.int16)
T.atleast_1d(z)
T.atleast_1d(x, z)
T.atleast_2d(x)
T.atleast_2d((z, m))
T.atleast_3d(z, x, m, b)
T.block_diag(m, x, z, q)
T.block_diag(m, k)
T.block_diag()
T.block_diag(x[:0], m)
T.cartesian_prod(x, q[0])
T.cartesian_prod(k, k[:2], k[2:4])
T.column_stack((x, x * 2))
T.column_stack((m, m[:, 0]))
T.dstack((x, x))
T.dstack((m, b[:, :, :1].squeeze(2).expand(2, 2)[:, :1].expand(2, 3)))
T.combinations(x)
T.combinations(x, 3)
T.combinations(x[:3], 2, with_replacement=True)
T.combinations(x, r=1)
T.combinations(x, 0)
T.combinations(x, 7)
T.diag_embed(x)
T.diag_embed(m, 1)
T.diag_embed(m, -1, 0, 2)
m.diag_embed(dim1=1, dim2=0)
T.diag_embed(b, 2, -1, 0)
T.diagflat(m)
T.diagflat(z, -2)
T.hsplit(x, 3)
T.hsplit(m, (1, 2))
m.vsplit(2)
b.dsplit([1])
b.dsplit(3)
c.mH
m.mH
b.mT
c.H
T.adjoint(c)
T.meshgrid(x, q[0], indexing="ij")
T.meshgrid([x, q[0], z], indexing="xy")
T.meshgrid(x, indexing="xy")
T.rot90(m)
T.rot90(m, 2)
T.rot90(m, -1)
T.rot90(b, 3, (-1, 0))
T.rot90(m, 0)
T.rot90(k.view(2, 3), 5)
T.tensor_split(x, 4)
T.tensor_split(x, (2, 1, 9))
T.tensor_split(x, T.tensor([1, 3]))
T.tensor_split(x, T.tensor(5))
m.tensor_split(2, dim=-1)
x.tensor_split((-2, 5))
T.addbmm(q, b.mT, b)
T.addbmm(z, b, b.mT, beta=2, alpha=0.5)
T.addr(q, x[:3], x[3:])
T.addr(z, x, q[0], beta=0.5, alpha=3)
T.addr(k[:3], k[:3], k[:3], alpha=2)
q.clone().addr_(x[:3], x[3:])
(q * 1).addmm_(q, q, beta=2)
(x[:3] * 1).addmv_(q, x[:3], alpha=2)
(b * 1).baddbmm_(b, q.expand(2, 3, 3))
T.cdist(m, q)
T.cdist(m, q, p=1)
T.cdist(m, q, 0)
T.cdist(m, q, 3.5)
T.cdist(m, q, float("inf"))
T.cdist(m, b)
T.cdist(m, m)
T.cdist(m, q, compute_mode="use_mm_for_euclid_dist")
T.cdist(m, q.repeat(10, 1) + 1)
T.cdist(m[:0], q)
T.cdist(m[:, :0], q[:, :0])
T.cross(m, m.flip(1), dim=1)
T.cross(q, q.t() + 1, dim=0)
c.cross(c.conj().resolve_conj() + 1, dim=1)
T.inner(x, x)
T.inner(m, q)
T.inner(b, m)
T.inner(z, m)
T.inner(k, k)
T.kron(m, q)
T.kron(x[:2], m)
T.kron(z, b)
T.kron(c, m)
T.kron(k, m)
T.tensordot(m, q, 1)
T.tensordot(b, m, 2)
T.tensordot(m, x, 0)
T.tensordot(b, b, ([0, 2], [0, 2]))
T.tensordot(b, m, T.tensor([[0, 2], [0, 1]]))
T.tensordot(m, q[:1], ([1], [0]))
T.tensordot(m[:, :0], q[:0], 1)
T.vdot(x, x + 1)
T.vdot(c[0], c[1])
T.vdot(k, k)
T.chain_matmul(m, q, q)
T.chain_matmul(m)
T.vander(x.detach())
T.vander(x.detach(), 3)
T.vander(c.detach()[0], 5, increasing=True)
T.vander(x.detach(), 0)
T.vander(k.int(), 3)
T.einsum("ij,jk,kl->il", m, q, q)
""".strip().splitlines()

#: What torch refuses.
ERRORS = """
T.logspace(0, 1, -1)
T.logspace(T.ones(2), 1, 3)
T.scalar_tensor([1])
T.scalar_tensor(1j)
T.tril_indices(-1, 2)
T.triu_indices(2, -2)
T.tril_indices(2, 2, dtype=T.float32)
T.fill(x, x)
T.fill(x, 1j)
T.detach(3)
x.as_strided((5,), (2,))
x.as_strided((2,), (1,), 5)
x.as_strided((2, 2), (1,))
x.as_strided((2,), (-1,))
x.as_strided((-2,), (1,))
x.as_strided((2,), (1,), -1)
x.as_strided(2, 1)
leaf.as_strided_((2,), (1,))
T.as_strided_scatter(x, x[:3], (2,), (1,))
T.view_as_real(x)
T.view_as_complex(x)
T.view_as_complex(z)
T.view_as_complex(k.view(3, 2))
T.view_as_complex(q[:2, :2].t())
T.view_as_complex(q[:, :2])
T.view_as_complex(x[1:5].view(2, 2))
x[:5].view(T.float64)
x[1:5].view(T.float64)
x[::2].view(T.int16)
z.view(T.int8)
q[:, :2].view(T.float64)
T.block_diag(b)
T.block_diag(3)
T.cartesian_prod()
T.cartesian_prod(m)
T.cartesian_prod(x, k)
T.combinations(m)
T.combinations(x, -1)
T.column_stack(())
T.column_stack((x, z))
T.dstack(())
T.hstack(())
T.vstack(())
T.diag_embed(z)
T.diag_embed(x, 0, 1, 1)
T.diag_embed(x, 1, 0, 5)
T.hsplit(z, 2)
T.hsplit(m, 2)
T.hsplit(m, 0)
T.vsplit(x, 2)
T.vsplit(m, 3)
T.dsplit(m, 2)
T.dsplit(b, 2)
T.tensor_split(z, 2)
T.tensor_split(x, 0)
T.tensor_split(m, 2, dim=5)
T.tensor_split(x, T.tensor([1.0]))
T.tensor_split(x, T.tensor([[1]]))
x.mH
x.mT
x.H
b.H
T.adjoint(x)
T.meshgrid([], indexing="ij")
T.meshgrid(x, x, indexing="ab")
T.meshgrid(x, k, indexing="ij")
T.rot90(x)
T.rot90(m, 1, (0, 0))
T.rot90(m, 1, (0,))
T.rot90(m, 1, (0, 2))
T.addbmm(z, m, b)
T.addbmm(z, b, b)
T.addbmm(x, b, b.mT)
T.addr(m, m, m)
T.addr(m, x, x)
T.addr(k[:3], k[:3], k[:3], alpha=0.5)
T.cdist(x, x)
T.cdist(m, q[:, :2])
T.cdist(m, m, -1)
T.cdist(k.view(2, 3), m)
T.cdist(m, m.double())
T.cdist(m, m, compute_mode="a")
T.cdist(b, q.expand(3, 3, 3))
T.cross(x, x)
T.cross(m, q[0])
T.cross(m, m, dim=0)
T.inner(m, x)
T.inner(m, k.view(2, 3))
T.tensordot(m, m, 1)
T.tensordot(m, m, -1)
T.tensordot(m, m, 3)
T.tensordot(m, m, ([1], [0]))
T.tensordot(m, m, ([1], [0, 1]))
T.tensordot(m, m, ([1, 1], [1, 1]))
T.tensordot(m, m, (1, 1))
T.tensordot(m, k.view(2, 3), 2)
T.vdot(m, m)
T.vdot(x, x[:2])
T.vdot(x, k)
T.chain_matmul()
T.chain_matmul(m, m)
T.vander(m)
T.vander(x, -1)
""".strip().splitlines()

#: Nodes of plugrad that have another name, and why.
NODES = {
    'T.cdist(m, q, compute_mode="use_mm_for_euclid_dist")': "torch shows a view of the distances",
    "T.chain_matmul(m, q, q)": "torch shows a view of the product",
    "T.cdist(m, q.repeat(10, 1) + 1)": "torch shows a view of the distances",
}


@pytest.fixture(autouse=True)
def every_warning():
    """Without this torch gives many warnings once in a process."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


def leaves(T):
    rng = np.random.default_rng(0)
    shapes = {"x": (6,), "m": (2, 3), "b": (2, 2, 3), "q": (3, 3), "z": ()}
    made = {name: T.tensor(rng.normal(size=s).astype("float32"), requires_grad=True) for name, s in shapes.items()}
    pairs = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
    return made | {"c": T.tensor(pairs.astype("complex64"), requires_grad=True)}


def run(T, program):
    """(what it gives, the leaves, warnings): a list of tensors, or the error."""
    given = leaves(T)
    names = {name: t * 1 for name, t in given.items()} | {"k": T.arange(1, 7), "T": T, "leaf": given["x"]}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            made = eval(program, names)
        except Exception as error:
            made = error
    told = [re.sub(r" \(Triggered internally.*", "", str(w.message), flags=re.DOTALL) for w in seen]
    if not isinstance(made, Exception):
        made = list(made) if isinstance(made, (tuple, list)) else [made]
    return made, given, told


def gradients(T, made, given):
    """The gradients of the leaves by a weighted sum of the parts."""
    rng = np.random.default_rng(1)
    total = None
    for t in made:
        weights = T.tensor(rng.normal(size=tuple(t.shape)).astype("float32"))
        if t.requires_grad:
            t = t.resolve_conj() if T is torch else t
            part = (T.view_as_real(t) if t.is_complex() else t) * (weights.unsqueeze(-1) if t.is_complex() else weights)
            total = part.sum() if total is None else total + part.sum()
    if total is not None:
        total.backward()
    return {name: t.grad for name, t in given.items()}


def host(t):
    return t.detach().resolve_conj().numpy() if hasattr(t, "resolve_conj") else t.detach().numpy()


def node_name(t):
    return None if t.grad_fn is None else t.grad_fn.name()


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program):
    theirs, torch_leaves, expected_told = run(torch, program)
    ours, our_leaves, told = run(plugrad, program)
    assert not isinstance(theirs, Exception), theirs
    if isinstance(ours, Exception):
        raise ours
    assert told == expected_told
    assert len(ours) == len(theirs)
    for t, e in zip(ours, theirs, strict=True):
        assert (tuple(t.shape), str(t.dtype), t.requires_grad) == (tuple(e.shape), str(e.dtype), e.requires_grad)
        np.testing.assert_allclose(host(t), host(e), rtol=2e-5, atol=2e-6)
        if program not in NODES:
            assert node_name(t) == node_name(e)
    if program in OTHER_GRADIENTS:
        return
    found, expected = gradients(plugrad, ours, our_leaves), gradients(torch, theirs, torch_leaves)
    for name, e in expected.items():
        assert (found[name] is None) == (e is None), name
        if e is not None:
            np.testing.assert_allclose(host(found[name]), host(e), rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("program", ERRORS)
def test_error(program):
    theirs, _, expected_told = run(torch, program)
    ours, _, told = run(plugrad, program)
    assert isinstance(theirs, Exception)
    assert isinstance(ours, Exception), ours
    expected = str(theirs).split("\nException raised")[0]
    assert (type(ours).__name__, str(ours)) == (type(theirs).__name__, expected)
    assert told == expected_told


#: Where torch's gradient is not that of what it computes: the base's gradient where something was written, not elsewhere;
#: rows that an empty vector has shifted.
OTHER_GRADIENTS = {
    "T.as_strided_scatter(x, z.expand(2), (2,), (3,))",
    "T.as_strided_scatter(m, x[:4].view(2, 2), (2, 2), (1, 2), 1)",
    "T.block_diag(x[:0], m)",
}


@pytest.mark.parametrize("program", sorted(OTHER_GRADIENTS))
def test_gradients_that_torch_has_wrong(program):
    given = {name: t.detach().double().requires_grad_() for name, t in leaves(plugrad).items() if name in "xmz"}

    def function(*tensors):
        names = dict(zip(given, tensors, strict=True))
        return eval(program, names | {"T": plugrad})

    assert plugrad.autograd.gradcheck(function, tuple(given.values()))


#: Writes through views; each ends with what the memory holds.
WRITES = {
    "as_strided": "y = x * 1; y.as_strided((2, 2), (1, 3)).mul_(2); y = y * y",
    "as_strided of a transpose": "y = m * 1; y.t().as_strided((2, 2), (3, 1), 1).add_(1); y = y * y",
    "as_strided of a part": "y = x * 1; y[1:4].as_strided((2,), (2,)).mul_(z); y = y * y",
    "a view of as_strided": "y = x * 1; y.as_strided((2, 3), (3, 1))[1].mul_(x[:3]); y = y * y",
    "a view that is read later": "y = x * 1; w = y.as_strided((3,), (2,)); y.mul_(2); y = y.sum() + w * w",
    "as_strided of columns": "y = m.t() * 1; y.as_strided((3,), (2,)).mul_(5); y = y * y",
    "view_as_real": "y = c * 1; T.view_as_real(y)[..., 0].mul_(2); y = T.view_as_real(y * y)",
    "view_as_complex": "y = x * 1; T.view_as_complex(y.view(3, 2)).mul_(2 + 1j); y = y * y",
    "view of another dtype": "y = x.detach() * 1; y.view(T.int32)[0] = 0",
    "as_strided_": "y = x * 1; y.as_strided_((2,), (3,)); y.mul_(3); y = y * y",
    "real": "y = c * 1; y.real.mul_(x.view(2, 3)); y = T.view_as_real(y * y)",
    "imag": "y = c * 1; y.imag.mul_(m); y = T.view_as_real(y * y)",
    "a part of view_as_complex": "y = x * 1; w = T.view_as_complex(y.view(3, 2)); y.mul_(2); y = T.view_as_real(w * w)",
    "a part of imag": "y = c * 1; w = y.imag; y.mul_(1 + 2j); y = w * w + y.real",
    "flip is a copy": "y = x * 1; y.flip(0).mul_(0)",
}


def written(T, program):
    given = leaves(T)
    names = {name: t * 1 for name, t in given.items()} | {"T": T}
    exec(program, names)
    y = names["y"]
    if y.requires_grad:
        y.sum().backward()
    return [y, *(t.grad for t in given.values())]


@pytest.mark.parametrize("name", WRITES)
def test_write(name):
    for t, e in zip(written(plugrad, WRITES[name]), written(torch, WRITES[name]), strict=True):
        assert (t is None) == (e is None)
        if e is not None:
            np.testing.assert_allclose(host(t), host(e), rtol=2e-5, atol=2e-6)


def test_an_overlapping_view_is_not_written_to():
    for T in (torch, plugrad):
        y = T.zeros(3).as_strided((2, 2), (0, 1))
        with pytest.raises(
            RuntimeError, match="more than one element of the written-to tensor refers to a single memory"
        ):
            y.add_(1)
