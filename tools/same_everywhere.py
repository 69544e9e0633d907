"""Run digits natively, in a container and in a conda environment, here and on Slurm; compare what is collected.

python tools/same_everywhere.py FOLDER IMAGES

Nothing but jor.cfg differs, and every byte that is collected has to be the same. IMAGES is the folder that
tools/testbed/apptainer.py has made. The jor that runs this has no scikit-learn: in the container and in the
environment, the jobs are listed, executed and collected there.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from try_examples import shorten

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "examples" / "digits"
sys.path.insert(0, str(HERE / "testbed"))


def run(*command: str, quiet: bool = False, cwd: Path | None = None, **environment: str) -> None:
    """Run a command; its failure ends this program."""
    if not quiet:
        print("$", *command, flush=True)
    output = subprocess.DEVNULL if quiet else None
    if subprocess.run(command, cwd=cwd, stdout=output, env={**os.environ, **environment}).returncode:
        sys.exit(f"{' '.join(command)} failed")


def make_places(folder: Path, images: Path) -> dict[str, tuple[str, str]]:
    """Make three places that have what digits needs, in the same versions.

    Return, for each, the Python that runs jor, and what jor.cfg has to say.
    """
    import conda

    plain, native = folder / "plain", folder / "native"
    for venv in (plain, native):
        run(sys.executable, "-m", "venv", str(venv))
        run(f"{venv}/bin/pip", "install", "--quiet", "-r", str(EXAMPLE / "requirements.txt"))
    run(f"{native}/bin/pip", "install", "--quiet", *map(str, sorted((HERE.parent / "packages").iterdir())))
    frozen = folder / "versions.txt"
    frozen.write_text(subprocess.check_output([f"{plain}/bin/pip", "freeze"], text=True))
    image = folder / "image"
    run("cp", "-al", str(images / "bookworm"), str(image))
    # For the Python of the image, which need not be the one of this machine.
    target = [
        "--python-version",
        "3.11",
        "--only-binary",
        ":all:",
        "--target",
        f"{image}/usr/lib/python3/dist-packages",
    ]
    run(f"{plain}/bin/pip", "install", "--quiet", "--no-deps", *target, "-r", str(frozen))
    prefix = conda.make(folder, f"{plain}/bin/python")
    return {
        "native": (f"{native}/bin/python", ""),
        "container": (sys.executable, f"sif = {image}"),
        "environment": (sys.executable, f"condaenv = {prefix}"),
    }


def collected(folder: Path, python: str, scheduler: str, setting: str, path: str) -> dict[str, str]:
    """Run a copy of the sweep; return the digests of the files it collects."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("output", "__pycache__"))
    shorten(folder)  # six ways, two seeds
    config = (folder / "jor.cfg").read_text()
    assert "scheduler = local" in config
    config = config.replace("scheduler = local", f"scheduler = {scheduler}\n{setting}")
    # Packed: each task begins with importing scikit-learn.
    (folder / "jor.cfg").write_text(f"{config}\n[slurm]\njobs-per-task = 20\npoll-interval = 2\n")
    started = time.monotonic()
    for command in ("run", "collect"):
        flags = ["--wait", "--quiet"] if command == "run" else []
        run(python, "-m", "jor_cli", command, *flags, cwd=folder, PATH=path)
    print(f"{folder.name}: {time.monotonic() - started:.0f} s", flush=True)
    files = [*folder.glob("output/*.csv"), *folder.glob("output/*.png")]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main(folder: Path, images: Path) -> None:
    """Try all ways."""
    assert importlib.util.find_spec("sklearn") is None, "the jor that runs this must not have scikit-learn"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    path = f"{images}/apptainer/bin:{os.environ['PATH']}"
    found = {}
    for place, (python, setting) in make_places(folder, images).items():
        for scheduler in ("local", "slurm"):
            name = f"{place}-{scheduler}"
            found[name] = collected(folder / name, python, scheduler, setting, path)
            print(*(f"{digest[:16]} {file}" for file, digest in sorted(found[name].items())), sep="\n", flush=True)
    if len({tuple(sorted(digests.items())) for digests in found.values()}) != 1:
        sys.exit("What is collected is not the same everywhere")
    print(f"The same two files in all {len(found)} ways")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
