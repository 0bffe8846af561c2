"""Transforms and constraints: each asked everything, as torch answers."""

import pickle

import pytest

import plugrad
import plugrad.distributions
from plugrad.distributions import constraints as C
from plugrad.distributions import transform_to
from plugrad_distribution_programs import detached, tried
from plugrad_outcome import differences, golden, outcome

VECTOR = [[0.5, -1.0, 0.25], [0.0, 2.0, -0.5]]
MATRIX = [[0.5, -1.0, 0.25], [0.75, 2.0, -0.5], [0.125, 1.0, -0.25]]
#: The text that makes a transform → an x.
TRANSFORMS = {
    "ExpTransform()": VECTOR,
    "ExpTransform().inv": [[0.5, 1.0], [2.0, 3.0]],
    "PowerTransform(2.0)": [[0.5, 1.0], [2.0, 3.0]],
    "PowerTransform(t.tensor([[0.5], [-1.0]]))": [[0.5, 1.0], [2.0, 3.0]],
    "SigmoidTransform()": [[0.5, -1.0], [200.0, -200.0]],
    "SoftplusTransform()": [[0.5, -1.0], [30.0, -20.0]],
    "TanhTransform()": VECTOR,
    "TanhTransform(cache_size=1)": [[0.5, 20.0]],
    "AbsTransform()": VECTOR,
    "AffineTransform(1.0, -2.0)": VECTOR,
    "AffineTransform(1, 0)": VECTOR,
    "AffineTransform(t.tensor([0.5, 1.0, 2.0]), t.tensor([[2.0], [-1.0]]))": VECTOR,
    "AffineTransform(t.tensor([0.5, 1.0, 2.0]), t.tensor([2.0, -1.0, 1.0]), event_dim=1)": VECTOR,
    "AffineTransform(0.0, 2.0, event_dim=2)": VECTOR,
    "AffineTransform(0.0, 2.0, cache_size=1)": VECTOR,
    "SoftmaxTransform()": VECTOR,
    "StickBreakingTransform()": VECTOR,
    "StickBreakingTransform().inv": [[0.25, 0.5, 0.25]],
    "LowerCholeskyTransform()": MATRIX,
    "PositiveDefiniteTransform()": MATRIX,
    "CorrCholeskyTransform()": VECTOR,
    "ComposeTransform([])": VECTOR,
    "ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])": VECTOR,
    "ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)], cache_size=1)": VECTOR,
    "ComposeTransform([AffineTransform(1.0, 2.0), StickBreakingTransform()])": VECTOR,
    "ComposeTransform([StickBreakingTransform(), AffineTransform(0.0, 2.0), ReshapeTransform((4,), (2, 2))]).inv": [
        [[0.5, 0.5], [0.25, 0.75]]
    ],
    "IndependentTransform(ExpTransform(), 1)": VECTOR,
    "IndependentTransform(AffineTransform(1.0, 2.0), 2)": VECTOR,
    "IndependentTransform(AffineTransform(1.0, 2.0), 3)": VECTOR,
    "IndependentTransform(TanhTransform(), 1, cache_size=1)": VECTOR,
    "ReshapeTransform((3,), (3, 1))": VECTOR,
    "ReshapeTransform((2, 3), (6,))": VECTOR,
    "ReshapeTransform((2, 3), (5,))": VECTOR,
    "ReshapeTransform((4,), (2, 2))": VECTOR,
    "CatTransform([ExpTransform(), AffineTransform(1.0, 2.0)], dim=1, lengths=[1, 2])": VECTOR,
    "CatTransform([ExpTransform(), AffineTransform(1.0, 2.0)], dim=0)": VECTOR,
    "CatTransform([SoftplusTransform(), IndependentTransform(ExpTransform(), 1)], dim=0)": VECTOR,
    "CatTransform([ExpTransform()], dim=2)": VECTOR,
    "CatTransform([ExpTransform()], dim=0)": VECTOR,
    "CatTransform([ExpTransform()], lengths=[1, 2])": VECTOR,
    "CatTransform([1], dim=0)": VECTOR,
    "StackTransform([ExpTransform(), AffineTransform(1.0, 2.0)], dim=0)": VECTOR,
    "StackTransform([ExpTransform(), AffineTransform(1.0, 2.0)], dim=1)": VECTOR,
    "StackTransform([ExpTransform(), TanhTransform(), SigmoidTransform()], dim=-1, cache_size=1)": VECTOR,
    "CumulativeDistributionTransform(Normal(0.0, 2.0))": VECTOR,
    "CumulativeDistributionTransform(Normal(0.0, 2.0), cache_size=1)": VECTOR,
    "ExpTransform(cache_size=2)": VECTOR,
    "identity_transform": VECTOR,
}


