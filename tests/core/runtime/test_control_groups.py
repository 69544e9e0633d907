"""Limits of control groups, from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from jor.runtime.control_groups import cpu_limits, memory_limits, oom_kills

G = 2**30
V2 = "36 25 0:31 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:28 / /sys/fs/cgroup ro shared:8 - tmpfs tmpfs ro,mode=755\n"
    "33 31 0:30 {top} /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n"
    "34 31 0:31 {top} /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:10 - cgroup cgroup rw,cpu,cpuacct\n"
)
#: The same, mounted elsewhere than usual.
MOVED = V1.format(top="/").replace("/memory", "/mem")
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:11 - cgroup2 cgroup2 rw\n"
#: What a group of version 1 says that has no limit.
UNLIMITED = {"memory.limit_in_bytes": "9223372036854771712", "cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"}


def written(root: Path, cgroup: str, mounts: str, **folders: dict[str, str]) -> str:
    """Write /proc/self and the files of groups, by their folders, below `root`."""
    files = {"proc/self/cgroup": cgroup, "proc/self/mountinfo": mounts}
    files |= {
        f"sys/fs/cgroup/{at}/{name}": f"{text}\n" for at, names in folders.items() for name, text in names.items()
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


def test_limits_of_version_2_count_on_each_level(tmp_path: Path) -> None:
    root = written(
        tmp_path,
        "0::/user.slice/user-1000.slice/session-2.scope\n",
        V2,
        **{
            ".": {"memory.stat": "anon 1"},  # the topmost has no limits, nor files for them
            "user.slice": {"memory.max": "max", "memory.high": "max", "cpu.max": "max 100000"},
            "user.slice/user-1000.slice": {
                "memory.max": str(8 * G),
                "memory.high": str(4 * G),
                "cpu.max": "150000 100000",
            },
            "user.slice/user-1000.slice/session-2.scope": {"memory.max": "max", "cpu.max": "800000 200000"},
        },
    )
    above = "/user.slice/user-1000.slice"
    assert list(memory_limits(root)) == [(8 * G, above), (4 * G, above)]
    assert list(cpu_limits(root)) == [(4.0, f"{above}/session-2.scope"), (1.5, above)]


def test_container_that_sees_its_own_group_as_the_top_is_limited(tmp_path: Path) -> None:
    """A namespace of control groups: the path is /, and so is the top of what is mounted."""
    root = written(
        tmp_path, "0::/\n", V2, **{".": {"memory.max": str(G), "memory.high": "max", "cpu.max": "50000 100000"}}
    )
    assert list(memory_limits(root)) == [(G, "/")]
    assert list(cpu_limits(root)) == [(0.5, "/")]


@pytest.mark.parametrize("path", ["/docker/0a1b", "/../../other", "/elsewhere"])
def test_container_that_sees_its_own_group_alone_is_limited(tmp_path: Path, path: str) -> None:
    """No namespace: the path holds outside, and the group itself is mounted; or the path leads out of what is seen."""
    cgroup = f"4:memory:{path}\n3:cpu,cpuacct:{path}\n1:name=systemd:{path}\n0::{path}\n"
    of_memory, of_cpu = {"memory.limit_in_bytes": str(G)}, {"cpu.cfs_quota_us": "200000", "cpu.cfs_period_us": "100000"}
    mounts = V1.format(top="/docker/0a1b") + UNIFIED
    root = written(tmp_path, cgroup, mounts, **{"memory": of_memory, "cpu,cpuacct": of_cpu})
    assert list(memory_limits(root)) == [(G, "/docker/0a1b")]
    assert list(cpu_limits(root)) == [(2.0, "/docker/0a1b")]


def test_limits_of_version_1_count_on_each_level_beside_version_2(tmp_path: Path) -> None:
    cgroup = "9:memory:/slurm/uid_0/job_5\n8:cpu,cpuacct:/slurm\n0::/init.scope\n"
    root = written(
        tmp_path,
        cgroup,
        V1.format(top="/") + UNIFIED,
        **{
            "memory": UNLIMITED,
            "memory/slurm/uid_0/job_5": {"memory.limit_in_bytes": str(G)},
            "memory/slurm": {"memory.limit_in_bytes": str(3 * G)},
            "cpu,cpuacct/slurm": UNLIMITED,
            "unified/init.scope": {"cgroup.procs": "1"},
        },
    )
    limits = {name: limit for limit, name in memory_limits(root)}
    assert limits == {"/slurm/uid_0/job_5": G, "/slurm": 3 * G, "/": 9223372036854771712}
    assert list(cpu_limits(root)) == []


@pytest.mark.parametrize("cgroup", ["", "0::/x\n", "nonsense\n\n::\n0::/\n"])
@pytest.mark.parametrize("mounts", ["", V2, "1 2 3\nx - y\n - cgroup2\n", V2.replace("/sys", "/no\\040such")])
def test_what_cannot_be_read_limits_nothing(tmp_path: Path, cgroup: str, mounts: str) -> None:
    root = written(tmp_path, cgroup, mounts, x={"memory.max": "lots", "cpu.max": "1"})
    assert list(memory_limits(root)) == list(cpu_limits(root)) == []
    assert list(memory_limits(str(tmp_path / "none"))) == []


@pytest.mark.parametrize(
    ("cgroup", "mounts", "folders", "kills"),
    [
        ("0::/a\n", V2, {"a": {"memory.events": "oom 3\noom_kill 2"}, ".": {"memory.events": "oom_kill 9"}}, 2),
        ("0::/a\n", V2, {"a": {"cgroup.procs": ""}, ".": {"memory.events": "oom_kill 9"}}, None),
        ("4:memory:/docker/x\n0::/\n", V1.format(top="/docker/x"), {"memory": {"memory.oom_control": "oom_kill 1"}}, 1),
        (
            "4:memory:/a\n",
            MOVED,
            {"mem/a": {"memory.oom_control": "oom_kill 4"}},
            4,
        ),
    ],
)
def test_kills_of_the_own_group_are_counted(
    tmp_path: Path, cgroup: str, mounts: str, folders: dict[str, dict[str, str]], kills: int | None
) -> None:
    assert oom_kills(written(tmp_path, cgroup, mounts, **folders)) == kills
