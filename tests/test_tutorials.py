"""What five PyTorch tutorials show and say, statement by statement; where one of them is wrong, what torch does instead.

The tests are numbered as the statements are. Printed text is compared whole, without addresses and devices.
"""

import inspect
import io
import linecache
import math
import re
import textwrap
import warnings

import pytest

import plugrad as torch
from plugrad import nn, optim
from resnet18 import resnet18

SECOND_BACKWARD = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
    "after calling backward."
)
NOT_A_LEAF = "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed."
FREEZE_A_RESULT = (
    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a subgraph "
    "that doesn't require differentiation use var_no_grad = var.detach()."
)
FOURS_AND_A_HALF = "tensor([[4.5000, 4.5000],\n        [4.5000, 4.5000]])\n"


def plain(text):
    """Printed text with addresses shortened to ``0x…``, and as it is on the cpu, the tutorials' device."""
    text = re.sub(r"0x[0-9a-fA-F]+", "0x…", text)
    return re.sub(r", device='\w+:\d+'", "", text)


@pytest.fixture
def shown(capsys):
    """Prints its arguments and returns what was printed."""

    def show(*values):
        print(*values)
        return plain(capsys.readouterr().out)

    return show


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def starts(message):
    return "^" + re.escape(message)


def first_example():
    """``x``, ``y = x + 2`` and ``out = mean(3 y²)``, with which four of the tutorials begin."""
    x = torch.ones(2, 2, requires_grad=True)
    y = x + 2
    z = y * y * 3
    return x, y, z, z.mean()


# --- a tensor and its history ---


def test_s01_print_leaf(shown):
    x = torch.ones(2, 2, requires_grad=True)
    assert shown(x) == "tensor([[1., 1.],\n        [1., 1.]], requires_grad=True)\n"


def test_s02_created_tensor_has_no_grad_fn():
    assert torch.ones(2, 2, requires_grad=True).grad_fn is None
    assert torch.randn(3, requires_grad=True).grad_fn is None
    assert torch.tensor([1.0]).grad_fn is None


def test_s03_print_result(shown):
    _, y, _, _ = first_example()
    assert shown(y) == "tensor([[3., 3.],\n        [3., 3.]], grad_fn=<AddBackward0>)\n"


def test_s04_print_grad_fn(shown):
    _, y, _, _ = first_example()
    assert shown(y.grad_fn) == "<AddBackward0 object at 0x…>\n"


def test_s05_print_product_and_mean(shown):
    _, _, z, out = first_example()
    z_text = "tensor([[27., 27.],\n        [27., 27.]], grad_fn=<MulBackward0>)"
    out_text = "tensor(27., grad_fn=<MeanBackward0>)"
    assert shown(z) == z_text + "\n"
    assert shown(out) == out_text + "\n"
    assert shown(z, out) == f"{z_text} {out_text}\n"
    assert shown(z, "\n", out) == f"{z_text} \n {out_text}\n"


def test_s06_format_of_a_scalar():
    a = torch.tensor([[-2.25, 1.0], [-7.5, 0.386]], requires_grad=True)
    assert f"Sum of the values: {a.sum():.3f}" == "Sum of the values: -8.364"


def test_s06_format_of_several_elements():
    with pytest.raises(TypeError, match=starts("unsupported format string passed to Tensor.__format__")):
        f"{torch.ones(2, 2, requires_grad=True):.3f}"


@pytest.mark.cpu  # with a device the line would be too long and break
def test_s07_print_random_matrix(shown):
    row = r"\[(?: ?-?\d\.\d{4}, ){4} ?-?\d\.\d{4}\]"
    a = torch.randn(5, 5, requires_grad=True)
    text = shown(a)
    assert re.fullmatch(rf"tensor\(\[{row},(?:\n        {row},?){{4}}\], requires_grad=True\)\n", text)
    assert {len(number) for number in re.findall(r"[\[ ]([ -]\d\.\d{4})", text)} == {7}


