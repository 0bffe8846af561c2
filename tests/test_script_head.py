"""The head of a training script, as they are found everywhere: torch's, with the import changed."""

import pytest

import plugrad
from plugrad_outcome import flags_that_can_be_set

SCRIPT = """
import argparse
import os
import random

import numpy as np
import {library} as torch
import {library}.backends.cudnn as cudnn
import {library}.multiprocessing as mp
import {library}.nn as nn
from {library}.nn.attention import SDPBackend, sdpa_kernel


def seed_everything(seed):
    random.seed(seed)
    np.random.seed(seed)
    os.environ["PYTHONHASHSEED"] = str(seed)
    torch.manual_seed(seed)
    torch.cuda.manual_seed(seed)
    torch.cuda.manual_seed_all(seed)
    cudnn.deterministic = True
    cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)


def choose_device():
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    if torch.accelerator.is_available():
        return torch.accelerator.current_accelerator()
    return torch.device("cpu")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 8)
        self.out = nn.Linear(8, 2)

    @torch.compiler.disable
    def forward(self, x):
        if torch.compiler.is_compiling() or torch.jit.is_scripting():
            raise RuntimeError
        return self.out(torch.relu(self.fc(x)))


seed_everything(1)
torch.set_float32_matmul_precision("high")
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = True
threads = torch.get_num_threads()
torch.set_num_threads(1)
torch.set_flush_denormal(False)
mp.set_sharing_strategy("file_system")
device = choose_device()
if device.type == "cuda":
    print(torch.version.cuda)
model = torch.compile(Net().to(device), backend="eager", disable=os.name != "posix")
step = torch.compile(lambda x, y: nn.functional.cross_entropy(model(x), y), backend="eager")
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.asarray(np.linspace(-torch.pi, torch.pi, 32, dtype=np.float32)).reshape(8, 4).to(device)
y = torch.frombuffer(bytearray([0, 1] * 4), dtype=torch.uint8).long().to(device)
losses = []
for _ in range(3):
    optimizer.zero_grad()
    loss = step(x, y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
with sdpa_kernel([SDPBackend.MATH, SDPBackend.FLASH_ATTENTION]):
    attended = nn.functional.scaled_dot_product_attention(x[None, None], x[None, None], x[None, None])
assert torch.isfinite(attended).all() and losses[-1] < torch.inf
losses.append((attended**2).sum().item())
names = [name.removeprefix("_orig_mod.") for name, _ in model.named_parameters()]
settings = [torch.get_float32_matmul_precision(), torch.get_num_threads(), cudnn.deterministic,
            torch.is_deterministic_algorithms_warn_only_enabled(), torch.typename(x), str(x.layout), str(device)]
torch.set_num_threads(threads)
torch.set_float32_matmul_precision("highest")
torch.use_deterministic_algorithms(False)
cudnn.deterministic = False
mp.set_sharing_strategy("file_descriptor")
"""


def run(library):
    scope = {"__name__": library}
    exec(SCRIPT.replace("{library}", library), scope)
    return scope["losses"], scope["names"], scope["settings"]


@pytest.mark.cpu
def test_a_script_runs_with_the_import_changed():
    losses, names, settings = run("plugrad")
    assert losses[2] < losses[0]
    assert names == ["fc.weight", "fc.bias", "out.weight", "out.bias"]
    assert settings[0] == "high"
    assert settings[2:4] == [True, True]
    assert plugrad.get_float32_matmul_precision() == "highest"


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")  # its compiler gives some
def test_the_same_script_on_torch_gives_the_same():
    torch = pytest.importorskip("torch")
    with flags_that_can_be_set(torch):
        ours, theirs = run("plugrad"), run("torch")
    if ours[2][-1] != "cpu":
        pytest.skip("plugrad has another device than torch here")
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    assert ours[1:] == theirs[1:]
