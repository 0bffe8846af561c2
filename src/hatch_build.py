"""Hatchling hook for editable installs: lays .hatch/editable/plugrad out as links to the folders of this checkout.

A wheel has src/plugrad, core, backends, nn and optim as one package, plugrad. An editable install shows the same
tree through links (junctions and hard links on Windows, where symbolic links need a privilege), so that Python,
type checkers and editors all find ``plugrad.nn`` at once, and new files in the folders need no reinstall.
"""

import os
import shutil
import sys
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class EditableLinks(BuildHookInterface):
    def initialize(self, version, build_data):
        if version != "editable":
            return
        root = Path(self.root)
        top = root / ".hatch" / "editable"  # Hatchling never looks into .hatch, so no link of ours gets into a build
        shutil.rmtree(top, ignore_errors=True)
        for source, target in self.build_config.sources.items():
            src, dst = root / source, top / target
            if src.name == "plugrad":  # the face: its entries one by one, since the other folders come beside them
                dst.mkdir(parents=True, exist_ok=True)
                for entry in sorted(src.iterdir()):
                    if entry.name != "__pycache__":
                        link(entry, dst / entry.name)
            else:
                dst.parent.mkdir(parents=True, exist_ok=True)
                link(src, dst)


def link(src, dst):
    if sys.platform != "win32":
        dst.symlink_to(os.path.relpath(src, dst.parent), target_is_directory=src.is_dir())
    elif src.is_dir():
        import _winapi

        _winapi.CreateJunction(str(src), str(dst))
    else:
        os.link(src, dst)