@pytest.mark.cpu  # with a device the line would be too long and break
def test_s07_print_the_tutorials_matrix(shown):
    text = """\
        tensor([[-2.6417,  1.0485,  0.6656, -0.7590, -0.7866],
                [-0.6268, -0.6789, -0.8367,  0.3465,  0.0406],
                [-0.0577,  0.3424, -0.4682,  0.1584, -1.3160],
                [-0.2772, -0.0488,  0.2400,  0.4549, -0.5794],
                [-1.3434, -0.2605, -0.9742, -0.0462,  0.0401]], requires_grad=True)
        """
    numbers = [float(number) for number in re.findall(r"-?\d\.\d{4}", text)]
    a = torch.tensor(numbers).reshape(5, 5).requires_grad_()
    assert shown(a) == textwrap.dedent(text)


# --- backward ---


def test_s08_backward_and_grad(shown):
    x, _, _, out = first_example()
    assert out.backward() is None
    assert shown(x.grad) == FOURS_AND_A_HALF
    assert not x.grad.requires_grad
    assert x.grad.grad_fn is None


def test_s09_backward_twice(shown):
    x, _, _, out = first_example()
    out.backward()
    with pytest.raises(RuntimeError, match=starts(SECOND_BACKWARD)):
        out.backward()
    assert shown(x.grad) == FOURS_AND_A_HALF


def test_s10_backward_with_integer_one(shown):
    x, _, _, out = first_example()
    one = torch.tensor(1)
    assert one.dtype is torch.int64
    out.backward(one)
    assert shown(x.grad) == FOURS_AND_A_HALF
    assert x.grad.dtype is torch.float32


def test_s11_backward_with_one_element_vector():
    _, _, _, out = first_example()
    message = (
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([1]) and output[0] has a shape of torch.Size([])."
    )
    with pytest.raises(RuntimeError, match=starts(message)):
        out.backward(torch.tensor([1.0]))


def test_s12_requires_grad_in_place(shown):
    a = torch.randn(2, 2)
    a = (a * 3) / (a - 1)
    assert shown(a.requires_grad) == "False\n"
    assert a.requires_grad_(True) is a
    assert shown(a.requires_grad) == "True\n"
    b = (a * a).sum()
    assert shown(b.grad_fn) == "<SumBackward0 object at 0x…>\n"


def test_s13_requires_grad_in_place_turns_on_by_default():
    a = torch.randn(2, 2)
    assert a.requires_grad_().requires_grad
    assert not a.requires_grad_(False).requires_grad


def test_s14_loop_until_norm():
    x = torch.randn(3, requires_grad=True)
    y = x * 2
    doublings = 1
    while y.data.norm() < 1000:
        y = y * 2
        doublings += 1
    assert 1000 <= y.data.norm().item() < 2000
    assert y.tolist() == [v * 2.0**doublings for v in x.tolist()]


def test_s14_comparison_is_a_python_truth_value():
    below = torch.tensor([3.0, 4.0]).norm() < 1000
    assert bool(below) is True
    assert below.dtype is torch.bool
    assert not (torch.tensor([3.0, 4.0]).norm() < 5)


def test_s14_data_has_no_history():
    y = torch.ones(3, requires_grad=True) * 2
    assert not y.data.requires_grad
    assert y.data.grad_fn is None
    assert y.data.norm().grad_fn is None
    assert y.data.data_ptr() == y.data_ptr()


PRINTED_LOOPS = {
    "one": (
        [48.6576, -666.0714, -1112.4949],
        1024,
        "tensor([   48.6576,  -666.0714, -1112.4949], grad_fn=<MulBackward0>)\n",
        "tensor([1.0240e+02, 1.0240e+03, 1.0240e-01])\n",
    ),
    "three": (
        [293.4463, 50.6356, 1031.2501],
        512,
        "tensor([ 293.4463,   50.6356, 1031.2501], grad_fn=<MulBackward0>)\n",
        "tensor([5.1200e+01, 5.1200e+02, 5.1200e-02])\n",
    ),
    "four": (
        [622.4786, 186.5931, -1040.9867],
        1024,
        "tensor([  622.4786,   186.5931, -1040.9867], grad_fn=<MulBackward0>)\n",
        "tensor([1.0240e+02, 1.0240e+03, 1.0240e-01])\n",
    ),
}


