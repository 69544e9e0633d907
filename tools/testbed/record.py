"""Record what Slurm's commands print: `record.py FOLDER` starts a cluster, fills its queue, writes FOLDER/*.txt."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import Cluster

from jor_slurm.parsing import ACCOUNTING_FORMAT, QUEUE_FORMAT
from jor_slurm.running import asking_environment

#: Submissions that are there while the queue is recorded: a name, options of sbatch, a script.
JOBS = (
    ("jor-done-0a1b2c", "--array=0-3", "true"),
    ("jor-failed-0a1b2c", "--array=0-1", "exit 3"),
    ("jor-killed-0a1b2c", "", "kill -9 $$"),
    ("jor-memory-0a1b2c", "--mem=50M", "python3 -c 'import time; x = bytearray(300 << 20); time.sleep(5)'"),
    ("jor-running-0a1b2c", "--array=0-1", "sleep 60"),
    ("jor-pending-0a1b2c", "--array=0-400:3,700,702%2 --hold", "true"),
    ("jor-stuck-0a1b2c", "-c 99", "true"),
    ("jor-held-0a1b2c", "--hold", "true"),
    ("jor-cancelled-0a1b2c", "--array=0-9 --hold", "true"),
    ("jor-plain-0a1b2c", "", "true"),
    ("jor-parts-0a1b2c", "--hold -n1 : -n1", "true"),
    ("sys/dashboard/sys/a b|\u00e4", "--hold", "true"),
    ("two\nlines", "--hold", "true"),
)
#: What sbatch refuses; the last one once the account has a limit.
REFUSALS = {
    "partition": "-p nope",
    "memory": "--mem=999G",
    "array": "--array=0-1001",
    "qos": "--qos=nope",
    "time": "--time=1d",
    "limit": "--array=0-99",
}


def record(folder: Path, cluster: Cluster) -> None:
    """Write the recordings."""
    environment = asking_environment({**os.environ, **cluster.environment})

    def ask(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)

    def write(name: str, text: str) -> None:
        (folder / name).write_text(text.replace(str(cluster.folder), "/testbed"))

    for name, options, script in JOBS:
        done = ask(
            "sbatch", "--parsable", "-o", "/dev/null", f"--job-name={name}", *options.split(), f"--wrap={script}"
        )
        if name.startswith("jor-plain"):
            write("sbatch.txt", done.stdout)
        if name.startswith("jor-cancelled"):
            ask("scancel", done.stdout.strip())
    time.sleep(20)
    write("squeue.txt", ask("squeue", "--me", "-a", "-t", "all", "-o", QUEUE_FORMAT).stdout)
    write("sacct.txt", ask("sacct", "-P", "-S", "now-1hours", "-o", ACCOUNTING_FORMAT).stdout)
    write("config.txt", ask("scontrol", "show", "config").stdout)
    write("partitions.txt", ask("scontrol", "-o", "show", "partition").stdout)
    for name, options in REFUSALS.items():
        if name == "limit":
            ask("sacctmgr", "-i", "modify", "qos", "normal", "set", "MaxSubmitJobsPerUser=50")
            time.sleep(2)
        done = ask("sbatch", "--parsable", *options.split(), "--wrap=true")
        write(f"refused-{name}.txt", done.stderr)


def main() -> int:
    """Be the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, Cluster(Path(place), accounting=True) as cluster:
        record(folder, cluster)
    return 0


if __name__ == "__main__":
    sys.exit(main())
