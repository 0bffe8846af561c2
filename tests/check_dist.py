"""check_dist.py FOLDER: the one wheel in it holds exactly the files of the five folders, under plugrad/, and its licence."""

import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(folder: str) -> None:
    (wheel,) = Path(folder).glob("*.whl")
    sources = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"][
        "sources"
    ]
    want = set()
    for folder, target in sources.items():
        for f in (ROOT / folder).rglob("*"):
            if f.is_file() and "__pycache__" not in f.parts:
                want.add(f"{target}/{f.relative_to(ROOT / folder).as_posix()}")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if not n.endswith("/")}
    got = {n for n in names if ".dist-info/" not in n}
    assert want, "no files?"
    if got != want:
        sys.exit(f"missing from the wheel: {sorted(want - got)}; not wanted in it: {sorted(got - want)}")
    assert any(n.endswith(".dist-info/licenses/LICENSE") for n in names), "no licence in the wheel"
    print(f"{len(got)} files, all as in the tree")


if __name__ == "__main__":
    main(sys.argv[1])
