"""click options made from jor's table of options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from jor.settings.options import BY_NAME, OPTIONS, PATH, Kind, Option

Command = TypeVar("Command", bound=Callable[..., Any])

#: Options that are taken before the command's name as well, as jor 0.1.2 did.
SHARED = ("path-prefix", "todo-list", "overwrite-output")
#: What decides how containers and environments are used.
CONTAINER = tuple(option.name for option in OPTIONS if option.section == "container")
#: What decides where and of what outputs are collected.
COLLECTING = ("path-prefix", "todo-list", "sif", "condaenv", *CONTAINER)
#: What decides how jobs are run.
RUNNING = tuple(option.name for option in OPTIONS if option.section in ("submit", "local", "slurm", "container"))


def flags(*names: str) -> Callable[[Command], Command]:
    """Return a decorator that gives a command the flags of the options `names`, not set unless given."""

    def decorate(command: Command) -> Command:
        for name in reversed(names):
            command = _flag(BY_NAME[name])(command)
        return command

    return decorate


def test_flag(command: Command) -> Command:
    """Give a command the flag --test."""
    help_text = "Run only the first pending job of the first entry that has one."
    return click.option("--test/--no-test", default=None, help=help_text)(command)


def given(context: click.Context) -> dict[str, Any]:
    """Return the options given on the command line by name, before the command's name or after; the latter wins."""
    values: dict[str, Any] = {}
    parent = context.parent
    for parameters in (parent.params if parent else {}, context.params):
        for parameter, value in parameters.items():
            name = parameter.replace("_", "-")
            if name in BY_NAME and value is not None:
                values[name] = value
    return values


def as_flags(values: Mapping[str, Any]) -> list[str]:
    """Return the words of a command line that give these options."""
    switches = {True: "--{}", False: "--no-{}"}
    return [
        switches[value].format(name) if isinstance(value, bool) else f"--{name}={value}"
        for name, value in values.items()
    ]


def wants_test(context: click.Context) -> bool:
    """Tell whether --test is given, before the command's name or after; the latter wins."""
    own = context.params.get("test")
    return bool(own if own is not None else context.parent and context.parent.params.get("test"))


def at_most_one(context: click.Context, *parameters: str) -> None:
    """Raise UsageError when more than one of these parameters is given."""
    flags = {one.name: one.opts[0] for one in context.command.params}
    chosen = [flags[name] for name in parameters if context.params[name] not in (None, False)]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)} do not go together: choose one", context)


class _Text(click.ParamType):  # type: ignore[type-arg] # generic in new versions of click only
    """A kind of value, read as it is in jor.cfg."""

    def __init__(self, kind: Kind) -> None:
        self.name = kind.name
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._kind.read(value) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} cannot be used. Give {self._kind.name}", param, ctx)


def _flag(option: Option) -> Callable[[Command], Command]:
    if option.is_switch:
        return click.option(f"--{option.name}/--no-{option.name}", default=None, help=option.help)
    kind = option.kind
    # Whether a path can be read is for him to say who reads it, in jor's words.
    path = click.Path(readable=False)
    type_ = click.Choice(kind.choices) if kind.choices else path if kind is PATH else _Text(kind)
    metavar = None if kind.choices else option.kind.metavar
    return click.option(f"--{option.name}", type=type_, metavar=metavar, default=None, help=option.help)


def pairs(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return what NAME=VALUE names, each time it is given; for the flags that want that."""
    for text in texts:
        if "=" not in text:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, as in beta=0.8", context, parameter)
    return tuple((name, value) for name, _, value in (text.partition("=") for text in texts))