@pytest.fixture(params=PRINTED_LOOPS)
def printed_loop(request):
    """``(x, y, text of y, text of the gradient)``: the doubling loop, from the ``x`` that gives a tutorial's ``y``."""
    values, factor, y_text, grad_text = PRINTED_LOOPS[request.param]
    x = (torch.tensor(values) / factor).requires_grad_()
    y = x * 2
    while y.data.norm() < 1000:
        y = y * 2
    return x, y, y_text, grad_text


@pytest.mark.cpu  # with a device the line would be too long and break
def test_s15_print_doubled_vector(shown, printed_loop):
    _, y, y_text, _ = printed_loop
    assert shown(y) == y_text


def test_s16_print_sign_column(shown):
    x = torch.tensor([0.0475, -0.6505, -1.0864], requires_grad=True)
    assert shown(x) == "tensor([ 0.0475, -0.6505, -1.0864], requires_grad=True)\n"


@pytest.mark.parametrize("make", [torch.FloatTensor, torch.tensor])
def test_s17_gradient_in_scientific_notation(shown, printed_loop, make):
    x, y, _, grad_text = printed_loop
    y.backward(make([0.1, 1.0, 0.0001]))
    assert shown(x.grad) == grad_text


def test_s18_dtype_float(shown):
    gradients = torch.tensor([0.1, 1.0, 0.0001], dtype=torch.float)
    assert gradients.dtype is torch.float32
    assert shown(gradients) == "tensor([1.0000e-01, 1.0000e+00, 1.0000e-04])\n"


def test_s19_backward_of_a_vector():
    y = torch.randn(3, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=starts("grad can be implicitly created only for scalar outputs")):
        y.backward()


def test_s20_gradient_of_another_shape():
    y = torch.randn(3, requires_grad=True) * 2
    message = (
        "Mismatch in shape: grad_output[0] has a shape of torch.Size([2]) and output[0] has a shape of torch.Size([3])."
    )
    with pytest.raises(RuntimeError, match=starts(message)):
        y.backward(torch.ones(2))


# --- stopping the history ---


def test_s21_no_grad(shown):
    x = torch.randn(3, requires_grad=True)
    assert shown(x.requires_grad) == "True\n"
    assert shown((x**2).requires_grad) == "True\n"
    with torch.no_grad():
        assert shown((x**2).requires_grad) == "False\n"
    assert (x**2).requires_grad


def test_s21_no_grad_ends_with_an_exception():
    x = torch.randn(3, requires_grad=True)
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError
    assert torch.is_grad_enabled()
    assert (x**2).requires_grad


def test_s22_detach(shown):
    x = torch.randn(3, requires_grad=True)
    y = x.detach()
    assert shown(x.requires_grad) == "True\n"
    assert shown(y.requires_grad) == "False\n"
    assert shown(x.eq(y).all()) == "tensor(True)\n"


def test_s22_detach_shares_memory():
    x = torch.zeros(3, requires_grad=True)
    y = x.detach()
    assert y.data_ptr() == x.data_ptr()
    y[1] = 5
    assert x.tolist() == [0.0, 5.0, 0.0]


def test_s23_detach_stops_history():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    (y.detach() * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_s23_gradients_accumulate():
    x = torch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]
    first = x.grad
    x.sum().backward()
    assert x.grad is first
    assert x.grad.tolist() == [7.0, 7.0]


def functions_below(function, above=()):
    """Every path of Functions from ``function`` to the leaves; fails where a path returns to a Function it came through."""
    assert function not in above, "the graph has a cycle"
    following = [f for f, _ in function.next_functions if f is not None]
    if not following:
        return [[*above, function]]
    return [path for f in following for path in functions_below(f, [*above, function])]


def test_s23_functions_form_an_acyclic_graph():
    x, y, z, out = first_example()
    paths = functions_below(out.grad_fn)
    names = [[type(f).__name__ for f in path] for path in paths]
    mean_to_y = ["MeanBackward0", "MulBackward0", "MulBackward0", "AddBackward0", "AccumulateGrad"]
    assert names == [mean_to_y, mean_to_y]
    assert paths[0][1] is z.grad_fn
    assert paths[0][3] is paths[1][3] is y.grad_fn
    assert paths[0][4].variable is x


