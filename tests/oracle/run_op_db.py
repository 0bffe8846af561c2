"""Runs plugrad over the samples that torch ships for its own operators, and says what falls short.

    python tests/oracle/run_op_db.py [--only PATTERN] [--all] [--json] [--write] [--jobs N]

Torch runs the same calls beside it; values, dtypes and derivatives must be the same. Of each operator at most 8 samples
a dtype are taken for values and 4 for derivatives and variants, spread over the first 300; ``--all`` takes all.
"""

import argparse
import fnmatch
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.append(str(Path(__file__).parent))

from op_db import report, scope


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="PATTERN", help="operators by name, with * and ?")
    parser.add_argument("--all", action="store_true", help="all samples")
    parser.add_argument("--json", action="store_true", help="everything as JSON")
    parser.add_argument("--write", action="store_true", help=f"write {report.STATE.name}, what the test compares with")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), metavar="N")
    options = parser.parse_args()
    names = [name for name in scope.operators() if fnmatch.fnmatch(name, options.only or "*")]
    start = time.perf_counter()
    results = report.run(names, options.jobs, options.all)
    if options.write and len(names) == len(scope.operators()) and not options.all:
        report.write_state(results)
    if options.json:
        print(report.as_json(results))
        return
    print_short(results)
    print(f"{len(names)} operators in {time.perf_counter() - start:.0f} s")


def print_short(results):
    for name, found in results.items():
        for kind in report.RUN:
            for reason, (count, first) in found[kind]["reasons"].items():
                print(f"{name}: {kind}: {reason} ({count} of {found[kind]['total']} calls: {first})")
    for name in report.missing_modules():
        print(f"{name}: missing name")
    for kind, (passed, compared) in report.totals(results).items():
        print(f"{kind}: pass {passed} of {compared}")


if __name__ == "__main__":
    main()
