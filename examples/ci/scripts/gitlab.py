#!/usr/bin/env python3
"""What the pipeline wants of GitLab, by its API and with Python's own library alone.

gitlab.py comment FILE      FILE is the comment on the merge request of this pipeline: one, that is edited. Its first line,
                            which is not shown, has the checksum of the plan in $PROJECT
gitlab.py keep              keeps the plan in $PROJECT for the apply, by its checksum
gitlab.py reviewed          the plan that was reviewed, to $PROJECT: that of the merge request which brought $CI_COMMIT_SHA,
                            or the one that $CHECKSUM names
gitlab.py issue TITLE FILE  FILE is told in the open issue of this title, which is opened where there is none

$GITLAB_TOKEN is a project access token (role Reporter, scope api). Packages are read and written with the token of the job.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

MARKER = "<!-- plan by declarative"
CHECKSUM = re.compile(rf"{MARKER} ([0-9a-f]+) -->")
TIMEOUT_SECONDS = 60


def send(
    method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[bytes, str]:
    """The answer to a call of the API, and which page comes next, if any."""
    url = f"{os.environ['CI_API_V4_URL']}/{path}"
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        return answer.read(), answer.headers.get("x-next-page") or ""


def call(method: str, path: str, **fields: str) -> Any:
    """The same in JSON, in the name of $GITLAB_TOKEN."""
    headers = {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"], "Content-Type": "application/json"}
    return json.loads(send(method, path, json.dumps(fields).encode() if fields else None, headers)[0])


def pages(path: str) -> Iterator[Any]:
    """All items of a list."""
    page = "1"
    while page:
        token = {"PRIVATE-TOKEN": os.environ["GITLAB_TOKEN"]}
        items, page = send("GET", f"{path}?per_page=100&page={page}", headers=token)
        yield from json.loads(items)


def project() -> str:
    return f"projects/{os.environ['CI_PROJECT_ID']}"


def notes(merge_request: str) -> list[Any]:
    """Our comments on a merge request. Others may write the marker, too, but not under this name."""
    ours = call("GET", "user")["id"]
    found = pages(f"{project()}/merge_requests/{merge_request}/notes")
    return [note for note in found if note["author"]["id"] == ours and note["body"].startswith(MARKER)]


def comment(file: str) -> None:
    merge_request = os.environ["CI_MERGE_REQUEST_IID"]
    path = f"{project()}/merge_requests/{merge_request}/notes"
    planned = Path(os.environ["PROJECT"], "checksum")
    checksum = planned.read_text(encoding="utf-8").strip() if planned.exists() else ""
    body = f"{MARKER} {checksum} -->\n{Path(file).read_text(encoding='utf-8')}"
    before = notes(merge_request)
    if before:
        call("PUT", f"{path}/{before[0]['id']}", body=body)
    else:
        call("POST", path, body=body)


def package(checksum: str) -> str:
    return f"{project()}/packages/generic/plan/{checksum}/infra.plan"


def keep() -> None:
    folder = Path(os.environ["PROJECT"])
    checksum = (folder / "checksum").read_text(encoding="utf-8").strip()
    token = {"JOB-TOKEN": os.environ["CI_JOB_TOKEN"], "Content-Type": "application/octet-stream"}
    send("PUT", package(checksum), (folder / "infra.plan").read_bytes(), token)


def reviewed() -> None:
    folder = Path(os.environ["PROJECT"])
    checksum = os.environ.get("CHECKSUM") or merged_checksum()
    plan, _ = send("GET", package(checksum), headers={"JOB-TOKEN": os.environ["CI_JOB_TOKEN"]})
    (folder / "infra.plan").write_bytes(plan)
    (folder / "checksum").write_text(f"{checksum}\n", encoding="utf-8")


def merged_checksum() -> str:
    """The checksum in the comment on the merge request that brought this commit."""
    commit = f"{project()}/repository/commits/{os.environ['CI_COMMIT_SHA']}"
    merged = [one for one in call("GET", f"{commit}/merge_requests") if one["state"] == "merged"]
    if not merged:
        sys.exit("This commit came without a merge request. Start a pipeline by hand with a CHECKSUM.")
    number = merged[0]["iid"]
    found = [checksum[1] for note in notes(number) if (checksum := CHECKSUM.match(note["body"]))]
    if not found:
        sys.exit(f"Merge request !{number} has no plan. Start a pipeline by hand with a CHECKSUM.")
    return found[0]


def issue(title: str, file: str) -> None:
    path = f"{project()}/issues"
    text = Path(file).read_text(encoding="utf-8")
    wanted = urllib.parse.urlencode({"state": "opened", "in": "title", "search": title})
    there = [one for one in call("GET", f"{path}?{wanted}") if one["title"] == title]
    if there:
        call("POST", f"{path}/{there[0]['iid']}/notes", body=text)
    else:
        call("POST", path, title=title, description=text)


COMMANDS: dict[str, Callable[..., None]] = {"comment": comment, "keep": keep, "reviewed": reviewed, "issue": issue}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    try:
        COMMANDS[sys.argv[1]](*sys.argv[2:])
    except KeyError as error:
        sys.exit(f"The variable {error.args[0]} is not set.")
    except urllib.error.HTTPError as error:
        sys.exit(f"GitLab answered {error.code} to {error.url}: {error.read().decode(errors='replace')[:500]}")
    except OSError as error:
        sys.exit(str(error))
