"""A real Slurm of two nodes on this one machine, for tests.

`cluster.py install`, `start FOLDER`, `stop FOLDER`, `run FOLDER -- COMMAND`; or

    with Cluster(folder, accounting=True) as cluster:
        subprocess.run(["sbatch", ...], env={**os.environ, **cluster.environment})

Everything lies in one folder, all ports are free ones, so several clusters can run side by side. It needs root.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PACKAGES = ("slurm-wlm", "munge", "slurmdbd", "mariadb-server")
PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "slurmdbd", "mariadbd")
NODES = ("n1", "n2")
INSTALL = "python tools/testbed/cluster.py install"

SLURM_CONF = """\
ClusterName=testbed
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld}
FirstJobId={first_job}
SlurmUser=root
SlurmdUser=root
SlurmdParameters=config_overrides
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,sched_interval=2,bf_interval=2,max_array_tasks=900
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
ReturnToService=2
MaxArraySize=1001
MaxJobCount=20000
MinJobAge=300
KillWait=5
SlurmdTimeout=20
MessageTimeout=10
SwitchType=switch/none
MpiDefault=none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=4 RealMemory=40000 Gres=gpu:2 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=4 RealMemory=40000 Gres=gpu:2 State=UNKNOWN
PartitionName=day Nodes=ALL Default=YES MaxTime=1-00:00:00 State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=killme Nodes=ALL MaxTime=1-00:00:00 State=UP PriorityTier=1 PreemptMode=CANCEL
PartitionName=high Nodes=ALL MaxTime=7-00:00:00 State=UP PriorityTier=10 PreemptMode=OFF
"""

SLURMDBD_CONF = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
DbdHost=localhost
DbdPort={dbd}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
"""


class TestbedError(Exception):
    """The cluster cannot be had: what happened, and what to do."""

    __test__ = False  # no class of tests


