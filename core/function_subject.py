"""A Function under check: how it is run, and what the engine makes of its forward."""

from .engine import grad
from .function import FunctionCtx
from .generator import Generator, fork_rng
from .graph import LEAF, PORT
from .intermediates import Recorded
from .modes import no_grad
from .tensor import Tensor, wrap

#: How close two gradients are that differ by rounding only, relative to their largest entry.
DOUBLE, FLOAT = 1e-9, 1e-4
NAMES = ("backward's gradient", "the engine's")


class Skipped(Exception):
    """The check cannot be made; the text says why."""


class Run:
    """One run of ``apply``: the arguments, their leaves, and the outputs that have a gradient."""

    def __init__(self, leaves, args, outputs):
        self.leaves = leaves
        self.args = args
        self.everything = outputs if isinstance(outputs, tuple) else (outputs,)
        self.positions = [i for i, o in enumerate(self.everything) if isinstance(o, Tensor) and o.requires_grad]
        self.outputs = [self.everything[i] for i in self.positions]

    @property
    def needing(self):
        return [leaf for leaf in self.leaves if leaf is not None]

    @property
    def ctx(self):
        """The ctx of the Function, None when it recorded nothing."""
        for output in self.outputs:
            node = output._fn.node if output._fn._kind == PORT else output._fn
            if isinstance(node, FunctionCtx):
                return node
        return None

    def gradients(self, weights, create_graph=False):
        """One gradient per argument, None where there is none."""
        found = iter(
            grad(self.outputs, self.needing, weights, retain_graph=True, create_graph=create_graph, allow_unused=True)
        )
        return [None if leaf is None else next(found) for leaf in self.leaves]

    def raw_gradients(self, weights):
        """What backward itself returns, before the engine sums or casts it."""
        every = [None] * len(self.everything)
        for position, w in zip(self.positions, weights, strict=True):
            every[position] = w
        ctx = self.ctx
        with no_grad():
            found = ctx.function._gradient()(ctx, *ctx._incoming(every if ctx.outputs > 1 else every[0]))
        return list(found) if isinstance(found, (tuple, list)) else [found]


class Subject:
    """The Function, its arguments in float64, and which of them are differentiated."""

    def __init__(self, function, inputs, options):
        self.function = function
        self.given = inputs
        self.options = options
        floating = [is_floating(x) for x in inputs]
        asked = [isinstance(x, Tensor) and x.requires_grad for x in inputs]
        self.needs = tuple(asked if any(asked) else floating)
        self.args = self.in_precision("double")
        self.gradient_is_right = True
        self.leaves_framework = None  # why the engine cannot differentiate forward; None: it can, or was not asked yet

    def need_right_gradient(self):
        """Raise Skipped where all that follows from a wrong gradient would only be said again."""
        if not self.gradient_is_right:
            raise Skipped("the gradient is wrong already")

    @property
    def indices(self):
        return [i for i, need in enumerate(self.needs) if need]

    def in_precision(self, name):
        """The arguments with every real tensor in float64 ("double") or float32 ("float"), complex ones likewise."""
        return tuple(getattr(x.detach(), name_for(x, name))() if is_floating(x) else x for x in self.given)

    def run(self, args=None, needs=None):
        """apply on copies of the arguments; the random stream stands after it where it stood before."""
        args = self.args if args is None else args
        needs = self.needs if needs is None else needs
        leaves = [leaf_of(x) if need else None for x, need in zip(args, needs, strict=True)]
        # A leaf may not be written to, and forward may write; the copies keep strides by being made like the arguments.
        passed = [
            leaf.clone() if leaf is not None else x.detach().clone() if isinstance(x, Tensor) else x
            for x, leaf in zip(args, leaves, strict=True)
        ]
        return self.apply(leaves, passed)

    def applied(self, *args):
        """apply as gradcheck needs it: the same random numbers every time, and no leaf for forward to write to."""
        with fork_rng():
            return self.function.apply(*(a.clone() if isinstance(a, Tensor) and a.requires_grad else a for a in args))

    def apply(self, leaves, passed):
        with fork_rng():
            return Run(leaves, passed, self.function.apply(*passed))

    def recorded(self, args=None, needs=None):
        """Forward run again with recording on, as a Run whose history is the engine's."""
        args = self.args if args is None else args
        needs = self.needs if needs is None else needs
        plain = tuple(wrap(Tensor, x._xp, x._a, None) if isinstance(x, Tensor) else x for x in args)
        again = Recorded(self.function, plain, {}, needs)
        return Run(list(again.leaves), again.args, again.output)

    def weights(self, run, seed=0):
        """Incoming gradients for a run's outputs, the same for the same seed, none of them near zero."""
        generator = Generator()
        generator.manual_seed(seed)
        return [weights_like(o, generator) for o in run.outputs]

    def engine_gradients(self, run, weights, args=None, needs=None):
        """What the engine makes of forward for the outputs of ``run``; None where forward leaves the framework."""
        with fork_rng():
            try:
                again = self.recorded(args, needs)
            except Exception as error:
                self.leaves_framework = f"forward does not run under recording ({error})"
                return None
        if any(i not in again.positions for i in run.positions):
            self.leaves_framework = "the result of forward has no history"
            return None
        again.outputs = [again.everything[i] for i in run.positions]
        return again, again.gradients(weights, create_graph=True)


def filled(g, leaf):
    """A gradient without history; zeros where there is none."""
    if leaf is None:
        return None
    return leaf.detach().new_zeros(leaf.shape) if g is None else g.detach()


def is_floating(x):
    return isinstance(x, Tensor) and x.dtype.kind >= 2


def name_for(x, name):
    return {"double": "cdouble", "float": "cfloat"}[name] if x.is_complex() else name


def leaf_of(x):
    return wrap(Tensor, x._xp, x._xp.copy(x._a), LEAF)


def weights_like(output, generator):
    from .ops.sampling import rand

    plain = output.detach()
    real = plain.real if plain.is_complex() else plain
    drawn = [rand(real.shape, generator=generator, device="cpu") * 2 - 1 for _ in range(2)]
    made = [(w + w.sign() * 0.1).to(device=real.device, dtype=real.dtype) for w in drawn]
    return made[0] + 1j * made[1] if plain.is_complex() else made[0]


__all__ = ["DOUBLE", "FLOAT", "NAMES", "Run", "Skipped", "Subject", "filled", "is_floating"]
