"""A real conda environment without conda: packages made here, put into a channel, solved and installed by py-rattler.

python tools/testbed/conda.py FOLDER [PYTHON]  makes FOLDER/envs/testbed and prints its prefix

Its Python hands over to PYTHON, by default the one that runs this: what that can import, jobs can.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import shlex
import sys
import tarfile
from pathlib import Path

NAME = "testbed"


def make(
    folder: Path, python: str = sys.executable, *, version: str = "3.11.4", files: dict[str, str] | None = None
) -> Path:
    """Make an environment with a package of a Python of this version, and one with `files`; return its prefix."""
    channel = folder / "channel"
    starter = f'#!/bin/sh\nexec {shlex.quote(python)} "$@"\n'
    packages = {"settings": ("1.0", files or {})}
    if python:
        packages["python"] = (version, {"bin/python": starter})
    for name, (number, content) in packages.items():
        _package(channel / "noarch", name, number, content)
    prefix = folder / "envs" / NAME
    asyncio.run(_install(channel, list(packages), prefix))
    return prefix


async def _install(channel: Path, names: list[str], prefix: Path) -> None:
    from rattler import Channel, MatchSpec, Subdir, install, solve
    from rattler.index import index_fs

    await index_fs(channel, write_zst=False, write_shards=False)
    records = await solve(
        sources=[Channel(channel.absolute().as_uri())],
        specs=[MatchSpec(name) for name in names],
        platforms=[Subdir("noarch")],
    )
    await install(records, target_prefix=prefix, cache_dir=channel.parent / "cache", show_progress=False)


def _package(folder: Path, name: str, version: str, files: dict[str, str]) -> None:
    """Write a package in the first of conda's formats: a tar file with its index, its list of files, and those."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {
        "name": name, "version": version, "build": "0", "build_number": 0, "depends": [], "subdir": "noarch",
        "arch": None, "platform": None, "timestamp": 0,
    }  # fmt: skip
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
            "size_in_bytes": len(text.encode()),
        }
        for path, text in files.items()
    ]
    content = {
        "info/index.json": json.dumps(index),
        "info/files": "".join(f"{path}\n" for path in files),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
        **files,
    }
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for path, text in content.items():
            member = tarfile.TarInfo(path)
            member.size = len(text.encode())
            member.mode = 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(member, io.BytesIO(text.encode()))


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), *sys.argv[2:3]), flush=True)
    os._exit(0)  # threads of py-rattler may still run, and can crash an interpreter that winds up
