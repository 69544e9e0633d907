"""Where conda looks for the environment of a name, and in which order.

Source: conda's documentation, "Using the .condarc conda configuration file" (searching for .condarc) and "Settings"
(envs_dirs); mamba's, "Configuration". Compared with conda 26.9 from its source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping

import yaml

from .errors import ContainerError
from .machines import Machine

#: Where installers put conda, below the home folder or the root.
_USUAL = ("miniforge3", "mambaforge", "miniconda3", "anaconda3", "micromamba", ".conda")
#: What a folder of settings may hold, the strongest last; and what a file of settings has to be called.
_SETTINGS = (".condarc", "condarc", "condarc.d")
_NAMES = (".condarc", "condarc")
#: Marks settings that stronger ones do not add to.
_FINAL = re.compile(r"^envs_(dirs|path):.*#!final", re.MULTILINE)
#: The names of the base environment.
BASE = ("base", "root")


def base(machine: Machine) -> str:
    """Return the prefix of the base environment of the conda that is called on a machine; "" if it is not known."""
    environ = machine.environ
    for name in ("CONDA_EXE", "_CONDA_EXE"):
        if environ.get(name):
            return os.path.dirname(os.path.dirname(environ[name]))
    root = os.path.dirname(os.path.dirname(machine.conda))
    if root and machine.look([root]).get(root, (False, ""))[0]:
        return root
    return environ.get("CONDA_ROOT") or environ.get("_CONDA_ROOT") or ""


def mamba_base(machine: Machine) -> str:
    """Return the same for mamba and micromamba."""
    environ = machine.environ
    program = environ.get("MAMBA_EXE", "")
    return environ.get("MAMBA_ROOT_PREFIX") or os.path.dirname(os.path.dirname(program))


def folders(machine: Machine) -> list[str]:
    """Return the folders in which conda looks for a name, in its order, and then mamba's. Raise ContainerError.

    Those are the settings' folders, ~/.conda/envs, and `envs` of the base environment, which comes before that where
    it can be written to.
    """
    environ, root, other = machine.environ, base(machine), mamba_base(machine)
    found = [
        folder for name in ("CONDA_ENVS_PATH", "CONDA_ENVS_DIRS") for folder in environ.get(name, "").split(os.pathsep)
    ]
    texts = machine.read(_settings(environ, root))
    for path, text in reversed(texts.items()):
        if os.path.basename(path) in _NAMES or path.endswith((".yml", ".yaml")):
            found = [*([] if _FINAL.search(text) else found), *_folders_set_by(path, text)]
    if root:
        own, mine = os.path.join(root, "envs"), "~/.conda/envs"
        found += [own, mine] if machine.is_writable(os.path.join(root, "conda-meta", "history")) else [mine, own]
    if other:
        found.append(os.path.join(other, "envs"))
    return list(dict.fromkeys(filter(None, (_expanded(folder, environ) for folder in found))))


def others(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the prefixes of base environments that nobody has named, but that installers make."""
    home = environ.get("HOME", "")
    yield from (os.path.join(home, name) for name in _USUAL if home)
    yield from ("/opt/conda", *(os.path.join("/opt", name) for name in _USUAL))


def _settings(environ: Mapping[str, str], root: str) -> list[str]:
    """Return the files and folders of conda's settings, the strongest last."""
    home, config, active = (environ.get(name, "") for name in ("HOME", "XDG_CONFIG_HOME", "CONDA_PREFIX"))
    mine = [os.path.join(home, ".config", "conda"), os.path.join(home, ".conda")] if home else []
    weak = ["/etc/conda", "/var/lib/conda", root, config and os.path.join(config, "conda"), *mine]
    found = [os.path.join(folder, name) for folder in weak if folder for name in _SETTINGS]
    found += [os.path.join(home, ".condarc")] if home else []
    found += [os.path.join(active, name) for name in _SETTINGS] if active else []
    found += [_expanded(environ.get("CONDARC", ""), environ)]
    return list(filter(None, dict.fromkeys(found)))


def _folders_set_by(path: str, text: str) -> list[str]:
    """Return the folders of environments that the settings `text`, of the file `path`, name."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        what = f"conda's settings {path} cannot be read: {' '.join(str(error).split())}"
        raise ContainerError(what, remedy="Fix that file, or give the environment's prefix") from error
    if not isinstance(content, dict):
        return []
    found = content.get("envs_dirs") or content.get("envs_path")
    return list(map(str, found)) if isinstance(found, list) else []


def _expanded(folder: str, environ: Mapping[str, str]) -> str:
    """Return `folder` as an absolute path, with variables and ~ replaced; "" for one that has no meaning here."""
    folder = re.sub(r"\$(?:(\w+)|\{(\w+)\})", lambda found: environ.get(found[1] or found[2], found[0]), folder)
    if folder == "~" or folder.startswith("~/"):
        home = environ.get("HOME", "")
        return os.path.normpath(home + folder[1:]) if home else ""
    return os.path.abspath(os.path.expanduser(folder)) if folder else ""
