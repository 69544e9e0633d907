"""How many jobs run at once: what jobs ask for, held against what the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jor import ConfigError
from jor.settings.config import Config, Setting
from jor_cli import resources


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "usable_cpus", lambda: resources.Limit(16))
    monkeypatch.setattr(resources, "usable_memory", lambda: resources.Limit(64 * 2**30))


def workers(**options: object) -> int:
    """Return how many run at once with these options in the file."""
    return resources.local_workers(
        Config(file={name.replace("_", "-"): Setting(value, "file") for name, value in options.items()})
    )


def test_as_many_run_as_cpus_allow(machine: None) -> None:
    assert workers(mem="1G") == 16
    assert workers(mem="1G", cpus_per_task=4) == 4
    assert workers(mem="1G", cpus_per_task=5) == 3


def test_no_more_run_than_fit_into_memory(machine: None) -> None:
    assert workers(mem="5G") == 12
    assert workers(mem="20G", cpus_per_task=2) == 3


def test_one_runs_at_least(machine: None) -> None:
    assert workers(mem="500G") == 1
    assert workers(cpus_per_task=64) == 1


def test_memory_of_nought_is_no_limit(machine: None) -> None:
    assert workers(mem="0") == 16


def test_option_workers_wins(machine: None) -> None:
    assert workers(mem="500G", cpus_per_task=64, workers=7) == 7


@pytest.mark.parametrize("name", ["mem", "time"])
def test_value_that_slurm_would_not_take_is_refused_with_its_source(machine: None, name: str) -> None:
    with pytest.raises(ConfigError, match="lots") as caught:
        workers(**{name: "lots"})
    assert caught.value.where == "file"


@pytest.mark.parametrize(
    ("variables", "cpus", "memory"),
    [
        ({}, [], []),
        ({"SLURM_CPUS_ON_NODE": "1", "SLURM_MEM_PER_NODE": "150"}, [1], [150]),
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_CPU": "100"}, [4], [400]),
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_GPU": "1000", "SLURM_GPUS_ON_NODE": "2"}, [4], [2000]),
        ({"SLURM_CPUS_ON_NODE": "4", "SLURM_MEM_PER_NODE": "0"}, [4], []),
        ({"SLURM_CPUS_ON_NODE": "4(x2)", "SLURM_MEM_PER_NODE": "lots"}, [], []),
    ],
)
def test_slurm_allocation_is_what_its_variables_say(
    variables: dict[str, str], cpus: list[int], memory: list[int]
) -> None:
    inside = {**variables, "SLURMD_NODENAME": "node1"}
    assert [limit.amount for limit in resources.allocated_cpus(inside)] == cpus
    assert [limit.amount for limit in resources.allocated_memory(inside)] == [amount * 2**20 for amount in memory]
    assert list(resources.allocated_cpus(variables)) == []  # a shell of salloc on another host


@pytest.mark.skipif(not os.access("/sys/fs/cgroup/memory/cgroup.procs", os.W_OK), reason="needs root, and version 1")
def test_real_group_of_version_1_limits_the_workers(tmp_path: Path) -> None:
    group = Path("/sys/fs/cgroup/memory", f"jor-test-{os.getpid()}")
    below = group / "below"
    below.mkdir(parents=True)
    try:
        (group / "memory.limit_in_bytes").write_text("300M")
        program = "from jor_cli.resources import usable_memory as m; print(m().amount, m().by)"
        enter = f"echo $$ > {below}/cgroup.procs; exec {sys.executable} -c '{program}'"
        done = subprocess.run(["sh", "-c", enter], capture_output=True, text=True, check=True)
        assert done.stdout == f"{300 * 2**20} the control group /{group.name}\n"
    finally:
        below.rmdir()
        group.rmdir()