class Cluster:
    """A cluster in `folder`; `settings` are lines of slurm.conf to set otherwise."""

    def __init__(
        self,
        folder: Path,
        *,
        accounting: bool = False,
        cgroups: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.accounting = accounting
        self.cgroups = cgroups
        self._settings = dict(settings or {})
        self._database: subprocess.Popen[bytes] | None = None
        #: What a process needs in its environment to find this cluster.
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def __enter__(self) -> Cluster:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, and wait until both nodes are idle."""
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing or os.geteuid() != 0:
            raise TestbedError(f"missing here: {', '.join(missing) or 'root'}. Remedy: as root, {INSTALL}")
        for name in ("munge", "state", "spool", "run", "log", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._configure()
        try:
            self.start_munge()
            if self.accounting:
                self._start_database()
                self.start_accounting()
            self.start_controller(clean=True)
            if self.accounting:
                self._add_user()
                # One that was killed before it has once saved what users have used does not start again (26.05).
                self._kill("slurmctld", signal.SIGTERM)
                self.start_controller()
            for node in NODES:
                self.start_node(node)
            self.wait_for_nodes()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, and what jobs have left behind."""
        for name in ("slurmctld", *(f"slurmd.{node}" for node in NODES), "slurmdbd"):
            self._kill(name, signal.SIGTERM)
        self.end_orphans()
        for name in ("mariadb", "munged"):
            self._kill(name, signal.SIGTERM)
        if self._database is not None:
            self._database.wait()

    # Each part by itself

    def start_munge(self) -> None:
        """Start munged with a key and a socket of its own."""
        folder = self.folder / "munge"
        folder.chmod(0o700)
        if not (folder / "key").exists():
            (folder / "key").write_bytes(os.urandom(1024))
            (folder / "key").chmod(0o400)
        paths = {"key-file": "key", "socket": "socket", "seed-file": "seed", "log-file": "log"}
        options = [f"--{option}={folder / name}" for option, name in paths.items()]
        self._run("munged", "--force", *options, f"--pid-file={self.folder}/run/munged.pid")
        self._wait(lambda: (folder / "socket").exists(), "munged")

    def kill_munge(self) -> None:
        """Kill munged."""
        self._kill("munged", signal.SIGKILL)
        (self.folder / "munge" / "socket").unlink(missing_ok=True)

    def start_controller(self, *, clean: bool = False) -> None:
        """Start slurmctld; `clean` forgets all jobs."""
        self._run("slurmctld", *(["-c"] if clean else []))
        self._wait(lambda: self._try("scontrol", "ping").returncode == 0, "slurmctld")

    def kill_controller(self) -> None:
        """Kill slurmctld: what it has not saved yet (up to 5 s) is lost."""
        self._kill("slurmctld", signal.SIGKILL)

    @staticmethod
    def lives(pid: int) -> bool:
        """Whether a process runs."""
        return _alive(pid)

    @property
    def controller_pid(self) -> int:
        """The process id of slurmctld; 0 when it does not run."""
        return self._pid("slurmctld") or 0

    def freeze_controller(self) -> None:
        """Stop slurmctld: it takes connections, and answers nothing."""
        os.kill(self.controller_pid, signal.SIGSTOP)

    def thaw_controller(self) -> None:
        """Let a frozen slurmctld go on."""
        os.kill(self.controller_pid, signal.SIGCONT)

    def start_node(self, node: str, *, read_only: Path | None = None, unseen: Path | None = None) -> None:
        """Start the slurmd of a node; its jobs cannot write to the folder `read_only`, and see nothing in `unseen`."""
        command = ["slurmd", "-N", node]
        mounts = (
            (read_only, 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'),
            (unseen, 'mount -t tmpfs none "$0"'),
        )
        for folder, mount in mounts:
            if folder is not None:
                command = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', str(folder), *command]
        self._run(*command)

    def kill_node(self, node: str) -> None:
        """Kill the slurmd of a node; its jobs live on, as they do when a node is lost from the network."""
        self._kill(f"slurmd.{node}", signal.SIGKILL)

    def start_accounting(self) -> None:
        """Start slurmdbd."""
        self._run("slurmdbd")
        self._wait(lambda: self._try("sacctmgr", "-n", "show", "cluster").returncode == 0, "slurmdbd")

    def kill_accounting(self) -> None:
        """Kill slurmdbd."""
        self._kill("slurmdbd", signal.SIGKILL)

    def empty_queue(self) -> None:
        """Cancel all jobs, also those that a killed controller has not kept in mind to be cancelled."""
        jobs = set(self._try("squeue", "-h", "-a", "-o", "%F").stdout.split())
        if jobs:
            self._try("scancel", *sorted(jobs))

    def end_orphans(self) -> None:
        """Kill all that jobs of this cluster run, known to it or not: all whose environment names its slurm.conf."""
        mine = f"SLURM_CONF={self.folder}/slurm.conf".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                variables = (process / "environ").read_bytes().split(b"\0")
                if mine in variables and any(variable.startswith(b"SLURM_JOB_ID=") for variable in variables):
                    os.kill(int(process.name), signal.SIGKILL)

    def resume_nodes(self) -> None:
        """Let nodes take jobs again that Slurm has drained, as it does where it gives a running job's id again."""
        for node in NODES:
            self._try("scontrol", "update", f"NodeName={node}", "State=RESUME")  # refused where there is nothing to do

    def wait_for_nodes(self) -> None:
        """Wait until all nodes take jobs."""

        def idle() -> bool:
            states = self._try("sinfo", "-h", "-N", "-o", "%N %T").stdout.split("\n")
            return all(f"{node} {state}" in states for node in NODES for state in ["idle"])

        try:
            self._wait(idle, "slurmd")
        except TestbedError as error:
            raise TestbedError(f"{error}\n{self.state()}") from error

    def state(self) -> str:
        """Return what Slurm shows of its nodes, of why one of them takes no jobs, and of its jobs."""
        looks = (("sinfo", "-N", "-l"), ("sinfo", "-R"), ("squeue", "-t", "all", "-o", "%i %T %r %N %j"))
        return "\n".join(self._try(*look).stdout[-3000:] for look in looks)

    # How

    def _configure(self) -> None:
        ports = dict(zip(("ctld", "dbd", "sql", "n1", "n2"), _free_ports(5), strict=True))
        values = {"folder": self.folder, "host": socket.gethostname().partition(".")[0], **ports}
        # Clusters side by side share the kernel's control groups, which are named by the ids of jobs.
        values["first_job"] = ports["ctld"] * 1000
        self._sql_port = ports["sql"]
        settings = dict(self._settings)
        major = _slurm_version()
        if self.cgroups:
            settings |= {"ProctrackType": "proctrack/cgroup", "TaskPlugin": "task/cgroup"}
            version = "v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "v1"
            cgroup = f"CgroupPlugin=cgroup/{version}\nConstrainRAMSpace=yes\n"
        else:
            settings |= {"ProctrackType": "proctrack/linuxproc", "TaskPlugin": "task/none"}
            settings |= {"JobAcctGatherParams": "OverMemoryKill"}
            cgroup = "CgroupPlugin=disabled\n" if major >= (24, 11) else ""
        if self.accounting:
            settings |= {
                "AccountingStorageType": "accounting_storage/slurmdbd",
                "AccountingStorageHost": "127.0.0.1",
                "AccountingStoragePort": str(ports["dbd"]),
                "AccountingStoragePass": f"{self.folder}/munge/socket",
                "AccountingStorageEnforce": "associations,limits,qos",
            }
        lines = SLURM_CONF.format(**values).splitlines()
        lines = [line for line in lines if line.partition("=")[0] not in settings]
        lines = [f"{name}={value}" for name, value in settings.items()] + lines
        (self.folder / "slurm.conf").write_text("\n".join(lines) + "\n")
        for number in range(2):  # a GPU has to have a file; nobody opens it
            (self.folder / f"gpu{number}").touch()
        (self.folder / "gres.conf").write_text(f"Name=gpu File={self.folder}/gpu[0-1]\n")
        (self.folder / "cgroup.conf").write_text(cgroup)
        (self.folder / "slurmdbd.conf").write_text(SLURMDBD_CONF.format(**values))
        (self.folder / "slurmdbd.conf").chmod(0o600)

    def _start_database(self) -> None:
        data = self.folder / "mariadb"
        sockets = [f"--socket={self.folder}/run/mariadb.sock"]
        # Each server deletes what other servers have in the same folder for temporary files.
        temporary = f"--tmpdir={self.folder}/tmp"
        if not data.exists():
            self._run(
                "mariadb-install-db", "--no-defaults", "--user=root", "--auth-root-authentication-method=normal",
                "--skip-test-db", f"--datadir={data}", temporary,
            )  # fmt: skip
        with open(self.folder / "log" / "mariadb.log", "ab") as log:
            self._database = subprocess.Popen(
                [
                    "mariadbd", "--no-defaults", "--user=root", f"--datadir={data}", f"--port={self._sql_port}",
                    "--bind-address=127.0.0.1", f"--pid-file={self.folder}/run/mariadb.pid", *sockets,
                    temporary, "--innodb-buffer-pool-size=64M", "--innodb-lock-wait-timeout=900",
                ],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        client = ["mariadb", "--no-defaults", "-uroot", *sockets, "-e"]
        self._wait(lambda: self._try(*client, "select 1").returncode == 0, "mariadb")
        self._run(
            *client,
            "create database if not exists slurm; create user if not exists slurm@'127.0.0.1' identified by 'slurm';"
            "create user if not exists slurm@localhost identified by 'slurm';"
            "grant all on slurm.* to slurm@'127.0.0.1'; grant all on slurm.* to slurm@localhost",
        )

    def _add_user(self) -> None:
        self._try("sacctmgr", "-i", "add", "cluster", "testbed")
        self._try("sacctmgr", "-i", "add", "account", "lab", "Description=lab", "Organization=lab")
        self._try("sacctmgr", "-i", "add", "user", "root", "Account=lab")
        self._try("sacctmgr", "-i", "modify", "user", "root", "set", "DefaultAccount=lab")
        # The controller learns of it from slurmdbd by itself, within some seconds.
        self._wait(
            lambda: (
                self._try("sbatch", "-A", "lab", "--test-only", "-N1", "--wrap=true").returncode == 0
                or "lab" not in self._try("scontrol", "show", "assoc_mgr").stdout
                or "Requested node" in self._try("sbatch", "-A", "lab", "--test-only", "--wrap=true").stderr
            ),
            "slurmctld",
        )

    def _run(self, *argv: str) -> None:
        done = self._try(*argv)
        if done.returncode:
            raise TestbedError(f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()}\n{self._log_tail()}")

    def _try(self, *argv: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "SBATCH"))}
        return subprocess.run(
            argv,
            env={**kept, **self.environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )

    def _wait(self, condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TestbedError(f"{what} did not come up within {seconds:.0f} s\n{self._log_tail()}")
            time.sleep(0.1)

    def _log_tail(self) -> str:
        logs = [path for path in (self.folder / "log").glob("*.log") if path.stat().st_size]
        return "\n".join(f"--- {path}\n" + "\n".join(path.read_text().splitlines()[-8:]) for path in logs)

    def _pid(self, name: str) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            return int((self.folder / "run" / f"{name}.pid").read_text())
        return None

    def _kill(self, name: str, number: int) -> None:
        """Signal a daemon, and wait for its end; one that does not hear is killed."""
        pid = self._pid(name)
        if pid is None:
            return
        for attempt in (number, signal.SIGCONT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, attempt)
            deadline = time.monotonic() + (0 if attempt == signal.SIGCONT else 10)
            while _alive(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            if not _alive(pid):
                break
        (self.folder / "run" / f"{name}.pid").unlink(missing_ok=True)


def install() -> None:
    """Install what the cluster needs."""
    if not all(map(shutil.which, PROGRAMS)):
        install_packages(*PACKAGES)


def install_packages(*packages: str) -> None:
    """Install packages of Debian, without starting any service."""
    policy = Path("/usr/sbin/policy-rc.d")
    made = not policy.exists()
    if made:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]
        if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode:
            subprocess.run(["apt-get", "update", "-qq"], env=environment, check=True)
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    finally:
        if made:
            policy.unlink()


def _slurm_version() -> tuple[int, int]:
    text = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    major, minor = text.split(".")[:2]
    return int(major), int(minor)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def main() -> int:
    """Be the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=["install", "start", "stop", "run"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("command", nargs="*", help="run: what is run on a cluster that is stopped again then")
    parser.add_argument("--accounting", action="store_true", help="with slurmdbd and a database")
    parser.add_argument("--cgroups", action="store_true", help="with memory limits kept by the kernel")
    arguments = parser.parse_args()
    if arguments.what == "install":
        install()
        return 0
    if arguments.folder is None:
        parser.error("FOLDER is needed")
    cluster = Cluster(arguments.folder.resolve(), accounting=arguments.accounting, cgroups=arguments.cgroups)
    try:
        if arguments.what == "run":
            with cluster:
                return subprocess.run(arguments.command, env={**os.environ, **cluster.environment}).returncode
        if arguments.what == "stop":
            cluster.stop()
            return 0
        cluster.start()
    except TestbedError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"export SLURM_CONF={cluster.environment['SLURM_CONF']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
