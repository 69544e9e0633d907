"""Ask for known holes in what is installed in a folder: `python tools/advisories.py FOLDER`, with pip-audit there.

Ends with exit status 1 for a hole. Where the advisories cannot be asked, that is said, and no failure: nothing is
known then, neither good nor bad.
"""

from __future__ import annotations

import json
import subprocess
import sys


def audit(folder: str) -> int:
    """Ask about all that is installed in `folder`; print what is known and what is not; return the exit status."""
    command = ["pip-audit", "--path", folder, "--format=json", "--progress-spinner=off"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        print(f"advisories: not asked, so that nothing is known of holes: {_last_line(done.stderr)}")
        return 0
    holes = [(one, hole) for one in found for hole in one.get("vulns", [])]
    for one, hole in holes:
        mended = ", ".join(hole["fix_versions"]) or "none yet"
        print(f"advisories: {one['name']} {one['version']} has {hole['id']}, mended in: {mended}")
    unknown = [one["name"] for one in found if "skip_reason" in one]
    print(f"advisories: {len(found) - len(unknown)} packages asked about, {len(holes)} holes known")
    if unknown:
        print(f"advisories: nothing is known of {len(unknown)}, which PyPI does not tell of: {', '.join(unknown)}")
    return 1 if holes else 0


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2][:200]


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1]))
