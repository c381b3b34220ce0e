"""What a pipeline's host is known for: links to lines, and marks in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from declarative.diagnostics import Diagnostic, Severity
from declarative.model.position import Position
from declarative.view.host import Host

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "acme/infra",
    "GITHUB_SHA": "abc",
    "GITHUB_RUN_ID": "7",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example/acme/infra",
    "CI_COMMIT_SHA": "abc",
    "CI_JOB_URL": "https://gitlab.example/acme/infra/-/jobs/7",
}
WHERE = Position("manifests/a b(1).yaml", 3, 5)


@pytest.mark.parametrize(
    ("environ", "link", "run"),
    [
        (
            GITHUB,
            "https://github.example/acme/infra/blob/abc/envs/manifests/a%20b%281%29.yaml#L3",
            "https://github.example/acme/infra/actions/runs/7",
        ),
        (
            GITLAB,
            "https://gitlab.example/acme/infra/-/blob/abc/envs/manifests/a%20b%281%29.yaml#L3",
            "https://gitlab.example/acme/infra/-/jobs/7",
        ),
        ({}, None, None),
    ],
    ids=["github", "gitlab", "elsewhere"],
)
def test_a_line_and_the_run_have_a_url_where_the_host_shows_them(
    environ: dict[str, str], link: str | None, run: str | None
) -> None:
    host = Host.of(environ, "envs")
    assert (host.link(WHERE), host.run) == (link, run)


@pytest.mark.parametrize(
    ("folder", "file", "path"),
    [
        ("", "a.yaml", "a.yaml"),
        ("envs/prod", "../base/a.yaml", "envs/base/a.yaml"),
        ("envs", "./a.yaml", "envs/a.yaml"),
    ],
)
def test_paths_lead_from_the_root_of_the_repository(folder: str, file: str, path: str) -> None:
    assert Host.of(GITHUB, folder).link(Position(file)) == f"https://github.example/acme/infra/blob/abc/{path}#L1"


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_the_folder_of_the_project_is_found_within_the_checkout(tmp_path: Path, variable: str) -> None:
    (tmp_path / "infra").mkdir()
    assert Host.at({**GITHUB, variable: str(tmp_path)}, tmp_path / "infra").folder == "infra"
    assert Host.at({**GITHUB, variable: str(tmp_path)}, tmp_path).folder == ""
    assert Host.at({**GITHUB, variable: str(tmp_path / "infra")}, tmp_path).folder == ""


def test_github_reads_marks_from_the_log_and_others_do_not() -> None:
    found = Diagnostic("Unknown key: x, y", "50 %\nof it", "remove it", Position("a.yaml", 3, 5))
    assert Host.of(GITHUB, "infra").annotations([found]) == [
        "::error file=infra/a.yaml,line=3,col=5,title=Unknown key%3A x%2C y::50 %25%0Aof it%0Ahint: remove it"
    ]
    assert Host.of(GITLAB).annotations([found]) == Host.of({}).annotations([found]) == []


def test_no_value_begins_a_mark_of_its_own() -> None:
    """The log is read line by line: what is told has none of its own."""
    found = Diagnostic("a\n::error::b", "c\r\n::warning::d", severity=Severity.WARNING)
    (line,) = Host.of(GITHUB).annotations([found])
    assert not set("\r\n") & set(line)
