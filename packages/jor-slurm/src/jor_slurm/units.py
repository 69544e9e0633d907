"""Slurm's syntax of time and memory <-> seconds, bytes.

Source: sbatch(1), options --time and --mem. What sbatch makes of other texts was tried on Slurm 22.05 and read in the
source of newer ones.
"""

from __future__ import annotations

import re

from .errors import UnitError

#: Bytes that each suffix stands for, ascending; Slurm counts in M where there is none.
_MEMORY_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
#: 4 EiB: far above any node, and below where Slurm's 64 bits overflow.
_MOST_BYTES = 2**62

#: The forms of a time, `0` for each number, with the seconds that its numbers count.
_TIME_FORMS = {
    "0": (60,),
    "0:0": (60, 1),
    "0:0:0": (3600, 60, 1),
    "0-0": (86_400, 3600),
    "0-0:0": (86_400, 3600, 60),
    "0-0:0:0": (86_400, 3600, 60, 1),
}
#: Slurm counts seconds in a signed 32-bit integer, 68 years, and adds 59 when it rounds up to minutes.
_MOST_SECONDS = 2**31 - 60

_MEMORY_REMEDY = "Write a whole number and K, M, G or T: 500M, 5G"
_TIME_REMEDY = "Write days-hours:minutes:seconds, or minutes: 1-12:00:00, 02:30:00, 90"
_NO_LIMIT_REMEDY = "Write UNLIMITED if you want no limit, else a time: 1-12:00:00, 02:30:00, 90"


def parse_memory(text: str) -> int:
    """Return the bytes that `text` says: `5G`, `5GB`, `500M`, `2048` (M when there is no unit; 1 K is 1024 bytes).

    `0` stays 0: Slurm gives such a job all memory of its node. Slurm itself rounds up to whole M. Raise UnitError for
    what sbatch refuses (`1.5G`, `-1`, `5 G`), for blanks and signs, which it skips, and for more than 4 EiB.
    """
    match = re.fullmatch(r"([0-9]{1,18})(?:([KMGT])B?)?", text, flags=re.ASCII | re.IGNORECASE)
    if match is None:
        raise UnitError(f"{text!r:.100} is no amount of memory", remedy=_MEMORY_REMEDY)
    amount = int(match[1]) * _MEMORY_UNITS[(match[2] or "M").upper()]
    if amount > _MOST_BYTES:
        raise UnitError(
            f"{text!r} is more memory than any node has: Slurm's count would overflow", remedy=_MEMORY_REMEDY
        )
    return amount


def format_memory(amount: int) -> str:
    """Return `amount` bytes in Slurm's syntax: a whole number of the largest unit that fits, rounded up to 1 K.

    0 is `0`, all memory of a node. Raise UnitError for less than 0 bytes and more than 4 EiB.
    """
    if not 0 <= amount <= _MOST_BYTES:
        raise UnitError(f"{amount} bytes is no amount of memory", remedy=f"Give 0 to {_MOST_BYTES} bytes")
    if amount == 0:
        return "0"
    whole = -(-amount // 2**10) * 2**10
    unit, size = [(unit, size) for unit, size in _MEMORY_UNITS.items() if whole % size == 0][-1]
    return f"{whole // size}{unit}"


def parse_time(text: str) -> int | None:
    """Return the seconds that `text` says; None for no limit (`UNLIMITED`, `INFINITE`).

    The forms are minutes, minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes and
    days-hours:minutes:seconds: `90` is 90 minutes, `24:00` is 24 minutes, `24:00:00` a day. Slurm itself rounds up to
    whole minutes. Raise UnitError for any other form, for nothing (`0`, `-1`), which Slurm takes for no limit, and for
    more than 68 years, which it cannot count.
    """
    if text.lower() in ("unlimited", "infinite"):
        return None
    form = re.sub(r"[0-9]{1,18}", "0", text)
    if form in _TIME_FORMS:
        numbers = map(int, re.findall(r"[0-9]+", text))
        seconds = sum(number * unit for number, unit in zip(numbers, _TIME_FORMS[form], strict=True))
    elif text == "-1":
        seconds = 0  # as Slurm takes it
    else:
        raise UnitError(
            f"{text!r:.100} is no time: a time is "
            "MINUTES, MINUTES:SS, HOURS:MM:SS, DAYS-HH, DAYS-HH:MM or DAYS-HH:MM:SS",
            remedy=_TIME_REMEDY,
        )
    if seconds == 0:
        raise UnitError(f"{text!r:.100} is no time: Slurm would take it for no limit", remedy=_NO_LIMIT_REMEDY)
    if seconds > _MOST_SECONDS:
        raise UnitError(
            f"{text!r:.100} is more than 68 years: Slurm would take it, and its count overflow",
            remedy=_TIME_REMEDY,
        )
    return seconds


def format_time(seconds: int | None) -> str:
    """Return `seconds` as Slurm writes them, hours:minutes:seconds with days- before them if any; None is UNLIMITED.

    Raise UnitError for less than a second, since Slurm takes 0 for no limit, and for more than 68 years.
    """
    if seconds is None:
        return "UNLIMITED"
    if not 0 < seconds <= _MOST_SECONDS:
        raise UnitError(
            f"{seconds} seconds is no time limit", remedy=f"Give 1 to {_MOST_SECONDS} seconds, or None for no limit"
        )
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"{day}-{hour:02}:{minute:02}:{second:02}" if day else f"{hour:02}:{minute:02}:{second:02}"