def transform(text, x):
    def program(t):
        made = eval(text, {"t": t, **vars(t.distributions)})
        x_ = t.tensor(x).requires_grad_()
        y = made(x_)
        back = tried(lambda: made.inv(y))
        found = {
            name: tried(lambda name=name: getattr(made, name))
            for name in ("domain", "codomain", "bijective", "sign", "event_dim")
        }
        found |= {
            "repr": repr(made),
            "inverse": repr(made.inv),
            "y": y.detach(),
            "back": detached(back),
            "cached": back is x_,
            "shapes": tried(lambda: (made.forward_shape(x_.shape), made.inverse_shape(y.shape))),
            "log_det": tried(lambda: made.log_abs_det_jacobian(x_, y).detach()),
            "log_det of inverse": tried(lambda: made.inv.log_abs_det_jacobian(y, x_).detach()),
            "with_cache": tried(lambda: repr(made.with_cache(1))),
            "equal": tried(lambda: (made == made, made != made.inv, made.inv.inv is made)),
        }
        slope = t.autograd.grad(y.sum(), x_, retain_graph=True, allow_unused=True)[0]
        return found | {"gradient": slope}

    return program


PROGRAMS = {text: transform(text, x) for text, x in TRANSFORMS.items()}
EQUAL = [
    ("ExpTransform()", "ExpTransform()"), ("ExpTransform()", "TanhTransform()"), ("ExpTransform().inv", "ExpTransform().inv"),
    ("AffineTransform(1.0, 2.0)", "AffineTransform(1, 2)"), ("AffineTransform(1.0, 2.0)", "AffineTransform(1.0, t.ones(2))"),
    ("AffineTransform(1.0, t.ones(2))", "AffineTransform(1.0, t.ones(2))"), ("PowerTransform(2.0)", "PowerTransform(2.0)"),
    ("PowerTransform(2.0)", "PowerTransform(3.0)"), ("CorrCholeskyTransform()", "CorrCholeskyTransform()"),
    ("ComposeTransform([ExpTransform()])", "ComposeTransform([ExpTransform()])"),
    ("ComposeTransform([ExpTransform()])", "ExpTransform()"),
]  # fmt: skip
PROGRAMS["equality"] = lambda t: [eval(f"({a}) == ({b})", {"t": t, **vars(t.distributions)}) for a, b in EQUAL]

