"""Jobs in a real container on this machine, and what is said when it is not as it should be."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from .conftest import MODULE, PICKY, ROOT


def configure(project, section: str = "submit", **options: object) -> None:
    with open(project.folder / "jor.cfg", "a") as file:
        lines = [f"{name.replace('_', '-')} = {value}" for name, value in options.items()]
        file.write("\n".join([f"[{section}]", *lines]) + "\n")


def submissions(project) -> list[dict]:
    paths = sorted(project.folder.glob("out/.jor/*/runs/*/submission.json"))
    return [json.loads(path.read_text())["surroundings"] for path in paths]


@pytest.mark.parametrize(("image", "version"), [("bookworm.sif", "3.11"), ("bookworm", "3.11"), ("bullseye", "3.9")])
def test_jobs_run_in_the_image_which_has_no_jor(inside, images, image, version):
    inside("run", "--sif", str(images / image))
    assert [told["job"] for told in inside.told] == [0, 1, 2, 3]
    for told in inside.told:
        assert told["image"] == str(images / image)
        assert told["version"] == version
        assert told["bundled"]
        assert told["directory"] == str(inside.folder)
    assert f"runs in None {images / image}" in inside("logs", "jobs_out", "2")
    assert "4 jobs done" in inside("run", "--sif", str(images / image))


@pytest.mark.parametrize("isolation", ["fork", "spawn", "none"])
def test_each_isolation_works_there(inside, images, isolation):
    inside("run", "--sif", str(images / "bullseye"), "--isolation", isolation)
    assert len(inside.told) == 4


def test_job_by_itself_runs_there(inside, images):
    said = inside("exec", "jobs_out.py", "3", "--sif", str(images / "bullseye"))
    assert f"runs in None {images}/bullseye" in said
    assert [told["job"] for told in inside.told] == [3]


def test_check_tries_a_job_there_and_leaves_nothing(inside, images):
    said = " ".join(inside("check", "--try", "--sif", str(images / "bullseye")).split())
    assert f"the image {images}/bullseye: python3" in said
    assert "job 0 (n=0) made its output" in said
    assert not (inside.folder / "out").exists()
    said = inside("check", "--try", "--sif", str(images / "nothing"), code=1)
    assert "Install Python 3 in it" in said


def test_environment_is_clean_but_for_what_is_named(inside, images):
    configure(inside, sif=images / "bullseye")
    configure(inside, "container", env="MINE OTHER_* SET='to this'")
    text = """it's "$HOME" `id`\n\\n"""
    inside("run", MINE=text, OTHER_1="o,1", SECRET="s", OMP_NUM_THREADS="1", CUDA_VISIBLE_DEVICES="0", PYTHONPATH="/x")
    found = inside.told[0]["environment"]
    wanted = {
        "MINE": text, "OTHER_1": "o,1", "SET": "to this", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "0",
        "PYTHONNOUSERSITE": "1",
    }  # fmt: skip
    assert {name: found.get(name) for name in wanted} == wanted
    assert not {"SECRET", "PYTHONPATH"} & set(found)


def test_what_apptainer_itself_was_told_holds(inside, images):
    inside(
        "run", "--sif", str(images / "bullseye"), APPTAINERENV_OF_THE_SITE="1", APPTAINER_BIND="/etc/hostname:/of-site"
    )
    found = inside.told[0]["environment"]
    assert found["OF_THE_SITE"] == "1"
    assert "/of-site" in found["APPTAINER_BIND"].split(",")


def test_packages_of_the_home_folder_do_not_leak_in(inside, images, tmp_path):
    packages = tmp_path / "home/.local/lib/python3.9/site-packages"
    packages.mkdir(parents=True)
    (packages / "leaked.py").write_text("")
    (inside.folder / "jobs_out.py").write_text(
        MODULE.replace(
            "import os, sys\n",
            "import os, sys\ntry:\n    import leaked\n    leaks = True\nexcept ImportError:\n    leaks = False\n",
        ).replace('"job": i,', '"job": i, "leaks": leaks,')
    )
    inside("run", "--sif", str(images / "bullseye"), HOME=str(tmp_path / "home"))
    assert not any(told["leaks"] for told in inside.told)


