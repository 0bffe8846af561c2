"""One-line programs over a library and a few tensors, run with torch and with plugrad."""

from plugrad_call_table import agree

#: The tensors of a program, in torch's words; those with a capital letter require grad.
TENSORS = {
    "x": "T.tensor([3.0, -1.0, 2.0, 0.5, 2.0])",
    "m": "T.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]])",
    "n": "T.tensor([[1.0, float('nan'), 3.0], [0.5, 4.0, -1.0]])",
    "k": "T.tensor([4, 1, 1, 0, 3])",
    "i": "T.tensor([0, 2, 0])",
    "b": "T.tensor([True, False, True, True, False])",
    "z": "T.tensor(1.5)",
    "c": "T.tensor([1 + 2j, -3j, 0.5])",
    "e": "T.ones(0, 3)",
    "X": "T.tensor([3.0, -1.0, 2.0, 0.5, 2.0], dtype=T.float64, requires_grad=True)",
    "M": "T.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], dtype=T.float64, requires_grad=True)",
    "N": "T.tensor([[1.0, float('nan'), 3.0], [0.5, 4.0, -1.0]], dtype=T.float64, requires_grad=True)",
    "C": "T.tensor([[1 + 2j, -3j, 0.5], [2.0, 1j, -1 - 1j]], dtype=T.complex128, requires_grad=True)",
    "Z": "T.tensor(1.5, dtype=T.float64, requires_grad=True)",
}


def lines(text):
    """The programs of a text, one a line."""
    return [line for line in text.strip().splitlines() if line and not line.startswith("#")]


def program(line):
    """A function of the library: what the line gives, the names of its nodes, and the gradients of its weighted sum."""

    def run(t):
        names = {name: eval(text, {"T": t}) for name, text in TENSORS.items()}
        made = eval(line, {"T": t, **names})
        parts = [p for p in (made if isinstance(made, (tuple, list)) else (made,)) if hasattr(p, "grad_fn")]
        nodes = [type(p.grad_fn).__name__ for p in parts]
        return (
            type(made).__name__,
            [p.detach() if hasattr(p, "detach") else p for p in flat(made)],
            nodes,
            slopes(t, parts, names),
        )

    return run


def flat(made):
    if not isinstance(made, (tuple, list)):
        return [made]
    return [part for parts in made for part in flat(parts)]


def slopes(t, parts, names):
    """The gradients of the tensors that require grad, and those of a function of these gradients."""
    leaves = [v for k, v in names.items() if k.isupper()]
    total = sum((weighted(t, p) for p in parts if p.requires_grad), t.zeros((), dtype=t.float64))
    if not total.requires_grad:
        return []
    first = t.autograd.grad(total, leaves, create_graph=True, allow_unused=True, materialize_grads=True)
    again = sum((weighted(t, g) for g in first if g.requires_grad), t.zeros((), dtype=t.float64))
    # A gradient of zeros may have no memory in torch.
    found = [g.detach() + 0 for g in first]
    if again.requires_grad:
        second = t.autograd.grad(again, leaves, allow_unused=True, materialize_grads=True)
        found += [g + 0 for g in second]
    return found


def weighted(t, p):
    weights = t.arange(1, p.numel() + 1, dtype=t.float64).reshape(p.shape)
    made = (p * weights).sum()
    return made.real + 2 * made.imag if made.is_complex() else made


def same(line, plugrad, torch, rel=2e-6, absolute=1e-6):
    """Fail where a program does not do the same with both."""
    agree(program(line), plugrad, torch, rel=rel, absolute=absolute)