# --- constraints ---
SQUARES = [[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.6, 0.8]], [[1.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]
POINTS = [[0.25, 0.75], [1.0, 0.0], [2.0, -1.0], [float("nan"), float("inf")]]
CONSTRAINTS = {
    "boolean": POINTS, "one_hot": POINTS, "nonnegative_integer": POINTS, "positive_integer": POINTS,
    "integer_interval(0, 1)": POINTS, "multinomial(1)": POINTS, "real": POINTS, "real_vector": POINTS, "positive": POINTS,
    "nonnegative": POINTS, "greater_than(0.5)": POINTS, "greater_than_eq(0.75)": POINTS, "less_than(0.75)": POINTS,
    "unit_interval": POINTS, "interval(-1.0, t.tensor([1.0, 0.5]))": POINTS, "half_open_interval(0.25, 1.0)": POINTS,
    "simplex": POINTS, "lower_triangular": SQUARES, "lower_cholesky": SQUARES, "corr_cholesky": SQUARES, "square": SQUARES,
    "symmetric": SQUARES, "positive_semidefinite": [SQUARES[0], SQUARES[2], SQUARES[3]],
    "positive_definite": [SQUARES[0], SQUARES[2], SQUARES[3]], "independent(positive, 1)": POINTS,
    "independent(positive, 3)": POINTS, "independent(1, 1)": POINTS, "independent(positive, -1)": POINTS,
    "cat([positive, real], dim=0, lengths=[1, 3])": POINTS, "cat([positive, real], dim=1)": POINTS,
    "cat([positive], dim=0, lengths=[1, 3])": POINTS, "cat([positive, unit_interval], dim=3)": POINTS,
    "stack([positive, real], dim=1)": POINTS, "stack([positive, simplex, boolean, real], dim=0)": POINTS,
    "MixtureSameFamilyConstraint(interval(t.tensor([0.0, 0.5, 1.0]), 1.0))": POINTS, "dependent": POINTS,
    "dependent(is_discrete=True, event_dim=0)": POINTS,
}  # fmt: skip


def constraint(text, x):
    def program(t):
        made = eval(text, {"t": t, **vars(t.distributions.constraints)})
        value = t.tensor(x)
        space = t.zeros(2, 2)
        found = {name: tried(lambda name=name: getattr(made, name)) for name in ("is_discrete", "event_dim")}
        found |= {"repr": repr(made), "check": tried(lambda: made.check(value))}
        for name in ("biject_to", "transform_to"):
            registry = getattr(t.distributions, name)
            found[name] = tried(lambda registry=registry: (repr(registry(made)), registry(made)(space)))
        return found

    return program


PROGRAMS |= {f"constraint-{text}": constraint(text, x) for text, x in CONSTRAINTS.items()}


def registry(t):
    made = t.distributions.constraint_registry.ConstraintRegistry()
    made.register(t.distributions.constraints.positive, lambda c: "one above " + str(c.lower_bound))

    @made.register(t.distributions.constraints.simplex)
    def factory(c):
        return "simplex"

    c = t.distributions.constraints
    return (
        made(c.greater_than(2.0)),
        made(c.simplex),
        tried(lambda: made(c.real)),
        tried(lambda: made.register(3, factory)),
    )


PROGRAMS["registry"] = registry
PROGRAMS["utils"] = lambda t: [
    t.distributions.utils.broadcast_all(1, t.zeros(2, dtype=t.float64), True),
    t.distributions.utils.broadcast_all(1, 2.5),
    tried(lambda: t.distributions.utils.broadcast_all("a", 1)),
    t.distributions.utils.clamp_probs(t.tensor([0.0, 0.5, 1.0])),
    t.distributions.utils.probs_to_logits(t.tensor([0.0, 0.5, 1.0])),
    t.distributions.utils.probs_to_logits(t.tensor([0.0, 0.5, 1.0]), is_binary=True),
    t.distributions.utils.logits_to_probs(t.tensor([0.0, 0.5, 1.0])),
    t.distributions.utils.logits_to_probs(t.tensor([0.0, 0.5, 1.0]), is_binary=True),
    [t.distributions.utils.tril_matrix_to_vec(t.tensor(MATRIX), diag=d) for d in (-2, -1, 0, 1, 2)],
    tried(lambda: t.distributions.utils.tril_matrix_to_vec(t.tensor(MATRIX), diag=3)),
    [t.distributions.utils.vec_to_tril_matrix(t.tensor(VECTOR), diag=d) for d in (-1, 0)],
    tried(lambda: t.distributions.utils.vec_to_tril_matrix(t.ones(4))),
]


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name], 1e-5, absolute=2e-6)
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    found = differences(outcome(PROGRAMS[name], torch), golden(__file__)[name], 1e-6, absolute=1e-7)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "constraint",
    [
        C.positive,
        C.less_than(1.0),
        C.interval(-1.0, 3.0),
        C.simplex,
        C.lower_cholesky,
        C.corr_cholesky,
        C.positive_definite,
    ],
    ids=repr,
)
def test_transforms_lead_into_the_region(constraint):
    to = transform_to(constraint)
    plugrad.manual_seed(0)
    shape = (5, 3, 3) if to.domain.event_dim == 2 else (5, 3)
    assert constraint.check(to(plugrad.randn(shape))).all()


@pytest.mark.parametrize("text", ["StickBreakingTransform()", "CorrCholeskyTransform()", "TanhTransform()"])
def test_the_log_determinant_is_that_of_the_jacobian(text):
    made = eval(text, vars(plugrad.distributions))
    x = plugrad.tensor([0.5, -1.0, 0.25], dtype=plugrad.float64)
    if made.codomain.event_dim == 2:  # the strictly lower triangle determines the matrix
        function = lambda x: plugrad.distributions.utils.tril_matrix_to_vec(made(x), diag=-1)  # noqa: E731
    else:
        function = lambda x: made(x)[:3]  # noqa: E731
    jacobian = plugrad.autograd.functional.jacobian(function, x)
    found = made.log_abs_det_jacobian(x, made(x)).sum()
    assert abs(float(found - plugrad.linalg.slogdet(jacobian).logabsdet)) < 1e-9


def test_a_cached_transform_can_be_pickled():
    made = plugrad.distributions.TanhTransform(cache_size=1)
    assert made.inv is made.inv
    again = pickle.loads(pickle.dumps(made))
    assert again == made
    assert again.inv is not made.inv