def test_folders_that_are_links_or_far_from_home_are_seen(inside, images, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    for name in ('out\\puts,of:"me"', "code"):
        (far / name).mkdir()
    (inside.folder / "jobs_out.py").rename(far / "code/jobs_out.py")
    (far / "code/helper.py").write_text("answer = 42\n")
    module = far / "code/jobs_out.py"
    module.write_text(module.read_text().replace("import jor\n", "import jor\nimport helper\n"))
    (inside.folder / "mine").symlink_to(far / "code")
    (inside.folder / "out").symlink_to(far / 'out\\puts,of:"me"')
    (inside.folder / "todo.yaml").write_text("jobs:\n  - jobmodule: mine/jobs_out\n")
    no_home = "--no-mount home,tmp,cwd"
    inside("run", "--sif", str(images / "bullseye"), "--container-options", no_home)
    assert len(inside.told) == 4
    assert len(list((far / 'out\\puts,of:"me"').glob("n*.txt"))) == 4


def test_whole_project_may_be_reached_through_a_link(inside, images, tmp_path_factory):
    link = tmp_path_factory.mktemp("links") / "project"
    link.symlink_to(inside.folder)
    inside.folder = link
    inside("run", "--sif", str(images / "bullseye"), "--container-options", "--no-mount home,tmp,cwd", PWD=str(link))
    assert len(inside.told) == 4


def test_more_is_bound_if_wanted(inside, images, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    (data / "number").write_text("42")
    module = inside.folder / "jobs_out.py"
    module.write_text(MODULE.replace('"job": i,', '"job": i, "number": open("/data/number").read(),'))
    inside("run", "--sif", str(images / "bullseye"), "--bind", f"{data}:/data:ro /etc/hostname")
    assert {told["number"] for told in inside.told} == {"42"}


def test_bind_may_be_a_path_from_the_working_directory_or_the_home_folder(inside, images, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    for folder in (home / "a,b", inside.folder / "c\\d"):
        folder.mkdir()
        (folder / "word").write_text(folder.name)
    module = inside.folder / "jobs_out.py"
    module.write_text(MODULE.replace('"job": i,', '"job": i, "words": [open(f"/{x}/word").read() for x in "xy"],'))
    inside("run", "--sif", str(images / "bullseye"), "--bind", r"'~/a\,b:/x:ro,c\d:/y'", HOME=str(home))
    assert inside.told[0]["words"] == ["a,b", "c\\d"]


def test_option_that_would_fail_where_workers_start_is_told_before_anything_is_written(inside, images):
    (inside.folder / "my.env").write_text("A=1\n")
    said = inside("run", "--sif", str(images / "bullseye"), "--container-options", "--env-file my.env", code=2)
    assert "open my.env: no such file" in said
    assert not (inside.folder / "out").exists()
    inside("run", "--sif", str(images / "bullseye"), "--container-options", f"--env-file {inside.folder}/my.env")


def test_folder_of_the_user_is_not_taken_for_a_module_of_the_image(inside, images):
    (inside.folder / "jor").mkdir()
    said = inside("run", "--sif", str(images / "bullseye"), "--runtime", "installed", code=2)
    assert "has no jor-core" in said


def test_gpus_are_asked_for_where_a_job_asks(inside, images):
    def command(*options: str) -> str:
        return inside("run", "--dry-run", "--sif", str(images / "bullseye"), *options)

    assert "--nv" not in command()
    assert " --nv " in command("--gpus", "1")
    assert " --nv " in command("--gres", "gpu:a100:2")
    assert " --nv " in command("--nv")
    assert "--nv" not in command("--gpus", "1", "--no-nv")
    assert " --rocm " in command("--gpus", "1", "--rocm")
    assert "--nv" not in command("--gpus", "1", "--rocm")


@pytest.fixture
def starts(inside, images, tmp_path_factory):
    """Give a function that tells how many containers have been started since it was last asked."""
    counter = tmp_path_factory.mktemp("programs") / "apptainer"
    noted = counter.with_name("starts")
    counter.write_text(f'#!/bin/sh\necho "$1" >> {noted}\nexec {images}/apptainer/bin/apptainer "$@"\n')
    counter.chmod(0o755)
    inside.environment["PATH"] = f"{counter.parent}:{inside.environment['PATH']}"

    def count() -> int:
        found = noted.read_text().split().count("exec") if noted.exists() else 0
        noted.unlink(missing_ok=True)
        return found

    return count


def test_one_container_is_started_for_a_worker_not_for_a_job(inside, images, starts):
    inside("run", "--sif", str(images / "bullseye"), "--workers", "1")
    assert starts() == 2  # one look whether all is well, one worker
    configure(inside, sif=images / "bullseye")
    inside("status")
    inside("run")
    assert starts() == 0


def test_image_is_looked_into_once_for_all_entries_of_a_sweep(inside, picky, starts):
    head = """    def __init__(self, k, path_prefix="."):
        super().__init__(os.path.join(path_prefix, f"k{k}"))

    def _mk_jobs"""
    (inside.folder / "jobs_out.py").write_text(PICKY.replace("    def _mk_jobs", head))
    (inside.folder / "todo.yaml").write_text("jobs:\n  - jobmodule: jobs_out\n    sweep: {k: [1, 2, 3]}\n")
    configure(inside, sif=picky)
    inside("run", "--dry-run")
    assert starts() == 3 + 2  # a list for each; a look before the lists, and one before the jobs
    inside("status")
    assert starts() == 3 + 1


def test_runtime_of_the_image_is_used_if_wanted(inside, images, core, tmp_path):
    image = tmp_path / "with-core"
    subprocess.run(["cp", "-al", str(images / "bookworm"), str(image)], check=True)
    packages = image / "usr/lib/python3/dist-packages"
    packages = image / "usr/lib/python3/dist-packages"
    zipfile.ZipFile(core).extractall(packages)  # all there is to installing it, but for what jobs do not need
    assert sorted(path.name for path in packages.glob("jor*")) == [
        "jor",
        f"{Path(core).name.split('-py3')[0]}.dist-info",
    ]
    inside("run", "--sif", str(image), "--runtime", "installed")
    assert [told["bundled"] for told in inside.told] == [False] * 4


def test_stop_reaches_the_jobs(inside, images):
    module = inside.folder / "jobs_out.py"
    wait = "import time\n        print('waiting', flush=True)\n        time.sleep(60)\n"
    module.write_text(MODULE.replace('        print("runs in"', f'        {wait}        print("runs in"'))
    process = subprocess.Popen(
        [sys.executable, "-m", "jor_cli", "run", "--sif", str(images / "bullseye")],
        cwd=inside.folder,
        env=inside.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any("waiting" in log.read_text() for log in inside.folder.glob("out/.jor/*/runs/*/*.log")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert "interrupted" in said
    assert "interrupted" in inside("status")


def test_worker_that_is_killed_leaves_nothing_running(inside, images):
    module = inside.folder / "jobs_out.py"
    wait = "import time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)\n"
    module.write_text(MODULE.replace('        print("runs in"', f'        {wait}        print("runs in"'))
    process = subprocess.Popen(
        [sys.executable, "-m", "jor_cli", "run", "--sif", str(images / "bullseye"), "--workers", "1"],
        cwd=inside.folder,
        env=inside.environment,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    pid = inside.folder / "pid"
    while not (pid.exists() and pid.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.wait()
    while os.path.exists(f"/proc/{pid.read_text()}"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert inside.told == []


def test_image_is_recorded_and_its_change_is_told(inside, images, tmp_path):
    image = tmp_path / "my.sif"
    shutil.copy(images / "bookworm.sif", image)
    configure(inside, sif=image)
    inside("run")
    (found,) = submissions(inside)
    assert found["image"] == str(image)
    assert found["size"] == image.stat().st_size
    digest = subprocess.run(["sha256sum", str(image)], capture_output=True, text=True, check=True).stdout.split()[0]
    assert found["sha256"] == digest
    assert "org.label-schema.build-arch" in found["labels"]
    os.utime(image)
    assert "replaced" not in inside("status")  # the same content
    with open(image, "ab") as file:
        file.write(b"more")
    assert f"the image {image} has been replaced since" in inside("status")
    (inside.folder / "jor.cfg").write_text(f"[submit]\nsif = {images / 'bullseye'}\n")
    assert f"its newest jobs ran in {image}, and now would run in {images / 'bullseye'}" in inside("status")
    (inside.folder / "jor.cfg").write_text(f"[submit]\nsif = {tmp_path}/gone.sif\n")
    assert f"the image {tmp_path}/gone.sif cannot be read" in inside("status")


def test_jobs_that_would_run_elsewhere_than_those_before_are_told(inside, images, make_environment):
    prefix = make_environment("/usr/bin/python3") / "envs/testbed"
    image = images / "bullseye"

    def status(*settings: str) -> str:
        (inside.folder / "jor.cfg").write_text("\n".join(["[submit]", *settings]))
        return inside("status")

    inside("run", "--sif", str(image), "--condaenv", str(prefix))
    (inside.folder / "out/n3.txt").unlink()
    assert "would run" not in status(f"sif = {image}", f"condaenv = {prefix}")
    assert "would run" not in status(f"sif = {image}", "condaenv = testbed")  # what it is there is not asked
    assert f"ran in {prefix}, and now would run in none" in status(f"sif = {image}")
    assert f"ran in {prefix}, and now would run in other" in status(f"sif = {image}", "condaenv = other")
    said = status(f"condaenv = {prefix}")
    assert f"ran in {image}, and now would run in none" in said
    assert str(prefix) not in said
    said = status()
    assert f"ran in {image}, and now would run in none" in said
    assert f"ran in {prefix}, and now would run in none" in said
    (inside.folder / "jor.cfg").unlink()
    inside("run")
    assert "would run" not in status()
    assert f"ran in none, and now would run in {image}" in status(f"sif = {image}")


def test_image_that_is_the_same_by_size_and_time_is_not_read_again(inside, images, tmp_path):
    image = tmp_path / "my.sif"
    shutil.copy(images / "bookworm.sif", image)
    configure(inside, sif=image)
    inside("run")
    shutil.rmtree(inside.folder / "cache")
    assert "replaced" not in inside("status")
    assert not (inside.folder / "cache").exists()


def test_image_that_has_to_be_fetched_is_told_what_that_costs(inside):
    said = inside("run", "--sif", "docker://localhost:9/none", code=2)
    assert "apptainer pull image.sif docker://localhost:9/none" in said
    assert "nothing runs in it: FATAL" in said


def test_program_that_is_missing_is_told(project, images):
    said = project("run", "--sif", str(images / "bullseye"), code=2, PATH="/usr/sbin")
    assert "there is no program apptainer or singularity on this machine" in said
    said = project("run", "--sif", str(images / "bullseye"), "--container-program", "podman", code=2)
    assert "container-program = podman: there is no program podman" in said


@pytest.mark.parametrize(
    ("image", "what", "remedy"),
    [
        ("gone.sif", "cannot be read: No such file", "Name a SIF file"),
        ("jobs_out.py", "is no image of Singularity or Apptainer", "apptainer build"),
        ("empty.sif", "is no image", "it is empty"),
        ("folder", "is no image", "sandbox folder"),
        ("images/nothing", "there is no python3 or python in it", "Install Python 3 in it"),
        ("images/ancient", "its Python is 2.7.18", "Python 3.8 or newer"),
        ("half.sif", "nothing runs in it: FATAL", ""),
    ],
)
def test_image_that_would_not_do_is_told_before_anything_is_written(inside, images, image, what, remedy):
    (inside.folder / "images").symlink_to(images)
    (inside.folder / "empty.sif").touch()
    (inside.folder / "folder").mkdir()
    (inside.folder / "half.sif").write_bytes((images / "bookworm.sif").read_bytes()[:100_000])
    said = inside("run", "--sif", image, code=2)
    assert f"command line: sif = {image}: " in re.sub(r"\s+", " ", said)
    assert what in said
    assert remedy in said
    assert not (inside.folder / "out").exists()


def test_bind_that_does_not_exist_is_told(inside, images):
    said = inside("run", "--sif", str(images / "bullseye"), "--bind", "/tmp /no/where:/data", code=2)
    assert "bind = /no/where:/data: there is no /no/where" in said


def test_output_folder_that_is_not_writable_inside_is_told(inside, images):
    configure(inside, sif=images / "bullseye")
    folder = str(inside.folder)
    said = inside("run", "--bind", f"{folder}:{folder}:ro", code=2)
    assert f"the output folder cannot be written to: {folder}" in said
    assert "bind" in said


def test_job_module_that_is_not_visible_is_told(inside, images, tmp_path_factory):
    other = tmp_path_factory.mktemp("empty")
    said = inside("run", "--sif", str(images / "bullseye"), "--bind", f"{other}:{inside.folder}", code=2)
    assert "jobs_out.py is not visible in it" in said


@pytest.mark.parametrize(("option", "value"), [("env", "A-B"), ("env", "'"), ("bind", "'"), ("container-options", "'")])
def test_option_that_cannot_be_read_is_told(inside, images, option, value):
    said = inside("run", "--sif", str(images / "bullseye"), f"--{option}", value, code=2)
    assert f"{option} = " in said


def test_image_that_is_replaced_while_workers_start_is_told(inside, images, tmp_path):
    image = tmp_path / "my.sif"
    shutil.copy(images / "bookworm.sif", image)
    # A program that replaces the image when it is first looked into: as early as can be.
    program = tmp_path / "apptainer"
    program.write_text(
        f"#!/bin/sh\ncase $1 in inspect) touch -d yesterday {image};; esac\n"
        f'exec {images}/apptainer/bin/apptainer "$@"\n'
    )
    program.chmod(0o755)
    said = inside("run", "--sif", str(image), "--container-program", str(program), code=2)
    assert "has been replaced" in said
    assert "\n  Put the old one back, or submit again to use the new one\n" in said
    assert inside.told == []


def test_example_of_the_readme_runs(images, tmp_path):
    text = (ROOT / "packages/jor-containers/README.md").read_text()
    code = next(code for code in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL) if "tools.sif" in code)
    (tmp_path / "tools.sif").symlink_to(images / "bookworm.sif")
    (tmp_path / "simulate.py").write_text(
        "import os, sys; print(os.environ['MODE'], os.environ['TOKEN'], sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PATH": f"{images}/apptainer/bin:/usr/bin:/bin", "TOKEN": "a b", "HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "fast a b ['--seed', '3']\n", done.stderr


def test_environment_inside_the_container(inside, images, make_environment, tmp_path):
    image = tmp_path / "with-environment"
    subprocess.run(["cp", "-al", str(images / "bookworm"), str(image)], check=True)
    root = make_environment("/usr/bin/python3", files={"etc/conda/activate.d/mine.sh": "export OF_IT=yes\n"})
    shutil.copytree(root / "envs/testbed", image / "opt/conda/envs/mine")
    inside("run", "--sif", str(image), "--condaenv", "mine")
    for told in inside.told:
        assert (told["prefix"], told["image"]) == ("/opt/conda/envs/mine", str(image))
        assert told["environment"]["OF_IT"] == "yes"
    (found,) = submissions(inside)
    assert (found["image"], found["condaenv"], found["packages"]) == (str(image), "/opt/conda/envs/mine", [])


def test_environment_that_is_active_in_the_image_is_left_and_two_of_a_name_are_refused(
    inside, images, make_environment, tmp_path
):
    image = tmp_path / "with-environments"
    subprocess.run(["cp", "-al", str(images / "bookworm"), str(image)], check=True)
    root = make_environment("/usr/bin/python3", files={"etc/conda/deactivate.d/mine.sh": "unset OF_IT\n"})
    for prefix in ("opt/conda/envs/mine", "opt/conda/envs/active", "opt/miniconda3/envs/mine"):
        shutil.copytree(root / "envs/testbed", image / prefix)
    (image / ".singularity.d/env").mkdir(parents=True, exist_ok=True)
    variables = image / ".singularity.d/env/91-active.sh"
    variables.write_text("export CONDA_PREFIX=/opt/conda/envs/active CONDA_SHLVL=1 OF_IT=yes\n")
    said = inside("run", "--sif", str(image), "--condaenv", "mine", code=2)
    assert "/opt/conda/envs/mine, /opt/miniconda3/envs/mine" in " ".join(said.split())
    assert not (inside.folder / "out").exists()
    with variables.open("a") as file:
        file.write("export CONDA_EXE=/opt/conda/bin/conda\n")
    inside("run", "--sif", str(image), "--condaenv", "mine")
    assert {told["prefix"] for told in inside.told} == {"/opt/conda/envs/mine"}
    assert not any("OF_IT" in told["environment"] for told in inside.told)


def test_environment_of_this_machine_in_the_container(inside, images, make_environment):
    root = make_environment("/usr/bin/python3")
    no_home = ["--container-options", "--no-mount home,tmp,cwd"]
    inside("run", "--sif", str(images / "bullseye"), "--condaenv", "testbed", *no_home, MAMBA_ROOT_PREFIX=str(root))
    assert {(told["prefix"], told["version"]) for told in inside.told} == {(f"{root}/envs/testbed", "3.9")}
    (found,) = submissions(inside)
    assert len(found["packages"]) == 2
    said = inside("run", "--overwrite-output", "--sif", str(images / "bullseye"), "--condaenv", "testbet", code=2)
    assert "there is no conda environment 'testbet'" in said


def test_environment_of_this_machine_is_none_of_the_image_though_it_is_seen_there(inside, images, make_environment):
    root = make_environment("/usr/bin/python3")
    (inside.folder / "envs").symlink_to(root / "envs")
    prefixes = {"./envs/testbed": f"{inside.folder}/envs/testbed", f"{root}/envs/testbed": f"{root}/envs/testbed"}
    for given, prefix in prefixes.items():
        inside("run", "--overwrite-output", "--sif", str(images / "bullseye"), "--condaenv", given)
        assert {told["prefix"] for told in inside.told} == {prefix}
        assert submissions(inside)[-1]["condaenv"] == prefix
        assert len(submissions(inside)[-1]["packages"]) == 2


@pytest.fixture
def picky(inside, images, tmp_path_factory) -> Path:
    """Make a project that can be loaded only in an image, and return that image."""
    image = tmp_path_factory.mktemp("image") / "picky"
    subprocess.run(["cp", "-al", str(images / "bullseye"), str(image)], check=True)
    (image / "usr/lib/python3/dist-packages/onlythere.py").write_text("value = 42\n")
    (inside.folder / "jobs_out.py").write_text(PICKY)
    return image


def test_job_module_that_loads_only_in_the_image_is_listed_and_collected_there(inside, picky):
    assert "Install onlythere in" in inside("run", code=2)
    configure(inside, sif=picky)
    said = inside("run", "--dry-run")
    assert "3 of 3 jobs would run" in said
    assert "123M" in said
    inside("run")
    assert "3 jobs done" in inside("run")
    assert json.loads(inside("status", "--json"))["counts"]["done"] == 3
    assert "n=1 pair=[1, 1.5]" in inside("logs", "jobs_out", "1")
    said = inside("collect")
    assert "collecting 3" in said
    assert "collected 3 outputs" in said
    assert "collected.json tells which" in said
    assert (inside.folder / "all.txt").read_text() == "42 42 42"
    (inside.folder / "jor.cfg").unlink()
    assert "collecting 3" in inside("collect", "--sif", str(picky))


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        (("value", "valeu"), "No module named 'onlythere'"),
        (("for n in range(3)]", "for n in range(3)] + 1"), "the constructor of Jobs raised TypeError"),
        (("def execute", "def execvte"), "class Jobs has no method execute"),
    ],
)
def test_mistake_that_shows_only_in_the_image_is_told(inside, picky, wrong, what):
    (inside.folder / "jobs_out.py").write_text(PICKY.replace(*wrong))
    if "onlythere" in what:
        (picky / "usr/lib/python3/dist-packages/onlythere.py").unlink()
    said = inside("run", "--sif", str(picky), code=2)
    assert what in said
    assert "jobs_out.py" in said


def test_collect_that_fails_in_the_image_is_told(inside, picky):
    (inside.folder / "jobs_out.py").write_text(PICKY.replace("print(", "raise OSError("))
    configure(inside, sif=picky)
    inside("run")
    said = inside("collect", code=1)
    assert "OSError: [Errno collecting] 3" in said
    assert "collect ended with exit status 1 where jobs run; see above" in said