# --- grad of a result ---

GRADIENTS_BEFORE = """\
print("Gradients before backward pass:")
print("Gradient of tensor:", tensor.grad)
print("Gradient of x:", x.grad)
print("Gradient of sum_result:", sum_result.grad)
"""
GRADIENTS_AFTER = """\
sum_result.retain_grad()
sum_result.backward()
print("\\nGradients after backward pass:")
print("Gradient of tensor:", tensor.grad)
print("Gradient of x:", x.grad)
print("Gradient of sum_result:", sum_result.grad)
"""


def run_tutorial(program, names, path):
    """Run the text as a file and return the warnings, each with its message and the source line it points at."""
    path.write_text(program)
    linecache.checkcache()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec(compile(program, str(path), "exec"), names)
    assert {w.filename for w in caught} <= {str(path)}
    return [(w.category, str(w.message), linecache.getline(w.filename, w.lineno).strip()) for w in caught]


def sum_of_doubled():
    tensor = torch.randn(3, 3, requires_grad=True)
    x = tensor * 2
    return {"tensor": tensor, "x": x, "sum_result": x.sum()}


def test_s24_grad_before_backward(capsys, tmp_path):
    caught = run_tutorial(GRADIENTS_BEFORE, sum_of_doubled(), tmp_path / "before.py")
    assert plain(capsys.readouterr().out) == (
        "Gradients before backward pass:\nGradient of tensor: None\nGradient of x: None\nGradient of sum_result: None\n"
    )
    assert [line for _, _, line in caught] == [
        'print("Gradient of x:", x.grad)',
        'print("Gradient of sum_result:", sum_result.grad)',
    ]
    assert all(category is UserWarning and text.startswith(NOT_A_LEAF) for category, text, _ in caught)


def test_s25_retain_grad(capsys, tmp_path):
    names = sum_of_doubled()
    caught = run_tutorial(GRADIENTS_AFTER, names, tmp_path / "after.py")
    assert plain(capsys.readouterr().out) == (
        "\nGradients after backward pass:\n"
        "Gradient of tensor: tensor([[2., 2., 2.],\n"
        "        [2., 2., 2.],\n"
        "        [2., 2., 2.]])\n"
        "Gradient of x: None\n"
        "Gradient of sum_result: tensor(1.)\n"
    )
    ((category, text, line),) = caught
    assert category is UserWarning
    assert text.startswith(NOT_A_LEAF)
    assert line == 'print("Gradient of x:", x.grad)'
    assert names["sum_result"].retains_grad
    assert not names["x"].retains_grad
    assert not names["tensor"].retains_grad


# --- gradients of a vector ---


def cubic_and_square():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.tensor([5.0, 3.0], requires_grad=True)
    return x, y, 3 * x**3 - y**2


def test_s26_print_polynomial(shown):
    _, _, w = cubic_and_square()
    assert shown(w) == "tensor([-22.,  15.], grad_fn=<SubBackward0>)\n"


def test_s27_gradient_two_doubles(shown):
    x, y, w = cubic_and_square()
    w.backward(gradient=torch.tensor([2.0, 2.0]))
    assert shown(9 * x**2 == x.grad) == "tensor([False, False])\n"
    assert shown(-2 * y == y.grad) == "tensor([False, False])\n"
    assert shown(x.grad) == "tensor([18., 72.])\n"
    assert shown(y.grad) == "tensor([-20., -12.])\n"


def test_s27_gradient_one_agrees(shown):
    x, y, w = cubic_and_square()
    w.backward(gradient=torch.ones(2))
    assert shown(9 * x**2 == x.grad) == "tensor([True, True])\n"
    assert shown(-2 * y == y.grad) == "tensor([True, True])\n"


def test_s27_equality_has_no_history():
    x, _, _ = cubic_and_square()
    same = 9 * x**2 == x
    assert same.dtype is torch.bool
    assert not same.requires_grad
    assert same.grad_fn is None


