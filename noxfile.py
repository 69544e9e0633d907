"""Everything that can be checked, one session each: `nox -l` lists them, `nox` runs all, `nox -s lint` runs one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent / "tools" / "testbed"))
sys.path.insert(0, str(Path(__file__).parent / "tests" / "faults"))
import matrix
import suite as testbed

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = [
    "lint",
    "types",
    "imports",
    "alone",
    "runtime_old",
    "together",
    "browser",
    "faults",
    "audit",
    "libraries",
    "conda",
    "apptainer",
    "slurm",
    "examples",
    "same_everywhere",
    "build",
]

PACKAGES = {"jor-core": "jor", "jor-slurm": "jor_slurm", "jor-containers": "jor_containers", "jor-cli": "jor_cli"}
TEST_TOOLS = ("pytest>=8", "hypothesis>=6.100", "pytest-xdist>=3.6")
#: Several tests at once: most wait for processes most of the time.
AT_ONCE = ("--numprocesses=4", "--dist=loadfile")
#: Three clusters, side by side.
CLUSTERS_AT_ONCE = ("--numprocesses=3", "--dist=worksteal")
#: Tests that are skipped where NumPy and pandas are not there.
WANT_LIBRARIES = (
    "tests/core/runtime/test_seeds.py",
    "tests/core/runtime/test_names.py",
    "tests/core/runtime/test_loading.py",
    "tests/cli/analysis/test_draws.py",
    "tests/integration/test_check.py::test_repeats_draw_their_own_numbers_and_what_they_share_is_told",
)
#: Makes conda environments, without conda.
RATTLER = "py-rattler>=0.28"
#: Drives a browser.
SELENIUM = "selenium>=4.20"


def pythons(*versions: str) -> list[str]:
    """Return those of the Python versions that are there and start; what pyenv has installed counts."""
    found = []
    for version in versions:
        program = f"python{version}"
        installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{program}"))
        for candidate in (*map(str, installed), shutil.which(program)):
            if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
                os.environ["PATH"] = f"{Path(candidate).parent}{os.pathsep}{os.environ['PATH']}"
                found.append(version)
                break
    return found


PYTHONS = pythons("3.10", "3.11", "3.12", "3.13", "3.14")


def wheels(session: nox.Session, *packages: str) -> list[str]:
    """Build the wheels of `packages` in the session's own folder; return their paths."""
    folder = Path(session.create_tmp()) / "wheels"
    shutil.rmtree(folder, ignore_errors=True)
    session.install("build[uv]" if session.venv_backend == "uv" else "build")
    installer = ["--installer=uv"] if session.venv_backend == "uv" else []
    for package in packages:
        command = ["python", "-m", "build", *installer, "--wheel", "--outdir", str(folder), f"packages/{package}"]
        session.run(*command, silent=True)
    return sorted(map(str, folder.glob("*.whl")))


def images(session: nox.Session) -> str:
    """Make Apptainer and images, unless they are there; return their folder."""
    folder = str(Path(session.cache_dir).resolve() / "images")
    session.run("python", "tools/testbed/apptainer.py", folder)
    return folder


def debian(session: nox.Session, programs: dict[str, str], *others: str) -> None:
    """Install Debian's packages, by the program that each has, unless all are there; skip where that is not allowed."""
    if all(map(shutil.which, programs)):
        return
    packages = [*programs.values(), *others]
    if os.geteuid() != 0 and "CI" not in os.environ:
        session.skip(f"installing programs needs root: apt-get install {' '.join(packages)}")
    install = "import sys; sys.path.insert(0, 'tools/testbed'); import cluster; cluster.install_packages(*sys.argv[1:])"
    session.run("python", "-c", install, *packages)


def chromium(session: nox.Session) -> None:
    """Install Debian's Chromium, unless it is there."""
    debian(session, {"chromium": "chromium", "chromedriver": "chromium-driver"}, "fonts-dejavu-core")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, formatting, and what ruff knows to be wrong."""
    session.install("ruff==0.17.6")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types of all four packages, strictly."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), "mypy==2.4.1", "types-PyYAML")
    session.run("mypy")


@nox.session
def imports(session: nox.Session) -> None:
    """Who may import whom: the contracts in pyproject.toml."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), "import-linter>=2.16")
    session.run("lint-imports")


@nox.session
@nox.parametrize("package", list(PACKAGES), ids=list(PACKAGES))
def alone(session: nox.Session, package: str) -> None:
    """One package by itself: its wheel in an empty environment, its own tests, no sibling that it does not need.

    jor-cli needs them all, so in CI most of its tests are left to `together`.
    """
    needed = list(PACKAGES) if package == "jor-cli" else [package]
    session.install(*wheels(session, *needed), *TEST_TOOLS)
    others = [module for name, module in PACKAGES.items() if name not in needed]
    absent = f"from importlib.util import find_spec as f; import {PACKAGES[package]}; assert not any(map(f, {others}))"
    session.run("python", "-c", absent)
    tests = f"tests/{package.removeprefix('jor-')}"
    if package == "jor-cli" and "CI" in os.environ:
        tests += "/test_imports.py"
    session.run("pytest", *AT_ONCE, tests, *session.posargs)


