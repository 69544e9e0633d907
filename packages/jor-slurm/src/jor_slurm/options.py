"""The options of a batch job, checked before sbatch sees them.

Source: sbatch(1). They go to sbatch as arguments: SBATCH_* variables of the environment override `#SBATCH` lines of a
script, the command line overrides both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from .errors import OptionError
from .units import parse_memory, parse_time

#: Options that decide what is submitted and how it is found again: not to be given as `extra`.
OWNED = (
    "array", "chdir", "clusters", "error", "export", "export-file", "help", "input", "job-name", "open-mode", "output",
    "parsable", "requeue", "no-requeue", "signal", "test-only", "usage", "version", "wait", "wrap",
)  # fmt: skip
_OWNED_LETTERS = frozenset("aDMeJoWhVi")
#: Options that no word follows as their value; source: slurm_opt.c of Slurm 22.05 to 26.05. sbatch would take such a
#: word for the name of a script, instead of the one on its standard input, and all after it for the script's arguments.
_ALONE = (
    "consolidate-segments", "contiguous", "exclusive", "external", "get-user-env", "hold", "ignore-pbs", "immediate",
    "nice", "no-kill", "oom-kill-step", "overcommit", "oversubscribe", "propagate", "quiet", "reboot", "resv-ports",
    "share", "spread-job", "spread-segments", "stepmgr", "umask", "use-min-nodes", "verbose",
)  # fmt: skip
_LETTERS_ALONE = frozenset("HIkOQsv")


def _line(_instance: object, attribute: attrs.Attribute[str], value: str | None) -> None:
    if value is not None and re.search(r"[\0\r\n]", value):
        raise OptionError(f"{attribute.name} = {value!r:.100} is no text of one line", remedy="Write one line")


def _time(instance: object, attribute: attrs.Attribute[str], value: str | None) -> None:
    _line(instance, attribute, value)
    if value:
        parse_time(value)


def _memory(instance: object, attribute: attrs.Attribute[str], value: str | None) -> None:
    _line(instance, attribute, value)
    if value:
        parse_memory(value)


def _name(_instance: object, attribute: attrs.Attribute[str], value: str | None) -> None:
    if value and re.search(r"[,\0-\x1f\x7f-\x9f\ud800-\udc7f\udd00-\udfff]", value):  # the last two: of no encoding
        raise OptionError(
            f"{attribute.name} = {value!r:.100} has a comma or a control character",
            remedy="Leave it out: squeue, asked for jobs of that name, would look for others",
        )


def _path(instance: object, attribute: attrs.Attribute[str], value: str | None) -> None:
    _line(instance, attribute, value)
    if value and "\\" in value:
        raise OptionError(
            f"{attribute.name} = {value!r:.200}: Slurm opens no file whose path has a backslash",
            remedy="Use a folder without it",
        )


def _words(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(words)


def _text(validator: object = _line) -> str | None:
    option: str | None = attrs.field(default=None, validator=validator)  # type: ignore[call-overload]
    return option


@attrs.frozen(kw_only=True)
class SbatchOptions:
    """The options of a batch job; what is None or empty is not passed, and left to the site.

    Raise OptionError, or UnitError, for values that cannot be meant.
    """

    job_name: str | None = _text(_name)
    partition: str | None = _text()
    account: str | None = _text()
    qos: str | None = _text()
    #: In Slurm's syntax: see `parse_time`.
    time: str | None = _text(_time)
    #: In Slurm's syntax: see `parse_memory`. Of these three, one at most.
    mem: str | None = _text(_memory)
    mem_per_cpu: str | None = _text(_memory)
    mem_per_gpu: str | None = _text(_memory)
    cpus_per_task: int | None = None
    nodes: str | None = _text()
    ntasks: int | None = None
    gpus: str | None = _text()
    gres: str | None = _text()
    constraint: str | None = _text()
    exclude: str | None = _text()
    nodelist: str | None = _text()
    reservation: str | None = _text()
    licenses: str | None = _text()
    nice: str | None = _text()
    mail_user: str | None = _text()
    mail_type: str | None = _text()
    dependency: str | None = _text()
    begin: str | None = _text()
    comment: str | None = _text()
    #: Working directory, and file names with sbatch's patterns (`%A`, `%a`): see `literal`.
    chdir: str | None = _text(_path)
    output: str | None = _text(_path)
    error: str | None = _text(_path)
    #: `append` keeps what earlier attempts of a requeued job have printed.
    open_mode: str | None = _text()
    #: `B:USR2@60`: signal the script 60 s before its end, or up to a minute earlier.
    signal: str | None = _text()
    #: Whether Slurm may run it again after a node failed or it was preempted; None: as the site has it.
    requeue: bool | None = None
    #: Any other options, as words of a command line.
    extra: tuple[str, ...] = attrs.field(default=(), converter=_words)

    def __attrs_post_init__(self) -> None:
        memory = [name for name in ("mem", "mem_per_cpu", "mem_per_gpu") if getattr(self, name)]
        if len(memory) > 1:
            raise OptionError(f"{' and '.join(memory)} exclude each other", remedy="Give one of them")
        _check_extra(self.extra)

    def argv(self) -> tuple[str, ...]:
        """Return the options as arguments of sbatch."""
        words = []
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if field.name not in ("requeue", "extra") and value not in (None, ""):
                words.append(f"--{field.name.replace('_', '-')}={value}")
        if self.requeue is not None:
            words.append("--requeue" if self.requeue else "--no-requeue")
        return (*words, *self.extra)


def literal(path: str) -> str:
    """Return `path` such that sbatch does not take a `%` in it for a pattern."""
    return path.replace("%", "%%")


def _check_extra(words: tuple[str, ...]) -> None:
    takes_value = False
    for word in words:
        if re.search(r"[\0\r\n]", word):
            raise OptionError(f"{word!r:.100} is no text of one line", remedy="Write one line")
        if takes_value and not word.startswith("-"):
            takes_value = False
            continue
        owned = _owned(word)
        if owned:
            raise OptionError(
                f"the option {word!r:.100} is set by what submits the job ({owned})", remedy="Leave it out"
            )
        if not re.match(r"--?[A-Za-z]", word):
            raise OptionError(f"{word!r:.100} is no option of sbatch", remedy="Write options: --name=value or -x value")
        takes_value = _takes_value(word)


def _owned(word: str) -> str:
    """Return which of the owned options `word` is, or may be an abbreviation of; '' for none."""
    if word.startswith("--"):
        name = word[2:].partition("=")[0]
        # getopt_long(3) takes any unambiguous beginning; none of sbatch's other options is the beginning of these.
        return next((f"--{owned}" for owned in OWNED if owned.startswith(name)), "")
    # Letters without a value may stand before it in the same word: -Ha1-5 is -H -a1-5.
    match = re.match(r"-[HOQsv]*(.)", word)
    return f"-{match[1]}" if match and match[1] in _OWNED_LETTERS else ""


def _takes_value(word: str) -> bool:
    """Tell whether the word after this option may be its value."""
    if not word.startswith("--"):
        return word[-1] not in _LETTERS_ALONE if re.fullmatch(r"-[HOQsv]*.", word) else False
    name, _, value = word[2:].partition("=")
    return not value and "=" not in word and not any(alone.startswith(name) for alone in _ALONE)
