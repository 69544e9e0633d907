"""The files of a new project, as text: a job module, a todo-list, and jor.cfg with every option commented out."""

from __future__ import annotations

import keyword
import os
import textwrap
from collections.abc import Iterator

from jor.options import OPTIONS, SECTIONS

from .sources import Parameter, Source

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

FUNCTION = '''\
"""Calls {function} of {script}, once for each combination of the parameters below."""

{imports}

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
{call}

{collect}'''

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

import jor

COMMAND = {command!r}


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
        path = self._get_output_path(**job)
        words = [word.format(**job, output=path) for word in shlex.split(COMMAND)]
{call}

{collect}'''

COMMAND_SAVES = "subprocess.run(words, check=True)\n"
COMMAND_PRINTS = """\
with open(path, "w") as file:
    subprocess.run(words, check=True, stdout=file)
"""

TODO = """\
# What is to be run: a list of job modules, with arguments for their classes.
jobs:
  - jobmodule: {module}.py
{arguments}"""

IGNORED = "# what jobs make, and jor report\noutput/\njor-report.html\n"

#: Values to begin with for a parameter without a default, by the type that it is annotated with.
VALUES = {"float": "0.1, 1.0", "str": '"a", "b"', "bool": "False, True"}


def files(source: Source | None = None) -> dict[str, str]:
    """Return the files of a new project, by their names; the first is the job module."""
    module = f"jobs_{source.name}" if source else "jobs_pi"
    arguments = "" if source else "    # arguments of the class Jobs, as in Python\n    jobargs: seeds=4\n"
    return {
        f"{module}.py": _module(source) if source else EXAMPLE.replace("{collect}", _collect("pi")),
        "todo.yaml": TODO.format(module=module, arguments=arguments),
        "jor.cfg": config(),
        ".gitignore": IGNORED,
    }


def config() -> str:
    """Return a jor.cfg in which every option stands, with its default, as a comment."""
    lines = ["# Every option of jor, with its default. Take away the # of those that you set."]
    for section in SECTIONS:
        lines += ["", f"[{section}]"]
        for option in OPTIONS:
            if option.section != section:
                continue
            lines += textwrap.wrap(option.help, 100, initial_indent="# ", subsequent_indent="# ")
            default = "" if option.default is None else f" {option.default}"
            # Outputs beside the job modules are in the way: a folder of their own, from the start.
            lines.append("path-prefix = output" if option.name == "path-prefix" else f"#{option.name} ={default}")
    return "\n".join(lines) + "\n"


def _module(source: Source) -> str:
    axes = "\n".join(f"            {_axis(one)}" for one in source.parameters)
    shared = {"name": source.name, "axes": axes, "suffix": source.suffix}
    if not source.function:
        call, output = (COMMAND_SAVES, "path") if source.output else (COMMAND_PRINTS, "text")
        return COMMAND.format(command=source.text, call=_indented(call, 8), collect=_collect(output), **shared)
    call, output = (SAVES_ITSELF, "path") if source.output else (SAVES_RESULT, "result")
    return FUNCTION.format(
        function=source.function,
        script=os.path.basename(source.text),
        imports="\n".join(_imports(source)),
        call=_indented(call.format(function=source.function, output=source.output), 8),
        collect=_collect(output),
        **shared,
    )


def _axis(parameter: Parameter) -> str:
    name, default = parameter.name, parameter.default
    if parameter.is_foreign:
        return f"# {name}=[...],  # {default} as long as this is left out"
    if default:
        return f"{name}=[{default}],"
    return f"{name}=[{VALUES.get(parameter.annotation, '1, 2, 3')}],  # to be chosen"


def _imports(source: Source) -> Iterator[str]:
    """Yield the lines that import the function, from wherever its script is and whatever that is called."""
    folder, name = os.path.split(source.text)
    module = os.path.splitext(name)[0]
    is_named = module.isidentifier() and not keyword.iskeyword(module)
    needed = ["csv", *([] if is_named else ["importlib"]), *([] if source.output else ["json"])]
    yield from (f"import {one}" for one in needed + (["os", "sys"] if folder else []))
    yield from ("", "import jor")
    if folder:
        yield from ("", f"sys.path.insert(0, os.path.join(os.path.dirname(__file__), {folder!r}))")
    if is_named:
        yield f"from {module} import {source.function}"
    else:
        yield from ("", f"{source.function} = importlib.import_module({module!r}).{source.function}")
    yield ""


def _collect(output: str) -> str:
    what, row = ROWS[output]
    return COLLECT.format(what=what, row=_indented(row, 16))


def _indented(text: str, columns: int) -> str:
    return textwrap.indent(text, " " * columns).rstrip()
