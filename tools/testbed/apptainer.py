"""A real Apptainer and images for it, without a registry: they are made of Debian's packages.

apptainer.py FOLDER  puts Apptainer into FOLDER/apptainer, and images beside it:

bookworm.sif, bookworm   a SIF file and a sandbox folder, both with Python 3.11
bullseye                 a sandbox with Python 3.9
nothing                  one without Python
ancient                  one whose python3 is 2.7

Apptainer brings its own C library. Making all this needs root, using it does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cluster import install_packages
from suite import KEYRING, mirror

#: What Apptainer needs of the suite it comes from, whatever this machine's Debian is.
DEBS = ("apptainer", "libc6", "libgcc-s1", "libseccomp2", "libsqlite3-0")
TOOLS = ("mmdebstrap", "patchelf", "squashfs-tools", "uidmap")
#: Suites, and what Python their images have: 3.11; 3.9 and 2.7.
PYTHONS = {"bookworm": "python3", "bullseye": "python3,python2-minimal"}


def install(folder: Path) -> Path:
    """Put Apptainer into `folder`, unless it is there; return the program's path."""
    program = folder / "bin/apptainer"
    if program.exists():
        return program
    if not all(map(shutil.which, ("mmdebstrap", "patchelf", "mksquashfs", "newuidmap"))):
        install_packages(*TOOLS)
    partial = _emptied(folder.with_name(f"{folder.name}.partial"))
    _unpack(partial / "unpacked")
    for name, part in (("bin", "usr/bin"), ("lib", "usr/lib"), ("etc", "etc")):
        shutil.move(partial / "unpacked" / part, partial / name)
    (libraries,) = (partial / "lib").glob("*-linux-gnu")
    (loader,) = libraries.glob("ld-linux-*.so.*")
    final = folder / libraries.relative_to(partial)
    for path in (partial / "bin/apptainer", libraries / "apptainer/bin/starter"):
        interpreter = ["--set-interpreter", str(final / loader.name), "--force-rpath", "--set-rpath", str(final)]
        subprocess.run(["patchelf", *interpreter, str(path)], check=True)
    config = partial / "etc/apptainer/apptainer.conf"
    # Root asks for no capability that a machine like this one may lack.
    text = config.read_text().replace("root default capabilities = full", "root default capabilities = no")
    config.write_text(text)
    shutil.copytree(partial / "etc", partial / "lib/etc")  # where it looks when a user calls it
    for place in ("lib/var", "var"):
        (partial / place / "lib/apptainer/mnt/session").mkdir(parents=True)
    shutil.rmtree(partial / "unpacked")
    shutil.rmtree(partial / "apt")
    partial.rename(folder)
    return program


def root(folder: Path, suite: str = "bookworm") -> Path:
    """Make a sandbox of Debian `suite` with its Python in `folder`, unless it is there; return its path."""
    made = folder / suite
    if made.exists():
        return made
    partial = _emptied(folder / f"{suite}.partial")
    source = f"deb [signed-by={KEYRING}] {mirror()} {suite} main"
    no_docs = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale", "i18n")]
    include = f"--include={PYTHONS[suite]}"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", include, *no_docs, suite, str(partial), source]
    subprocess.run(command, check=True)
    partial.rename(made)
    return made


def sif(program: Path, sandbox: Path) -> Path:
    """Make a SIF file of a sandbox, beside it, unless it is there; return its path."""
    made = sandbox.with_name(f"{sandbox.name}.sif")
    if not made.exists():
        partial = made.with_name(f"{made.name}.partial")
        command = [str(program), "--quiet", "build", "--force", str(partial), str(sandbox)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        partial.rename(made)
    return made


def _unpack(folder: Path) -> None:
    """Unpack the packages that Apptainer is made of, from Debian unstable, into `folder`."""
    apt = folder.parent / "apt"
    (apt / "lists/partial").mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} sid main\n")
    settings = {
        "Dir::Etc::SourceList": apt / "sources.list",
        "Dir::Etc::SourceParts": "/nonexistent",
        "Dir::State::Lists": apt / "lists",
        "Dir::State::Status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Acquire::Check-Valid-Until": "false",
        "APT::Sandbox::User": "root",
    }
    apt_get = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    subprocess.run([*apt_get, "update"], check=True)
    subprocess.run([*apt_get, "download", *DEBS], check=True, cwd=apt)
    for package in apt.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def make(folder: Path) -> None:
    """Make Apptainer and all images in `folder`, as far as they are not there."""
    program = install(folder / "apptainer")
    sif(program, root(folder, "bookworm"))
    old = root(folder, "bullseye")
    _variant(old, "nothing")
    _variant(old, "ancient", python3="python2.7")


def _variant(sandbox: Path, name: str, **programs: str) -> None:
    """Make a sandbox that differs from another one in its Pythons alone: `programs` are links that there are."""
    made = sandbox.with_name(name)
    if made.exists():
        return
    partial = made.with_name(f"{name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run(["cp", "-al", str(sandbox), str(partial)], check=True)
    kept = {*programs.values()}
    for path in (partial / "usr/bin").glob("python*"):
        if path.name not in kept:
            path.unlink()
    for link, target in programs.items():
        (partial / "usr/bin" / link).symlink_to(target)
    partial.rename(made)


def main(argv: list[str]) -> int:
    """Be the command line."""
    if len(argv) != 1 or os.geteuid() != 0:
        print("usage, as root: apptainer.py FOLDER", file=sys.stderr)
        return 2
    make(Path(argv[0]).resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