def test_s28_rand_sizes(shown):
    a = torch.rand(3, 3)
    b = torch.rand(3, 3)
    c = torch.rand((3, 3), requires_grad=True)
    assert a.shape == b.shape == c.shape == (3, 3)
    x = a + b
    assert shown(f"Does `x` need gradients? : {x.requires_grad}") == "Does `x` need gradients? : False\n"
    y = a + c
    assert shown(f"Does `b` need gradients?: {y.requires_grad}") == "Does `b` need gradients?: True\n"


# --- frozen parameters ---


class Classifier(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.body = nn.Linear(8, 256)
        self.fc = nn.Linear(256, classes)

    def forward(self, x):
        return self.fc(torch.relu(self.body(x)))


def freeze(model):
    for parameter in model.parameters():
        parameter.requires_grad = False


def values(module):
    return {name: p.tolist() for name, p in module.named_parameters()}


def test_s29_frozen_model_has_no_gradient():
    model = Classifier()
    freeze(model)
    loss = model(torch.ones(2, 8)).sum()
    assert not loss.requires_grad
    message = "element 0 of tensors does not require grad and does not have a grad_fn"
    with pytest.raises(RuntimeError, match=starts(message)):
        loss.backward()


def test_s30_new_head_is_trained_alone():
    model = Classifier()
    freeze(model)
    model.fc = nn.Linear(256, 5)
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["fc.weight", "fc.bias"]
    optimizer = optim.SGD(model.parameters(), lr=1e-5, momentum=0.5)
    body, head = values(model.body), values(model.fc)
    model(torch.ones(2, 8)).sum().backward()
    optimizer.step()
    assert values(model.body) == body
    assert all(p.grad is None for p in model.body.parameters())
    assert all(after != before for after, before in zip(values(model.fc).values(), head.values(), strict=True))


def pretrained_file():
    """The state of a trained backbone as a file, in place of the download that the tutorial makes."""
    file = io.BytesIO()
    torch.save(resnet18(torch, classes=10).state_dict(), file)
    file.seek(0)
    return file


def test_s31_pretrained_backbone_with_new_head():
    file = pretrained_file()
    model = resnet18(torch, classes=10)
    state = torch.load(file)
    model.load_state_dict(state)
    freeze(model)
    assert model.fc.in_features == 512
    model.fc = nn.Linear(512, 5)
    optimizer = optim.SGD(model.parameters(), lr=1e-2, momentum=0.5)
    head = values(model.fc)
    model.eval()
    scores = model(torch.randn(2, 3, 32, 32))
    assert scores.shape == (2, 5)
    nn.functional.cross_entropy(scores, torch.tensor([0, 3])).backward()
    optimizer.step()
    now = model.state_dict()
    assert all(torch.equal(now[name], state[name]) for name in state if not name.startswith("fc."))
    assert values(model.fc).keys() == head.keys()
    assert values(model.fc)["bias"] != head["bias"]


def test_s31_head_of_256_features_does_not_fit_resnet18():
    model = resnet18(torch, classes=10).eval()
    model.fc = nn.Linear(256, 5)
    with pytest.raises(RuntimeError, match=starts("mat1 and mat2 shapes cannot be multiplied (1x512 and 256x5)")):
        model(torch.ones(1, 3, 32, 32))


# --- devices and dtypes ---


def test_s32_device():
    device = torch.device("cpu")
    assert str(device) == "cpu"
    assert repr(device) == "device(type='cpu')"
    assert torch.device("cuda:0") == torch.device("cuda", 0)
    assert torch.ones(2, device=device).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("name", "arguments", "given"),
    [
        ("linspace", (0, 1, 5), "(int, int, int, datatype=torch.dtype)"),
        ("randn", ((),), "(tuple, datatype=torch.dtype)"),
    ],
)
def test_s33_wrong_keyword_datatype(name, arguments, given):
    message = f"{name}() received an invalid combination of arguments - got {given}, but expected one of:"
    with pytest.raises(TypeError, match=starts(message)):
        getattr(torch, name)(*arguments, datatype=torch.float)


