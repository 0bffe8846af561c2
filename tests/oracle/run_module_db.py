"""Runs plugrad's modules beside torch's over torch's own module_db, and says what falls short.

    python tests/oracle/run_module_db.py [--only PATTERN] [--all] [--json] [--write] [--jobs N]

The same seed, weights and inputs, in training and in evaluation, float32 and float64: initial weights, state dict, names, repr; outputs
and buffers; gradients of inputs and parameters; errors. At most 12 cases of a module, dtype and phase; ``--all`` takes all.
"""

import argparse
import fnmatch
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parent))

from module_db import report


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="PATTERN", help="modules by name, with * and ?")
    parser.add_argument("--all", action="store_true", help="all cases")
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    parser.add_argument("--write", action="store_true", help=f"write {report.STATE.name}, what the test compares with")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N")
    options = parser.parse_args()
    names = [name for name in report.modules() if fnmatch.fnmatch(name, options.only or "*")]
    start = time.perf_counter()
    results = report.run(names, options.jobs, options.all)
    if options.write and len(names) == len(report.modules()) and not options.all:
        report.write_state(results)
    if options.json:
        print(json.dumps(results))
        return
    print_short(results)
    print(f"{len(names)} modules in {time.perf_counter() - start:.0f} s")


def print_short(results):
    for name, found in results.items():
        for kind in report.RUN:
            for reason, (count, first) in found[kind]["reasons"].items():
                print(f"{name}: {kind}: {reason} ({count} of {found[kind]['total']} cases: {first})")
        if not found["forward"]["total"]:
            print(f"{name}: forward: nothing was compared")
    for kind, (passed, compared) in report.totals(results).items():
        print(f"{kind}: pass {passed} of {compared}")


if __name__ == "__main__":
    main()
