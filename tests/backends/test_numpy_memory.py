"""Freed memory is kept for the next array, unless the environment tunes the allocator: counted in page faults, in processes of
their own."""

import os
import platform
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.cpu,
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library's allocator is left alone"),
]

STEPS = 10
PROGRAM = f"""
import resource
import plugrad
x = plugrad.ones(1000, 1000, requires_grad=True)
step = lambda: plugrad.autograd.grad((x * x).sum(), x)
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({STEPS}):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / {STEPS})
"""


def faults_of_a_step(**tuning):
    untuned = {
        name: value for name, value in os.environ.items() if not name.startswith("MALLOC_") and name != "GLIBC_TUNABLES"
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=untuned | tuning, capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def test_a_step_touches_no_fresh_pages():
    assert faults_of_a_step() < 20  # its arrays have a thousand pages each


@pytest.mark.parametrize(
    "tuning",
    [
        {"MALLOC_TRIM_THRESHOLD_": "131072"},
        {"MALLOC_MMAP_THRESHOLD_": "131072"},
        {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"},
    ],
    ids=lambda tuning: next(iter(tuning)),
)
def test_the_environment_s_tuning_stands(tuning):
    assert faults_of_a_step(**tuning) > 20
