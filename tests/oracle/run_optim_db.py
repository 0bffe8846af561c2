"""Runs plugrad over the samples that torch ships for its own optimizers, and says what falls short.

    python tests/oracle/run_optim_db.py [--only PATTERN] [--kind KIND] [--json]

Of every optimizer in docs/scope.md, with every combination of options that torch tests, in float32, float64 and, where
torch takes them, complex numbers: the same weights and gradients for 20 steps, weights and state compared after each;
checkpoints carried from torch to plugrad and back, ten more steps from there; the schedules that torch tries; types and
texts of errors. What is known to fall short stands in optim_db_known.json, with the reason.
"""

import argparse
import fnmatch
import json
import os
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parent))

from optim_db import cases, checks

KNOWN = Path(__file__).with_name("optim_db_known.json")


def run(pattern="*", kinds=tuple(checks.RUN)):
    """``{optimizer: {kind: {"total", "failed", "reasons"}}}``."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, info in cases.infos().items():
            if fnmatch.fnmatch(name, pattern):
                tallies = {kind: checks.RUN[kind](info) for kind in kinds}
                found[name] = {
                    kind: {"total": tally.total, "failed": tally.failed, "reasons": tally.reasons}
                    for kind, tally in tallies.items()
                }
    return found


def known():
    """``{optimizer: {kind: [how many calls may fall short, why]}}``."""
    return json.loads(KNOWN.read_text(encoding="utf-8"))


def totals(found):
    """(calls that pass, calls that were compared)."""
    tallies = [tally for kinds in found.values() for tally in kinds.values()]
    total = sum(tally["total"] for tally in tallies)
    return total - sum(tally["failed"] for tally in tallies), total


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="PATTERN", default="*", help="optimizers by name, with * and ?")
    parser.add_argument("--kind", choices=list(checks.RUN), action="append", help="only these comparisons")
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    options = parser.parse_args()
    start = time.perf_counter()
    found = run(options.only, options.kind or tuple(checks.RUN))
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for name, kinds in found.items():
        for kind, tally in kinds.items():
            for reason, (count, first) in tally["reasons"].items():
                print(f"{name}: {kind}: {reason} ({count} of {tally['total']}; {first})")
    print("pass {} of {}".format(*totals(found)))
    print(f"{len(found)} optimizers in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