def test_s33_wrong_keyword_datatype_of_full():
    with pytest.raises(TypeError, match=starts("full() got an unexpected keyword argument 'datatype'")):
        torch.full((), 0.0, datatype=torch.float)


def test_s33_dtype_is_the_right_keyword():
    assert torch.float is torch.float32
    assert torch.linspace(0, 1, 5, dtype=torch.float).dtype is torch.float32
    assert torch.randn((), dtype=torch.float).shape == ()
    assert torch.full((), 0.5, dtype=torch.float).item() == 0.5


# --- the polynomial fit ---


def sine_samples(count=1500):
    device = torch.get_default_device()
    a = torch.linspace(-math.pi, math.pi, count, device=device, dtype=torch.float)
    return a, torch.sin(a)


def random_coefficients():
    return [torch.randn((), dtype=torch.float, requires_grad=True) for _ in range(4)]


def cubic_loss(coefficients, a, b):
    m, n, o, p = coefficients
    b_pred = m + n * a + o * a**2 + p * a**3
    return (b_pred - b).pow(2).sum()


def descend(coefficients, loss_of, learning_rate, steps=1500, every=100):
    """The tutorial's loop: gradient descent by hand; prints and returns the loss of every hundredth step."""
    losses = []
    for k in range(steps):
        loss = loss_of(coefficients)
        if k % every == every - 1:
            print(k, loss.item())
            losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            for m in coefficients:
                m -= learning_rate * m.grad
        for m in coefficients:
            m.grad = None
    return losses


def test_s34_scalars_and_samples():
    a, b = sine_samples()
    assert a.shape == b.shape == (1500,)
    assert a[0].item() == pytest.approx(-math.pi, rel=1e-6)
    assert a[-1].item() == pytest.approx(math.pi, rel=1e-6)
    assert b[375].item() == pytest.approx(math.sin(a[375].item()), abs=1e-6)
    m = torch.full((), -1.0, requires_grad=True)
    assert m.shape == ()
    assert m.requires_grad
    assert m.item() == -1.0
    p = torch.tensor([1.0, 3.0])
    assert (p**2).tolist() == [1.0, 9.0]
    assert (p**3).tolist() == [1.0, 27.0]
    loss = (p - 1).pow(2).sum()
    assert type(loss.item()) is float
    assert loss.item() == 4.0


def test_s35_descent_by_hand(capsys):
    a, b = sine_samples()
    coefficients = random_coefficients()
    descend(coefficients, lambda c: cubic_loss(c, a, b), 1e-6)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [str(k) for k in range(99, 1500, 100)]
    assert all(re.fullmatch(r"\d+ \d+\.\d+", line) for line in lines)
    assert all(m.is_leaf and m.requires_grad and m.grad is None for m in coefficients)


def test_s35_update_in_place_keeps_the_leaf():
    m = torch.full((), 2.0, requires_grad=True)
    (m * 3).backward()
    same = m
    with torch.no_grad():
        m -= 0.5 * m.grad
    assert m is same
    assert m.is_leaf
    assert m.requires_grad
    assert m.grad_fn is None
    assert m.item() == 0.5
    m.grad = None
    assert m.grad is None


def test_s35_update_in_place_outside_no_grad():
    m = torch.full((), 2.0, requires_grad=True)
    m.sum().backward()
    message = "a leaf Variable that requires grad is being used in an in-place operation."
    with pytest.raises(RuntimeError, match=starts(message)):
        m -= 0.5 * m.grad


def test_s36_printed_learning_rate_diverges():
    a, b = sine_samples()
    losses = descend(random_coefficients(), lambda c: cubic_loss(c, a, b), 1e-5, steps=100)
    assert math.isnan(losses[0])


def test_s36_smaller_learning_rate_converges():
    a, b = sine_samples()
    losses = descend(random_coefficients(), lambda c: cubic_loss(c, a, b), 1e-6)
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(2660.073, rel=1e-4)
    assert losses[-1] == pytest.approx(65.263, rel=1e-4)


# --- users' own Functions ---


