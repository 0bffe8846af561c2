"""One optimizer of torch beside plugrad's of the same name: the same weights, options and gradients."""

import contextlib
import copy
from dataclasses import dataclass, field
from unittest import mock

import torch
from op_db.compare import TOLERANCES, Difference, same
from op_db.scope import modules
from op_db.translate import Translation, find_ours
from torch.testing._internal.common_optimizers import _get_optim_inputs_including_global_cliquey_kwargs, optim_db

import plugrad

SHAPES = ((3, 4), (5,), (), (2, 3, 2))
MATRICES = ((3, 4), (5, 2))  # of what takes nothing else
ONLY_MATRICES = {"Muon"}
#: Optimizers in which a rounding error grows, in single precision: the tolerance of weights; their state, made of
#: differences of gradients, is compared by shape and dtype. Double precision is compared as ever.
UNSTABLE = {"LBFGS": 2e-3}
#: Of the second group, beside what the case says of both.
OF_SECOND_GROUP = {"lr": 0.02}


def infos():
    """torch's entries of the optimizers in docs/scope.md, by name."""
    wanted = {name.removeprefix("optim.") for name in modules() if name.startswith("optim.")}
    found = {info.name: info for info in optim_db if info.name in wanted}
    if missing := wanted - found.keys():
        raise LookupError(f"torch has no samples of {sorted(missing)}")
    return found


@dataclass
class Case:
    """One combination of options, for one dtype.

    Attributes:
        info: torch's entry of the optimizer.
        options: keyword arguments of the constructor, torch's values.
        text: what torch says of them.
        grouped: whether the parameters are given in two groups.
    """

    info: object
    dtype: torch.dtype
    options: dict
    text: str
    grouped: bool = False
    label: str = field(init=False)

    def __post_init__(self):
        dtype = str(self.dtype).removeprefix("torch.")
        self.label = f"{self.info.name}: {dtype}: {self.text}{', two groups' * self.grouped}"

    @property
    def is_unstable(self):
        return self.info.name in UNSTABLE and self.dtype in (torch.float32, torch.complex64)

    def pair(self):
        """The case with fresh weights in torch and in plugrad."""
        generator = torch.Generator().manual_seed(0)
        shapes = MATRICES if self.info.name in ONLY_MATRICES else SHAPES
        theirs = [torch.nn.Parameter(self.draw(shape, generator)) for shape in shapes]
        ours = Translation(requires_grad=True).value(theirs)
        made = (
            Side(torch, theirs, self.built(torch, self.options, theirs)),
            Side(plugrad, ours, self.built(plugrad, Translation().value(self.options), ours)),
        )
        return Pair(self, *made, generator)

    def draw(self, shape, generator):
        return torch.randn(shape, dtype=self.dtype, generator=generator)

    def built(self, t, options, params):
        if self.grouped:
            params = [{"params": params[:1]}, {"params": params[1:], **OF_SECOND_GROUP}]
        return getattr(t.optim, self.info.name)(params, **options)


@dataclass
class Side:
    """A framework, its weights and its optimizer."""

    t: object
    params: list
    optimizer: object

    def loss(self):
        """What a closure computes: a bowl, steeper from element to element, the weights' squares also in the fourth power."""
        self.optimizer.zero_grad()
        total = 0
        for i, p in enumerate(self.params):
            steepness = self.t.arange(1, p.numel() + 1, dtype=self.t.float64).reshape(p.shape)
            square = (p - (i + 1)).abs() ** 2
            total = total + (square * steepness.to(square.dtype)).sum() + 0.125 * (square**2).sum()
        total.backward()
        return total


@dataclass
class Pair:
    """Both sides of a case."""

    case: Case
    theirs: Side
    ours: Side
    generator: object

    def step(self):
        """One step of each, with the same gradients."""
        if self.case.info.step_requires_closure:
            same_loss = [side.optimizer.step(side.loss) for side in (self.ours, self.theirs)]
            same(*(loss.detach() for loss in same_loss), "loss: ")
            return
        for p, q in zip(self.theirs.params, self.ours.params, strict=True):
            p.grad = p.detach() * 0.5 + self.case.draw(p.shape, self.generator)
            q.grad = Translation().value(p.grad)
        self.theirs.optimizer.step()
        self.ours.optimizer.step()

    def compare(self, when):
        with tolerances_of(self.case) as values:
            self.compare_within(when, values)

    def compare_within(self, when, values):
        for i, (ours, theirs) in enumerate(zip(self.ours.params, self.theirs.params, strict=True)):
            same(ours.detach(), theirs.detach(), f"weights {i} {when} ")
        same_state(self.ours.optimizer.state_dict(), self.theirs.optimizer.state_dict(), f"state {when} ", values)


@contextlib.contextmanager
def tolerances_of(case):
    """Widen the tolerance of weights where rounding errors grow from step to step; whether the state's values count."""
    if not case.is_unstable:
        yield True
        return
    with mock.patch.dict(TOLERANCES, float32=(UNSTABLE[case.info.name],) * 2):
        yield False


def same_state(ours, theirs, where, values=True):
    """Compare nested dicts, with the order of their keys, lists, tensors and plain values."""
    if isinstance(theirs, dict):
        if list(ours) != list(theirs):
            raise Difference(f"{where}has keys {list(ours)}, torch {list(theirs)}")
        for key in theirs:
            same_state(ours[key], theirs[key], f"{where}[{key!r}] ", values)
    elif isinstance(theirs, (list, tuple)):
        if type(ours) is not type(theirs) or len(ours) != len(theirs):
            raise Difference(f"{where}is {type(ours).__name__} of {len(ours)}, torch's of {len(theirs)}")
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            same_state(a, b, f"{where}[{i}] ", values)
    else:
        same(ours, theirs, where, values)


def cases(info):
    """The cases of one optimizer: all options that torch tests, for each dtype, and once in two groups."""
    dtypes = [torch.float32, torch.float64] + [torch.complex64, torch.complex128] * info.supports_complex
    made = []
    for dtype in dtypes:
        for options, text in variations(info, dtype):
            made.append(Case(info, dtype, options, text))
        if info.supports_param_groups:
            made.append(Case(info, dtype, {}, "default", grouped=True))
    return made


def variations(info, dtype):
    """(options, text): as they stand, and with each implementation but the differentiable one, which is refused."""
    found = [(x.kwargs, x.desc) for x in info.optim_inputs_func("cpu", dtype)]
    more = _get_optim_inputs_including_global_cliquey_kwargs("cpu", dtype, info, skip=("differentiable",))
    found += [(x.kwargs, x.desc) for x in more if x.desc.endswith(("& foreach", "& fused"))]
    fits = [(options, text) for options, text in found if not (options.get("fused") and dtype.is_complex)]
    return [(copy.deepcopy(options), text) for options, text in fits]


def ours_of(name):
    return find_ours(f"optim.{name}")
