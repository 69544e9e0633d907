"""What a sweep asks of Slurm: calls of its commands, and messages that slurmctld has to answer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

_COMMANDS = ("sbatch", "srun", "squeue", "sacct", "scontrol", "scancel", "sinfo", "sacctmgr")
#: A line of sdiag's table of messages by type.
_MESSAGES = re.compile(r"^\s+(\w+)\s+\(\s*\d+\)\s+count:(\d+)", re.MULTILINE)


class Controller:
    """Counts from one call of `asked` to the next; what it counts is run in `environment`."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._log = folder / "calls"
        self.environment = {**environment, "PATH": f"{folder}:{environment['PATH']}"}
        folder.mkdir()
        for name in filter(shutil.which, _COMMANDS):
            # snakemake's jobs forget where this cluster's slurm.conf is.
            found = f"SLURM_CONF={environment['SLURM_CONF']} exec {shutil.which(name)}"
            script = f'#!/bin/sh\necho {name} >> {self._log}\n{found} "$@"\n'
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        self._before: Counter[str] = Counter()
        self.asked()

    def asked(self) -> tuple[Counter[str], Counter[str]]:
        """Return the calls of each command, and the messages of each type, since this was called last."""
        calls = Counter(self._log.read_text().split()) if self._log.exists() else Counter[str]()
        self._log.unlink(missing_ok=True)
        messages = self._messages()
        since, self._before = messages - self._before, messages
        return calls, since

    def _messages(self) -> Counter[str]:
        environment = {**os.environ, **self.environment}
        said = subprocess.run(["sdiag"], env=environment, capture_output=True, text=True, check=True).stdout
        by_type = said.partition("by message type")[2].partition("by user")[0]
        found = Counter({name: int(count) for name, count in _MESSAGES.findall(by_type)})
        del found["REQUEST_STATS_INFO"]  # our own
        return found
