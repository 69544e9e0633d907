"""Slurm's syntax of time and memory <-> seconds, bytes.

Source: sbatch(1), options --time and --mem; what the controller makes of odd values was tried on Slurm 22.05.
"""

from __future__ import annotations

import re

from .errors import UnitError

_MEMORY_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
#: Slurm keeps minutes in 32 bits; the two highest numbers mean "no value" and "no limit".
_MOST_MINUTES = 2**32 - 3
#: Slurm keeps megabytes in 64 bits, of which two are flags.
_MOST_BYTES = 2**62

_MEMORY_REMEDY = "Write a whole number and K, M, G or T: 500M, 5G"
_TIME_REMEDY = "Write days-hours:minutes:seconds, or minutes: 1-12:00:00, 02:30:00, 90"

#: The forms of a time, with the seconds that each of their numbers counts.
_TIME_FORMS = (
    (re.compile(r"(\d+)"), (60,)),
    (re.compile(r"(\d+):(\d+)"), (60, 1)),
    (re.compile(r"(\d+):(\d+):(\d+)"), (3600, 60, 1)),
    (re.compile(r"(\d+)-(\d+)"), (86_400, 3600)),
    (re.compile(r"(\d+)-(\d+):(\d+)"), (86_400, 3600, 60)),
    (re.compile(r"(\d+)-(\d+):(\d+):(\d+)"), (86_400, 3600, 60, 1)),
)


def parse_memory(text: str) -> int:
    """Return the bytes that `text` says: `5G`, `500M`, `2048` (MB when there is no unit; 1 K is 1024 bytes).

    `0` asks Slurm for all memory of a node, and is returned as 0. Raise UnitError for what sbatch refuses.
    """
    match = re.fullmatch(r"(\d{1,18})([KMGT]?)B?", text, flags=re.IGNORECASE | re.ASCII)
    if match is None:
        raise UnitError(f"{text!r:.100} is no amount of memory", remedy=_MEMORY_REMEDY)
    amount = int(match[1]) * _MEMORY_UNITS[match[2].upper() or "M"]
    if amount > _MOST_BYTES:
        raise UnitError(f"{text!r} is more memory than Slurm can count", remedy=_MEMORY_REMEDY)
    return amount


def format_memory(amount: int) -> str:
    """Return `amount` bytes in Slurm's syntax: a whole number of the largest unit that fits, rounded up to 1 K."""
    kilobytes = -(-amount // 2**10)
    for unit in ("T", "G", "M"):
        size = _MEMORY_UNITS[unit] // 2**10
        if kilobytes and kilobytes % size == 0:
            return f"{kilobytes // size}{unit}"
    return f"{kilobytes}K"


def parse_time(text: str) -> int | None:
    """Return the seconds that `text` says; None for no limit (`UNLIMITED`, `INFINITE`).

    The forms are minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes and
    days-hours:minutes:seconds: `24:00` is 24 minutes. Slurm itself rounds up to whole minutes. Raise UnitError for
    what sbatch refuses, and for nothing (`0`), which it takes for no limit.
    """
    if text.upper() in ("UNLIMITED", "INFINITE"):
        return None
    for form, units in _TIME_FORMS:
        match = form.fullmatch(text)
        if match and text.isascii():
            seconds = sum(int(number[:20]) * unit for number, unit in zip(match.groups(), units, strict=True))
            return _sensible(seconds, text)
    raise UnitError(f"{text!r:.100} is no time", remedy=_TIME_REMEDY)


def format_time(seconds: int | None) -> str:
    """Return `seconds` in Slurm's syntax, days-hours:minutes:seconds; None is no limit."""
    if seconds is None:
        return "UNLIMITED"
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day}-{hour:02}:{minute:02}:{second:02}"


def _sensible(seconds: int, text: str) -> int:
    if seconds == 0:
        raise UnitError(
            f"{text!r} is no time: Slurm would take it for no limit", remedy="Write UNLIMITED if you mean that"
        )
    if seconds > _MOST_MINUTES * 60:
        raise UnitError(f"{text!r:.100} is longer than Slurm can count", remedy=_TIME_REMEDY)
    return seconds
