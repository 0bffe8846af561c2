"""Writes tests/core/test_special.json: values of the special functions at float32 points, by mpmath with 60 digits."""

import json
import random
from pathlib import Path
from struct import pack, unpack

import mpmath as mp

TARGET = Path(__file__).parents[1] / "core" / "test_special.json"
COUNT = 24
mp.mp.dps = 60


def single(x):
    """The nearest float32."""
    return unpack("f", pack("f", x))[0]


def spread(rng, low, high):
    return [single(rng.uniform(low, high)) for _ in range(COUNT)]


def sizes(rng, low, high):
    """Numbers of all orders of magnitude from 10^low to 10^high."""
    return [single(10.0 ** rng.uniform(low, high)) for _ in range(COUNT)]


def log_normal_cdf(x):
    return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2) if x < 0 else mp.log1p(-mp.erfc(x / mp.sqrt(2)) / 2)


def normal_quantile(p):
    if p > mp.mpf("0.01"):
        return mp.sqrt(2) * mp.erfinv(2 * p - 1)
    return -mp.findroot(lambda y: mp.log(mp.erfc(y / mp.sqrt(2)) / 2) - mp.log(p), mp.sqrt(-2 * mp.log(p)))


def sinc(x):
    return mp.sincpi(x)


#: name → (function, parts of the points: (how, low, high))
FUNCTIONS = {
    "lgamma": (lambda x: mp.re(mp.loggamma(x)), (spread, 0, 3), (spread, 3, 40), (sizes, -37, 37)),
    "digamma": (mp.digamma, (spread, 0, 3), (spread, 1.4, 1.5), (spread, 3, 40), (sizes, -37, 37)),
    "erfc": (mp.erfc, (spread, -4, 4), (spread, 4, 27), (sizes, -37, 0)),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), (spread, -9, 30), (sizes, -37, 1.9)),
    "erfinv": (mp.erfinv, (spread, -1, 1), (spread, 0.99, 1), (sizes, -37, 0)),
    "ndtr": (lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, (spread, -4, 4), (spread, -38, -4), (sizes, -37, 0)),
    "log_ndtr": (log_normal_cdf, (spread, -4, 13), (spread, -50, -4), (sizes, -37, 0)),
    "ndtri": (normal_quantile, (spread, 0, 1), (sizes, -37, 0)),
    "i0": (lambda x: mp.besseli(0, x), (spread, -20, 20), (spread, 20, 88), (spread, 88, 713)),
    "i0e": (lambda x: mp.besseli(0, x) * mp.exp(-abs(x)), (spread, -20, 20), (spread, 20, 5000)),
    "i1": (lambda x: mp.besseli(1, x), (spread, -20, 20), (sizes, -37, 0), (spread, 20, 88), (spread, 88, 713)),
    "i1e": (lambda x: mp.besseli(1, x) * mp.exp(-abs(x)), (spread, -20, 20), (sizes, -37, 0), (spread, 20, 5000)),
    "sinc": (sinc, (spread, -4, 4), (spread, -1000, 1000), (sizes, -37, 5)),
    "modified_bessel_k1": (lambda x: mp.besselk(1, x), (spread, 0, 6), (spread, 6, 80), (sizes, -37, 0)),
}


def main():
    rng = random.Random(0)
    table = {}
    for name, (function, *parts) in FUNCTIONS.items():
        points = [p for how, low, high in parts for p in how(rng, low, high)]
        points = [p for p in points if name not in ("erfinv", "ndtri") or abs(p) < 1]
        table[name] = [points, [float(function(mp.mpf(p))) for p in points]]
    TARGET.write_text(json.dumps(table, indent=None, separators=(",", ":")).replace("],", "],\n") + "\n")


if __name__ == "__main__":
    main()
