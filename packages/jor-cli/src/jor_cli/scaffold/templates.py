"""The texts of which the files of a new project are made; what stands in braces differs."""

from __future__ import annotations

EXAMPLE = '''\
"""Estimates pi by throwing points at a square: replace this by what you want to compute."""

import csv
import random

import jor


class Jobs(jor.JobsBase):
    name = "pi"  # the folder of the outputs, below path-prefix
    time = "00:05:00"  # time and memory of one job: for clusters
    mem = "500M"

    def __init__(self, seeds=4, path_prefix="."):
        super().__init__(path_prefix=path_prefix)
        self.seeds = seeds  # the arguments come from todo.yaml
        self._mk_jobs()

    def _mk_jobs(self):
        # One job for each combination of these values.
        self._jobs = jor.grid(points=[1000, 10_000, 100_000], seed=range(self.seeds))

    def execute(self, i):
        job = self._jobs[i]
        chance = random.Random(job["seed"])
        hits = sum(chance.random() ** 2 + chance.random() ** 2 < 1 for _ in range(job["points"]))
        with open(self._get_output_path(**job), "w") as file:
            file.write(f"{4 * hits / job['points']}\\n")

{collect}'''

#: One table of all outputs; `row` tells what a job's output adds to its parameters.
COLLECT = """\
    def collect(self):
        # One table: a line for each job, with its parameters and {what}.
        existing = set(self.existing_outputs)
        rows = []
        for job, path in zip(self._jobs, self.output_paths):
            if path in existing:
{row}
        with open(f"{{self.path_prefix}}/{{self.name}}.csv", "w", newline="") as file:
            table = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
            table.writeheader()
            table.writerows(rows)
        print(f"Wrote {{file.name}}, {{len(rows)}} rows")
"""

#: How rows are made, by what an output is: a name for it, and the lines that append it.
ROWS = {
    "pi": (
        "its result",
        """\
with open(path) as file:
    rows.append({**job, "pi": float(file.read())})
""",
    ),
    "result": (
        "its result",
        """\
with open(path) as file:
    result = json.load(file)
rows.append({**job, **(result if isinstance(result, dict) else {"result": result})})
""",
    ),
    "text": (
        "what it printed",
        """\
with open(path) as file:
    rows.append({**job, "output": file.read().strip()})
""",
    ),
    "path": ("the path of its output", 'rows.append({**job, "output": path})\n'),
}

#: A job module that wraps what there is: `head` documents and imports it, `work` is what a job does.
WRAPPER = """\
{head}


class Jobs(jor.JobsBase):
    name = "{name}"  # the folder of the outputs, below path-prefix
    time = "01:00:00"  # time and memory of one job: for clusters
    mem = "2G"
    output_suffix = "{suffix}"

    def _mk_jobs(self):
        # One job for each combination: write the values that you want.
        self._jobs = jor.grid(
{axes}
        )

    def execute(self, i):
        job = self._jobs[i]
{work}

{collect}"""

FUNCTION = '''\
"""Calls {function} of {script}, once for each combination of the parameters below."""

{imports}'''

SAVES_RESULT = """\
result = {function}(**job)
with open(self._get_output_path(**job), "w") as file:
    # NumPy's numbers and arrays become Python's; save here what JSON cannot hold.
    json.dump(result, file, default=lambda value: value.tolist())
"""

SAVES_ITSELF = """\
{function}(**job, {output}=self._get_output_path(**job))
"""

COMMAND = '''\
"""Runs a command, once for each combination of the parameters below."""

import csv
import shlex
import subprocess
import sys

import jor

COMMAND = {command!r}'''

_RUNS = """\
path = self._get_output_path(**job)
words = [word.format(**job, output=path) for word in shlex.split(COMMAND)]
"""
_FAILS = """\
if status != 0:
    sys.exit(f"{words[0]} ended with status {status}")
"""
COMMAND_SAVES = f"{_RUNS}status = subprocess.run(words).returncode\n{_FAILS}"
COMMAND_PRINTS = f"""\
{_RUNS}with open(path, "w") as file:
    status = subprocess.run(words, stdout=file).returncode
{_FAILS}"""

TODO = """\
# What is to be run: a list of job modules, with arguments for their classes.
jobs:
  - jobmodule: {module}.py
{arguments}"""

IGNORED = "# what jobs make, and jor report\noutput/\njor-report.html\n"

#: Values to begin with for a parameter without a default, by the type that it is annotated with.
VALUES = {"float": "0.1, 1.0", "str": '"a", "b"', "bool": "False, True"}