@nox.session(python=pythons("3.8") or None)
def runtime_old(session: nox.Session) -> None:
    """Test the engine on the oldest Python that containers may have, with nothing beside it."""
    if session.python is None:
        session.skip("there is no Python 3.8 here")
    session.install("./packages/jor-core", *TEST_TOOLS)
    session.run("python", "-c", "from importlib.util import find_spec as f; assert not any(map(f, ['cattrs', 'yaml']))")
    session.run("pytest", *AT_ONCE, "tests/core/runtime", *session.posargs)


@nox.session(python=PYTHONS)
def together(session: nox.Session) -> None:
    """All four as a user installs them, all tests, on each Python that is there (in CI in short on those between)."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), *TEST_TOOLS)
    if "CI" in os.environ and session.python in PYTHONS[1:-1]:
        tests = ["tests/core/runtime", "tests/integration/test_readme.py"]
    else:
        tests = [f"--ignore=tests/{other}" for other in ("cluster", "surroundings", "browser", "faults")]
    session.run("pytest", *AT_ONCE, *tests, *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Look at what `jor report` writes in a real Chromium, which is installed first where that is allowed."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), *TEST_TOOLS, SELENIUM)
    chromium(session)
    session.env["JOR_REQUIRE_BROWSER"] = "1"
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill, starve, crowd and mislead jor; print the matrix of faults.

    In CI a third of the seeds, and neither Slurm nor what other sessions run as well.
    """
    session.install(*(f"./packages/{package}" for package in PACKAGES), *TEST_TOOLS, "pytest-timeout", RATTLER, "numpy")
    debian(session, {"bindfs": "bindfs", "cc": "gcc"}, "libc6-dev")
    wanted = ["tests/faults"]
    if "CI" not in os.environ:
        wanted += matrix.elsewhere(slurm=False)
        if os.geteuid() == 0:
            session.run("python", "tools/testbed/cluster.py", "install")
            wanted += matrix.elsewhere(slurm=True)
    options = ("--numprocesses=4", "--dist=loadgroup", "--timeout=1200")
    session.run("pytest", *options, *(session.posargs or wanted))


@nox.session(default=False, python=pythons("3.11", "3.12", "3.13")[:1] or None)
def fuzz(session: nox.Session) -> None:
    """Fuzz all that reads others' files, guided by coverage: an hour, or `nox -s fuzz -- SECONDS_EACH [READER ...]`."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), *TEST_TOOLS, "atheris>=3")
    session.run("python", "-m", "tests.faults.guided", *(session.posargs or ["300"]))


@nox.session
def libraries(session: nox.Session) -> None:
    """Forks, random numbers and names with real libraries; all but PyTorch, which is half a gigabyte."""
    real = ("pandas", "polars", "pyarrow", "scikit-learn", "matplotlib", "numba")
    session.install(*(f"./packages/{package}" for package in PACKAGES), *TEST_TOOLS, *real)
    session.env["JOR_REQUIRE_LIBRARIES"] = "1"
    session.run("pytest", *AT_ONCE, "tests/surroundings/test_libraries.py", *WANT_LIBRARIES, *session.posargs)


@nox.session
def conda(session: nox.Session) -> None:
    """Jobs in a conda environment: a real one, made by py-rattler."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), *TEST_TOOLS, RATTLER)
    session.env["JOR_REQUIRE_CONDA"] = "1"
    session.env["JOR_TEST_CORE"] = str(Path(wheels(session, "jor-core")[0]).resolve())
    session.run("pytest", *AT_ONCE, "tests/surroundings/test_conda.py", *session.posargs)


