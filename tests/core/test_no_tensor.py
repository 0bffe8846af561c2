"""What is given in place of a tensor: a TypeError in torch's words, by every op, and never an AttributeError."""

import inspect
import warnings

import pytest

import plugrad
from plugrad.core.rows import ROWS
from plugrad_outcome import differences, golden, outcome

WORDS = """
t.mm(1, 2)
t.mm(x, 2)
t.dot([1.0], [2.0])
t.dot(v, "a")
t.outer(1, 2)
t.outer(v, None)
t.mv(x, 3)
t.bmm(None, x)
t.matmul(None, x)
t.vdot(v, [1.0])
t.inner(v, 3)
t.kron(x, "a")
t.addcmul("a", x, x)
t.relu("a")
t.exp(1)
t.exp_(1)
t.abs_([1.0])
t.reshape(3, (1,))
t.transpose(3, 0, 1)
t.flatten(None)
t.unbind("a")
t.argmax(3)
t.softmax(3, 0)
t.gather([1.0], 0, k)
t.gather(x, 0, [0])
t.index_select(x, 0, [0])
t.masked_select(x, [True])
t.nonzero(1)
t.zeros_like(1)
t.rand_like([1.0])
t.poisson(1)
t.bernoulli(1)
t.bincount([1, 2])
t.histc([1.0])
t.diagonal(3)
t.trace("a")
t.roll(1, 2)
t.as_strided([1.0], (1,), (1,))
t.as_strided_(1, (1,), (1,))
t.count_nonzero(1)
t.view_as_real(1)
t.fft.fft([1.0])
t.fft.irfftn(1)
t.fft.fftshift(None)
t.linalg.cross(1, x)
t.linalg.solve(x, 1)
t.nn.functional.dropout(1)
t.nn.functional.batch_norm("a", None, None, training=True)
t.nn.functional.layer_norm([1.0], (1,))
t.nn.functional.cosine_similarity(x, 1)
t.nn.functional.poisson_nll_loss(1, x)
t.nn.functional.rrelu(1)
t.nn.functional.multi_margin_loss(x, 1)
"""
#: Of these torch itself raises AttributeError, from Python code that takes its arguments for tensors.
IN_PYTHON = {
    "from_dlpack", "gradcheck", "load", "norm", "pca_lowrank", "save", "split", "stft", "svd_lowrank", "tensordot",
    "unravel_index",
}  # fmt: skip
IN_PYTHON_OF_FUNCTIONAL = {
    "affine_grid", "binary_cross_entropy", "binary_cross_entropy_with_logits", "dropout1d", "dropout2d", "dropout3d",
    "embedding_bag", "glu", "group_norm", "huber_loss", "instance_norm", "interpolate", "l1_loss", "local_response_norm",
    "log_softmax", "lp_pool1d", "lp_pool2d", "lp_pool3d", "margin_ranking_loss", "max_unpool1d", "max_unpool2d",
    "max_unpool3d", "mse_loss", "normalize", "sigmoid", "smooth_l1_loss", "softmax", "softmin", "softsign", "tanh",
    "tanhshrink", "triplet_margin_with_distance_loss", "upsample", "upsample_bilinear", "upsample_nearest",
    "fractional_max_pool2d", "fractional_max_pool2d_with_indices", "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
}  # fmt: skip
IN_PYTHON |= {f"nn.functional.{name}" for name in IN_PYTHON_OF_FUNCTIONAL}
FACES = ("", "nn.functional", "linalg", "fft", "special")
GIVEN = (1, "a", None, [1.0])


def functions():
    """The public functions, by name, without what switches settings."""
    for face in FACES:
        module = plugrad
        for part in filter(None, face.split(".")):
            module = getattr(module, part)
        for name in module.__all__:
            function = getattr(module, name)
            if callable(function) and not inspect.isclass(function) and not name.startswith("set_"):
                yield f"{face}.{name}".lstrip("."), function


NO_OPS = {"compile", "manual_seed", "use_deterministic_algorithms"}
FUNCTIONS = {name: f for name, f in functions() if name not in IN_PYTHON | NO_OPS}


def failure(function, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            function(*arguments)
        except Exception as error:
            return error
    return None


@pytest.mark.cpu
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_tells_of_an_attribute(name):
    for value in GIVEN:
        for count in (1, 2, 3):
            error = failure(FUNCTIONS[name], (value,) * count)
            assert not isinstance(error, AttributeError), (value, count, error)


@pytest.mark.cpu
@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_no_row_takes_what_is_no_tensor(row):
    count = len(row.tensors) + len(row.statics)
    for value in ("a", [1.0]):
        error = failure(row.function, (value,) * count)
        assert isinstance(error, TypeError), repr(error)
        assert "must be Tensor, not" in str(error)


def words(line):
    def program(t):
        x = t.ones(2, 2)
        return eval(line, {"t": t, "x": x, "v": x[0], "k": t.zeros(2, 2, dtype=t.int64)})

    return program


PROGRAMS = {line: words(line) for line in WORDS.strip().splitlines()}


@pytest.mark.cpu
@pytest.mark.parametrize("name", PROGRAMS)
def test_words_of_torch(name):
    found = differences(outcome(PROGRAMS[name], plugrad), golden(__file__)[name])
    assert not found, "\n".join(found)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_golden_outcomes_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    assert outcome(PROGRAMS[name], torch) == golden(__file__)[name]
