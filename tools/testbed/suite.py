"""Run a command in a folder that holds another Debian, for its version of Slurm: `suite.py VERSION FOLDER -- COMMAND`.

The folder is made if it is not there. The command sees this machine's /tmp, the working directory, and the network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cluster import install_packages

#: Versions of Slurm, and the Debian suite that has each.
SUITES = {"22.05": "bookworm", "24.11": "trixie", "26.05": "sid"}
PACKAGES = (
    "slurm-wlm", "slurmdbd", "mariadb-server", "munge", "python3", "python3-venv", "python3-pip", "procps",
    "ca-certificates",
)  # fmt: skip
#: Where packages come from when this machine does not say.
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def native_version() -> str:
    """Return the version of Slurm that this machine's Debian has; '' if it is no Debian known here."""
    lines = Path("/etc/os-release").read_text().split("\n")
    names = [line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")]
    return next((version for version, suite in SUITES.items() if suite in names), "")


def make(suite: str, folder: Path) -> None:
    """Make `folder` a Debian of that suite with Slurm, unless it is one."""
    if (folder / "usr/sbin/slurmctld").exists():
        return
    if shutil.which("mmdebstrap") is None:
        install_packages("mmdebstrap")
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            "mmdebstrap", "--quiet", "--variant=apt", f"--include={','.join(PACKAGES)}",
            '--aptopt=Acquire::Check-Valid-Until "false"', "--dpkgopt=path-exclude=/usr/share/doc/*",
            suite, str(partial), f"deb [signed-by={KEYRING}] {mirror()} {suite} main",
        ],
        check=True,
    )  # fmt: skip
    partial.rename(folder)


def run(folder: Path, command: list[str]) -> int:
    """Run `command` in `folder`, with mounts that vanish with it; return its exit status."""
    here = Path.cwd()
    # /opt: where a machine keeps what pip is told to look into, if anywhere.
    shared = [path for path in ("/proc", "/sys", "/dev", "/tmp", "/opt", str(here)) if Path(path).exists()]
    binds = "\n".join(f'mkdir -p "$ROOT{path}"; mount --rbind "{path}" "$ROOT{path}"' for path in shared)
    for name in ("resolv.conf", "hosts", "pip.conf", "ssl/certs/ca-certificates.crt"):
        if Path(f"/etc/{name}").exists():
            shutil.copy(f"/etc/{name}", folder / "etc" / name)
    script = f'set -e\n{binds}\nexec chroot "$ROOT" /bin/sh -c \'cd "$HERE" && exec "$@"\' sh "$@"'
    kept = ("PIP_", "HTTP", "http", "NO_PROXY", "no_proxy", "SSL_", "REQUESTS_", "UV_", "JOR_", "CI", "TERM", "LANG")
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    environment |= {"ROOT": str(folder), "HERE": str(here), "HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    argv = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "sh", *command]
    return subprocess.run(argv, env=environment).returncode


def mirror() -> str:
    """Return where this machine gets its packages from."""
    for path in sorted(Path("/etc/apt").glob("sources.list*")) + sorted(Path("/etc/apt/sources.list.d").glob("*")):
        if path.is_file():
            lines = [line for line in path.read_text().split("\n") if not line.startswith("#")]
            for word in " ".join(lines).split():
                if word.startswith(("http://", "https://")) and "security" not in word:
                    return word
    return MIRROR


def main(argv: list[str]) -> int:
    """Be the command line."""
    if len(argv) < 4 or argv[2] != "--" or argv[0] not in SUITES:
        print(f"usage: suite.py {'|'.join(SUITES)} FOLDER -- COMMAND...", file=sys.stderr)
        return 2
    folder = Path(argv[1]).resolve()
    make(SUITES[argv[0]], folder)
    return run(folder, argv[3:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
