"""Data sets that worker processes read; in a file that a process which is no fork can import."""

import os
import random
import sys
import time

import numpy as np

from plugrad.utils.data import Dataset


class Squares(Dataset):
    """Sample i is (i², a tensor); what fails on purpose is a function of i."""

    def __init__(self, t, n, event=None):
        self.t = t.__name__  # a module cannot be sent to a process that is not a fork
        self.n = n
        self.event = event

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if self.event is not None:
            self.event(i)
        return {"square": i * i, "row": sys.modules[self.t].arange(3.0) + i}


class Draws(Dataset):
    """Random numbers of each generator that a worker seeds, and the worker's own number."""

    def __init__(self, t):
        self.t = t.__name__

    def __len__(self):
        return 6

    def __getitem__(self, i):
        t = sys.modules[self.t]
        info = t.utils.data.get_worker_info()
        drawn = np.random.random()  # noqa: NPY002  a data set may draw from it
        return t.rand(2), random.random(), drawn, info.id, info.seed, info.num_workers


def fail_at(where, error, i):
    if i == where:
        raise error


def die_at(where, how, i):
    if i == where:
        os.kill(os.getpid(), how)


def wait_for_others(first, i):
    if i == first:
        time.sleep(0.5)
