"""``python -m plugrad``: which backends and devices there are, and why one is not usable.

``python -m plugrad --ledger DEVICE``: which functions of its backend are its own, composed, or lacking.
"""

import argparse
import platform
import sys

import plugrad


def report():
    """The report as text."""
    lines = [
        f"plugrad {plugrad.__version__} on Python {platform.python_version()} ({sys.platform}, {platform.machine()})",
        "",
    ]
    for name, facts in plugrad.backends.status().items():
        devices = ", ".join(facts["device_types"]) or "-"
        state = "usable" if facts["usable"] else f"not usable: {facts['why']}"
        lines.append(f"  {name:<10} devices {devices:<10} version {facts['version'] or '-'}")
        lines.append(f"  {'':<10} {state}")
    lines += ["", f"default device {plugrad.get_default_device()}, default dtype {plugrad.get_default_dtype()}"]
    return "\n".join(lines)


def main():
    """Print what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m plugrad", description="backends and devices")
    parser.add_argument(
        "--ledger",
        metavar="DEVICE",
        nargs="?",
        const="cpu",
        help="the functions of the backend of a device: native, composed, lacking (default: cpu)",
    )
    device = parser.parse_args().ledger
    print(report() if device is None else plugrad.backends.ledger(device))


if __name__ == "__main__":
    main()
