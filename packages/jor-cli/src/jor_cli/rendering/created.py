"""How it is told what was made of a new project, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence

_NEXT = """\
    jor check --try   looks for what would go wrong, and tries one job
    jor run           runs what is missing: now, and whenever you call it again
    jor status        shows how far it is
    jor collect       joins the results into one table"""


def as_text(module: str, made: Sequence[str], kept: Sequence[str], *, is_wrapper: bool) -> str:
    """Return which files were made, which were kept, and what to do next."""
    others = f"; {', '.join(kept)} left as {'it is' if len(kept) == 1 else 'they are'}" if kept else ""
    lines = [f"[jor] Made {', '.join(made) or 'nothing'}{others}"]
    if "todo.yaml" in kept and module in made:
        lines.append(f"  Add to the list in todo.yaml:  - jobmodule: {module}")
    if is_wrapper:
        lines.append(f"  Write the values that you want into {module}, then")
    return "\n".join([*lines, _NEXT])