class Legend(torch.autograd.Function):
    """The tutorial's Function, with the derivative that belongs to its forward."""

    @staticmethod
    def forward(ctx, ins):
        ctx.save_for_backward(ins)
        return 0.7 * (7 * ins**3 - 3 * ins)

    @staticmethod
    def backward(ctx, grad_outs):
        (ins,) = ctx.saved_tensors
        return grad_outs * 0.7 * (21 * ins**2 - 3)


class AsPrinted(torch.autograd.Function):
    """The tutorial's Function as printed: its backward takes the builtin ``input``."""

    @staticmethod
    def forward(ctx, ins):
        ctx.save_for_backward(ins)
        return 0.7 * (7 * ins**3 - 3 * ins)

    @staticmethod
    def backward(ctx, grad_outs):
        (_ins,) = ctx.saved_tensors
        return grad_outs * 1.7 * (7 * input**3 - 1)


class WrongFormula(torch.autograd.Function):
    """The tutorial's Function with ``input`` mended and its formula kept."""

    @staticmethod
    def forward(ctx, ins):
        ctx.save_for_backward(ins)
        return 0.7 * (7 * ins**3 - 3 * ins)

    @staticmethod
    def backward(ctx, grad_outs):
        (ins,) = ctx.saved_tensors
        return grad_outs * 1.7 * (7 * ins**3 - 1)


def test_s36_legendre_fit_converges():
    a, b = sine_samples()
    coefficients = [torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3)]

    def loss_of(c):
        m, n, o, p = c
        return (m + n * Legend.apply(o + p * a) - b).pow(2).sum()

    losses = descend(coefficients, loss_of, 5e-6)
    assert losses[0] == pytest.approx(115.932, rel=1e-3)
    assert losses[-1] == pytest.approx(6.9865, rel=1e-3)


def test_s37_function_is_shown_with_its_name(shown):
    ins = torch.tensor([1.0, 2.0], requires_grad=True)
    out = Legend.apply(ins)
    assert shown(out) == "tensor([ 2.8000, 35.0000], grad_fn=<LegendBackward>)\n"
    assert shown(out.grad_fn) == "<torch.autograd.function.LegendBackward object at 0x…>\n"
    out.sum().backward()
    assert shown(ins.grad) == "tensor([12.6000, 56.7000])\n"


def test_s38_error_inside_backward_comes_out_as_it_is():
    out = AsPrinted.apply(torch.ones(2, requires_grad=True))
    message = "unsupported operand type(s) for ** or pow(): 'builtin_function_or_method' and 'int'"
    with pytest.raises(TypeError, match=starts(message)) as caught:
        out.sum().backward()
    assert caught.value.__cause__ is None
    last = caught.traceback[-1]
    assert inspect.unwrap(AsPrinted.backward).__code__ is last.frame.code.raw


def test_s38_gradient_checker_finds_the_wrong_formula():
    x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(Legend.apply, x)
    with pytest.raises(RuntimeError, match=starts("Jacobian mismatch for output 0 with respect to input 0,")):
        torch.autograd.gradcheck(WrongFormula.apply, x)


# --- what the texts say ---


def test_s39_only_floating_point_tensors_require_grad():
    with pytest.raises(
        RuntimeError, match=starts("Only Tensors of floating point and complex dtype can require gradients")
    ):
        torch.tensor([1, 2], requires_grad=True)
    with pytest.raises(RuntimeError, match=starts("only Tensors of floating point dtype can require gradients")):
        torch.tensor([1, 2]).requires_grad_()


def test_s40_frozen_parameter_gets_no_gradient():
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad = False
    layer(torch.ones(3, 2)).sum().backward()
    assert layer.weight.grad is None
    assert layer.bias.grad.tolist() == [3.0]


def test_s40_leaves_are_inputs_and_roots_are_outputs():
    x, y, z, out = first_example()
    assert [t.is_leaf for t in (x, y, z, out)] == [True, False, False, False]


