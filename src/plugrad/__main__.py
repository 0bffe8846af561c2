"""``python -m plugrad``: which backends and devices there are, and why one is not usable."""

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


if __name__ == "__main__":
    print(report())
