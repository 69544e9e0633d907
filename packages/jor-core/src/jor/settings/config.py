"""From jor.cfg, the environment and the command line to one value an option, each with its source."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from ..errors import ConfigError, JorError, nearest, raise_all
from ..runtime.jobs import JobsBase
from .options import BY_NAME, OPTIONS, SECTIONS, Option, Value

#: The file in the working directory that holds options.
FILE = "jor.cfg"
#: Longest file and line that are read, characters.
MAX_SIZE = 100_000
MAX_LINE = 4_000


@attrs.frozen
class Setting:
    """The value of an option, and where it came from."""

    value: Value
    source: str


Layer = Mapping[str, Setting]


@attrs.frozen
class Config:
    """What has been set, by who set it. For each option the strongest of them wins; see `setting`."""

    command_line: Layer = attrs.field(factory=dict)
    environment: Layer = attrs.field(factory=dict)
    todo_item: Layer = attrs.field(factory=dict)
    file: Layer = attrs.field(factory=dict)
    job_module: Layer = attrs.field(factory=dict)

    def setting(self, name: str) -> Setting:
        """Return the winning setting of option `name`."""
        for layer in (self.command_line, self.environment, self.todo_item, self.file, self.job_module):
            if name in layer:
                return layer[name]
        return Setting(BY_NAME[name].default, "default")

    def __getitem__(self, name: str) -> Any:
        """Return the value of option `name`."""
        return self.setting(name).value

    def for_entry(self, todo_item: Layer, cls: type[JobsBase] | None = None) -> Config:
        """Return the configuration of one entry: with what its item and its class Jobs set."""
        return attrs.evolve(self, todo_item=todo_item, job_module=class_layer(cls) if cls else {})


def read_config(command_line: Mapping[str, Value], folder: str = ".") -> Config:
    """Return the configuration of a command that was started in `folder`.

    `command_line` maps names of options to values, None for those not given. Raise ConfigError, or Mistakes for
    several, when a source holds what cannot be used.
    """
    config, mistakes = peruse_config(command_line, folder)
    raise_all(mistakes)
    return config


def peruse_config(command_line: Mapping[str, Value], folder: str = ".") -> tuple[Config, Sequence[JorError]]:
    """Return the configuration as far as it can be used, and what is wrong with the rest."""
    given = {name: Setting(value, "command line") for name, value in command_line.items() if value is not None}
    mistakes: list[JorError] = []
    environment = _checked(_environment(os.environ), mistakes)
    file = _checked(_file(os.path.join(folder, FILE)), mistakes)
    return Config(command_line=given, environment=environment, file=file), mistakes


def class_layer(cls: type[JobsBase]) -> Layer:
    """Return what the attributes of a class Jobs set. Raise ConfigError for a value that cannot be used."""
    layer = {}
    for option in OPTIONS:
        value = getattr(cls, option.attribute, None) if option.in_class else None
        if value is not None and value != getattr(JobsBase, option.attribute, None):
            layer[option.name] = read_setting(option, str(value), f"{cls.__name__}.{option.attribute}")
    layer.update(_slurm_of_class(cls))
    return layer


def _slurm_of_class(cls: type[JobsBase]) -> Iterator[tuple[str, Setting]]:
    """Yield what the attribute `slurm` of a class sets, a dictionary of options."""
    where = f"{cls.__name__}.slurm"
    settings = getattr(cls, "slurm", {})
    if not isinstance(settings, Mapping):
        raise ConfigError("it is no dictionary", where=where, remedy="Write slurm = {'gpus': 1, 'constraint': 'a100'}")
    allowed = [option.name for option in OPTIONS if option.section in ("submit", "slurm") and option.in_todo]
    for key, value in settings.items():
        name = str(key).replace("_", "-")
        if name not in allowed:
            raise ConfigError(f"unknown option {key!r}", where=where, remedy=nearest(name, allowed))
        yield name, read_setting(BY_NAME[name], str(value), f"{where}[{key!r}]")


def read_setting(option: Option, text: str, source: str) -> Setting:
    """Return the setting of `option` that `text` says. Raise ConfigError when it says none."""
    try:
        return Setting(option.kind.read(text.strip()), source)
    except ValueError:
        what, remedy = f"{option.name} = {text!r:.100} cannot be used", f"Give {option.kind.name}"
        raise ConfigError(what, where=source, remedy=remedy) from None


Found = tuple[str, str, str, str]  # section, name, text, place


def _checked(found: Iterator[Found], mistakes: list[JorError]) -> Layer:
    """Return the settings found; empty texts are not set, mistakes are gathered."""
    layer = {}
    try:
        for section, name, text, place in found:
            try:
                option = _known(section, name, place)
                if text:
                    layer[name] = read_setting(option, text, place)
            except ConfigError as error:
                mistakes.append(error)
    except ConfigError as error:
        mistakes.append(error)
    return layer


def _known(section: str, name: str, place: str) -> Option:
    if section not in SECTIONS:
        raise ConfigError(f"unknown section [{section}]", where=place, remedy=nearest(section, SECTIONS))
    option = BY_NAME.get(name)
    if option is None or option.section != section:
        if option is not None:
            remedy = f"Move it to the section [{option.section}]"
        else:
            remedy = nearest(name, [option.name for option in OPTIONS if option.section == section])
        raise ConfigError(f"unknown key {name!r} in section [{section}]", where=place, remedy=remedy)
    return option


def _environment(environment: Mapping[str, str]) -> Iterator[Found]:
    for option in OPTIONS:
        if option.variable in environment:
            yield option.section, option.name, environment[option.variable], f"${option.variable}"
    known = [option.variable for option in OPTIONS]
    for variable in environment:
        if variable.startswith("JOR_") and variable not in known and _is_slip(variable, known):
            # Others may have variables that begin with JOR_; only one that is nearly ours is taken for a slip.
            raise ConfigError(f"unknown variable {variable}", where="the environment", remedy=nearest(variable, known))


def _is_slip(variable: str, known: list[str]) -> bool:
    from difflib import get_close_matches  # 8 ms to import, paid only where there is such a variable

    return bool(get_close_matches(variable, known, n=1, cutoff=0.85))


def _file(path: str) -> Iterator[Found]:
    text = _read(path)
    parser = configparser.ConfigParser(interpolation=None, default_section="\0", delimiters=("=", ":"))
    try:
        parser.read_string(text, source=path)
    except configparser.Error as error:
        raise _unreadable(path, error) from None
    lines = _lines(text)
    for section in parser.sections():
        if section not in SECTIONS:
            yield section, "", "", f"{path}:{lines.get((section, ''), 1)}"
            continue
        for name, value in parser.items(section):
            yield section, name, value, f"{path}:{lines.get((section, name), 1)}"


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigError("the file is not UTF-8 text", where=path, remedy="Save it with the encoding UTF-8") from None
    except OSError as error:
        remedy = "Make it a readable file, or delete it: without one, defaults hold"
        raise ConfigError(f"the file cannot be read: {error.strerror}", where=path, remedy=remedy) from None
    if len(text) > MAX_SIZE:
        raise ConfigError(
            f"the file is longer than {MAX_SIZE:,} characters", where=path, remedy="Keep only options in it"
        )
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > MAX_LINE:  # the patterns that read lines take quadratic time
            what = f"this line is longer than {MAX_LINE:,} characters"
            raise ConfigError(what, where=f"{path}:{number}", remedy="Write it on several lines, the others indented")
    return text


def _unreadable(path: str, error: configparser.Error) -> ConfigError:
    remedy = "Write lines `key = value` below lines `[section]`"
    if isinstance(error, configparser.DuplicateOptionError):
        remedy = "Keep one of them"
        return ConfigError(f"the key {error.option!r} stands twice", where=f"{path}:{error.lineno}", remedy=remedy)
    if isinstance(error, configparser.DuplicateSectionError):
        remedy = "Join the two"
        return ConfigError(f"the section [{error.section}] stands twice", where=f"{path}:{error.lineno}", remedy=remedy)
    if isinstance(error, configparser.MissingSectionHeaderError):
        return ConfigError("a line before the first [section]", where=f"{path}:{error.lineno}", remedy=remedy)
    numbers = [line for line, _ in getattr(error, "errors", [])] or [1]
    return ConfigError("this line is not `key = value`", where=f"{path}:{numbers[0]}", remedy=remedy)


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Return the line number of each section, as (section, ''), and of each key."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.split("\n"), start=1):
        header = re.match(r"\s*\[(.+)\]", line)
        key = re.match(r"\s*([^\s=:#;][^=:]*?)\s*(?:[=:]|$)", line)
        if header:
            section = header[1]
            found.setdefault((section, ""), number)
        elif key:
            found.setdefault((section, key[1].lower()), number)
    return found