def test_s40_graph_follows_control_flow_and_shapes():
    w = torch.tensor(2.0, requires_grad=True)
    gradients = []
    for power in range(1, 4):
        x = torch.ones(power)
        y = x * w
        for _ in range(power - 1):
            y = y * w
        w.grad = None
        y.sum().backward()
        gradients.append(w.grad.item())
    assert gradients == [1.0, 2 * 2 * 2.0, 3 * 3 * 4.0]


def test_s40_derivatives_of_derivatives():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (first,) = torch.autograd.grad((x**4).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    assert first.tolist() == [4.0, 32.0]
    assert second.tolist() == [12.0, 48.0]
    assert third.tolist() == [24.0, 48.0]


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_s41_result_requires_grad_if_an_input_does(left, right):
    a = torch.ones(2, requires_grad=left)
    b = torch.ones(2, requires_grad=right)
    assert (a * b).requires_grad is (left or right)


def test_s42_import_forms():
    names = {}
    exec(
        "import plugrad as torch\nimport math\nfrom plugrad import nn, optim\nimport plugrad.nn.functional as F", names
    )
    assert names["nn"] is torch.nn
    assert names["optim"] is torch.optim
    assert names["F"] is torch.nn.functional
    assert names["torch"].autograd is torch.autograd


def test_s42_float_tensor(shown):
    t = torch.FloatTensor([0.1, 1.0, 0.0001])
    assert t.dtype is torch.float32
    assert isinstance(t, torch.Tensor)
    assert shown(t) == "tensor([1.0000e-01, 1.0000e+00, 1.0000e-04])\n"


def test_s43_results_drop_their_gradients(recwarn):
    _, y, z, out = first_example()
    out.backward()
    warnings.simplefilter("always")
    assert (y.grad, z.grad, out.grad) == (None, None, None)
    assert [str(w.message).startswith(NOT_A_LEAF) for w in recwarn] == [True] * 3


def test_s43_retain_grad_on_every_variable():
    x, y, z, out = first_example()
    for t in (y, z, out):
        t.retain_grad()
    out.backward()
    assert out.grad.item() == 1.0
    assert z.grad.tolist() == [[0.25, 0.25], [0.25, 0.25]]
    assert y.grad.tolist() == x.grad.tolist() == [[4.5, 4.5], [4.5, 4.5]]


# --- neighbours ---


def test_s44_empty_parameter_list():
    with pytest.raises(ValueError, match=starts("optimizer got an empty parameter list")):
        optim.SGD([], lr=0.1)


def test_s44_freezing_a_result():
    y = torch.ones(2, requires_grad=True) * 2
    with pytest.raises(RuntimeError, match=starts(FREEZE_A_RESULT)):
        y.requires_grad = False


@pytest.mark.cpu
def test_s44_saved_tensor_changed_in_place():
    y = torch.ones(2, requires_grad=True).exp()
    y += 1
    message = (
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        "[torch.FloatTensor [2]], which is output 0 of Exp, is at version 1; expected version 0 instead. Hint: "
    )
    with pytest.raises(RuntimeError, match=starts(message)):
        y.sum().backward()


def test_s44_repr_of_sgd():
    optimizer = optim.SGD(nn.Linear(2, 2).parameters(), lr=1e-5, momentum=0.5)
    assert repr(optimizer) == textwrap.dedent(
        """\
        SGD (
        Parameter Group 0
            dampening: 0
            differentiable: False
            foreach: None
            fused: None
            lr: 1e-05
            maximize: False
            momentum: 0.5
            nesterov: False
            weight_decay: 0
        )"""
    )


def test_s44_state_dict_of_sgd():
    model = nn.Linear(2, 2)
    optimizer = optim.SGD(model.parameters(), lr=1e-5, momentum=0.5)
    group = {
        "lr": 1e-5,
        "momentum": 0.5,
        "dampening": 0,
        "weight_decay": 0,
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": None,
        "params": [0, 1],
    }
    state = optimizer.state_dict()
    assert state == {"state": {}, "param_groups": [group]}
    assert list(state["param_groups"][0]) == list(group)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = optimizer.state_dict()["state"]
    assert list(state) == [0, 1]
    assert list(state[0]) == ["momentum_buffer"]
    assert torch.equal(state[0]["momentum_buffer"], model.weight.grad)
