#!/usr/bin/env python3
"""Validates the project in $PROJECT, and prints what is wrong as a code-quality report, which GitLab shows in the merge request.

Ends as `declarative validate` does.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import subprocess
import sys
from typing import Any

PROJECT = os.environ["PROJECT"]
SEVERITIES = {"error": "blocker", "warning": "minor"}


def finding(diagnostic: dict[str, Any]) -> dict[str, Any]:
    """One diagnostic in GitLab's form. What has no place, such as a missing variable, is shown at the project file."""
    where = diagnostic.get("range", {"filename": "declarative.yaml", "start": {"line": 1}})
    path = posixpath.normpath(posixpath.join(PROJECT, where["filename"]))
    line = where["start"]["line"]
    text = f"{diagnostic['summary']}: {diagnostic['detail']}"
    return {
        "check_name": diagnostic["summary"],
        "description": text,
        "severity": SEVERITIES[diagnostic["severity"]],
        # The same finding at another line is another one; GitLab shows one of each.
        "fingerprint": hashlib.sha256(f"{path}:{line}:{text}".encode()).hexdigest(),
        "location": {"path": path, "lines": {"begin": line}},
    }


if __name__ == "__main__":
    validate = ["declarative", "-C", PROJECT, "validate", "--json"]
    done = subprocess.run(validate, stdout=subprocess.PIPE, check=False)  # noqa: S603
    # A command that was used wrongly has said so on standard error.
    findings = json.loads(done.stdout)["diagnostics"] if done.stdout else []
    json.dump([finding(one) for one in findings], sys.stdout, indent=2)
    sys.exit(done.returncode)