@nox.session
def apptainer(session: nox.Session) -> None:
    """Jobs in a container: of a real Apptainer, in real images; as root, which makes them."""
    if os.geteuid() != 0 and "CI" not in os.environ:
        session.skip("making images needs root")
    session.install(*(f"./packages/{package}" for package in PACKAGES), *TEST_TOOLS, RATTLER)
    session.env["JOR_REQUIRE_CONDA"] = "1"
    session.env["JOR_TEST_IMAGES"] = images(session)
    session.env["JOR_TEST_CORE"] = str(Path(wheels(session, "jor-core")[0]).resolve())
    session.run("pytest", *AT_ONCE, "tests/surroundings/test_apptainer.py", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Look for unsafe calls, and for known holes in what jor needs; no failure where advisories cannot be asked."""
    session.install("bandit>=1.8", "pip-audit>=2.9")
    # assert states what cannot happen; a comment tells why an error is passed over; programs are started, by argv;
    # random numbers are for simulations.
    session.run("bandit", "--quiet", "--recursive", "--skip=B101,B110,B311,B404,B603,B606", "packages")
    installed = f"{session.create_tmp()}/installed"
    shutil.rmtree(installed, ignore_errors=True)
    session.install("--target", installed, *(f"./packages/{package}" for package in PACKAGES))
    session.run("python", "tools/advisories.py", installed)


@nox.session
@nox.parametrize("version", list(testbed.SUITES), ids=list(testbed.SUITES))
def slurm(session: nox.Session, version: str) -> None:
    """Against a real Slurm on this machine, as root: its own version, others in a folder (in CI in short)."""
    if os.geteuid() != 0 and "CI" not in os.environ:
        session.skip("a cluster of one's own needs root")
    tools = [*TEST_TOOLS, "pytest-timeout"]
    session.env["JOR_REQUIRE_SLURM"] = "1"
    if version == testbed.native_version():
        session.install(*(f"./packages/{package}" for package in PACKAGES), *tools, RATTLER)
        session.run("python", "tools/testbed/cluster.py", "install")
        session.env["JOR_TEST_IMAGES"] = images(session)
        session.run("pytest", *CLUSTERS_AT_ONCE, "tests/cluster", "--timeout=600", *session.posargs)
        if not session.posargs:
            session.install("-r", "examples/digits/requirements.txt")
            # Packed, for this machine has two CPUs, and each task begins with importing scikit-learn.
            session.env["JOR_JOBS_PER_TASK"] = "20"
            examples = ["python", "tools/try_examples.py", session.create_tmp(), "slurm"]
            session.run("python", "tools/testbed/cluster.py", "run", f"{session.create_tmp()}/cluster", "--", *examples)
        return
    packages = " ".join(f"./packages/{package}" for package in PACKAGES)
    quoted = " ".join(f"'{tool}'" for tool in (*tools, RATTLER))
    chosen = "-m every_version" if "CI" in os.environ else ""
    script = (
        f"set -e; python3 -m venv /tmp/jor-{version}; . /tmp/jor-{version}/bin/activate; "
        f"pip install --quiet {packages} {quoted}; "
        f"exec pytest {' '.join(CLUSTERS_AT_ONCE)} tests/cluster --timeout=600 -p no:cacheprovider {chosen}"
    )
    folder = f"{session.cache_dir}/slurm-{version}"
    session.env["JOR_TESTBED"] = "chroot"
    session.run("python", "tools/testbed/suite.py", version, folder, "--", "sh", "-c", script)


@nox.session
def examples(session: nox.Session) -> None:
    """Run the examples from a copy, as the README tells, and check what comes out."""
    needed = ["-r", "examples/digits/requirements.txt", "-r", "examples/notebook/requirements.txt", "nbclient>=0.10"]
    session.install(*(f"./packages/{package}" for package in PACKAGES), *needed)
    session.run("python", "tools/try_examples.py", session.create_tmp())


@nox.session
def same_everywhere(session: nox.Session) -> None:
    """Run digits natively, in a container, in a conda environment, here and on Slurm; compare what is collected."""
    if os.geteuid() != 0 and "CI" not in os.environ:
        session.skip("a cluster of one's own, and making images, need root")
    session.install(*(f"./packages/{package}" for package in PACKAGES), RATTLER)
    session.run("python", "tools/testbed/cluster.py", "install")
    folder = Path(session.create_tmp()).resolve()
    command = ["python", "tools/same_everywhere.py", str(folder / "sweeps"), images(session)]
    session.run("python", "tools/testbed/cluster.py", "run", str(folder / "cluster"), "--", *command)


@nox.session
def build(session: nox.Session) -> None:
    """Wheels and sdists of all four, and what must and must not be in them."""
    folder = Path(session.create_tmp()) / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    session.install("build[uv]" if session.venv_backend == "uv" else "build", "twine", "check-wheel-contents")
    installer = ["--installer=uv"] if session.venv_backend == "uv" else []
    for package in PACKAGES:
        session.run("python", "-m", "build", *installer, "--outdir", str(folder), f"packages/{package}", silent=True)
    files = sorted(map(str, folder.iterdir()))
    session.run("twine", "check", "--strict", *files)
    session.run("check-wheel-contents", *(file for file in files if file.endswith(".whl")))
    session.run("python", "tools/check_dist.py", str(folder))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the README's figures, side by side with peers; takes half an hour."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), "-r", "tools/bench/requirements.txt")
    if os.geteuid() == 0:
        with contextlib.suppress(nox.command.CommandFailed):  # the table says which peer is not there
            debian(session, {"parallel": "parallel", "strace": "strace"})
    session.run("python", "tools/bench/bench.py", *session.posargs)


@nox.session(default=False)
def picture(session: nox.Session) -> None:
    """Make the README's pictures anew from the real program."""
    session.install(*(f"./packages/{package}" for package in PACKAGES), SELENIUM)
    chromium(session)
    session.run("python", "tools/picture.py")
    session.run("python", "tools/report_picture.py")


if __name__ == "__main__":
    sys.exit("Run: nox")
