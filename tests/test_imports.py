"""The house's one direction: who may import whom, and which library belongs to which room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "declarative"
# cli > workflow > {adopting, review, policy} > survey > session > {apply, view, sandbox} > {manifest, plan, state, runai} > kinds > model > {diagnostics, errors}
LEVELS = (
    {"cli", "__main__"},
    {"library"},
    {"workflow"},
    {"adopting", "foreseeing", "review", "policy"},
    {"survey"},
    {"session"},
    {"apply", "view", "sandbox", "event_loop"},
    {"manifest", "plan", "state", "runai"},
    {"kinds", "settings"},
    {"model"},
    {"diagnostics", "errors"},
)
# What every room may use: the package itself says its version, and hands out the library when it is asked for it.
ANYWHERE = {"__init__"}
HANDED_OUT = {"declarative.errors", "declarative.library"}
# Diagnostics have positions, and errors have diagnostics.
ALLOWED = {("diagnostics", "model.position"), ("errors", "diagnostics"), ("__main__", "cli.main")}
# Library -> the folders and files that may use it.
LIBRARIES = {
    "httpx": ("runai/", "sandbox/in_process.py"),
    "yaml": ("manifest/",),
    "jinja2": ("manifest/",),
    "click": ("cli/",),
    "cel": ("policy/expression.py",),
    "deepdiff": ("plan/diff.py",),
    "sqlite3": ("state/", "sandbox/"),
    "psycopg": ("state/",),
    "starlette": ("sandbox/",),
    "uvicorn": ("sandbox/",),
    "aiohttp": ("runai/swift.py",),
    "yarl": ("runai/swift.py",),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(PACKAGE).as_posix()


def room(module: str) -> str:
    return module.partition(".")[0]


def level(of: str) -> int:
    return next(number for number, rooms in enumerate(LEVELS) if of in rooms)


def imports(file: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it; of a package, the parts that it takes."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            assert node.module
            if node.module == "declarative":
                parts = (alias.name for alias in node.names)
                yield from (
                    "declarative.__init__" if part.startswith("__") else f"declarative.{part}" for part in parts
                )
            else:
                yield node.module


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_imports_go_one_way_and_siblings_do_not_know_each_other(file: Path) -> None:
    mine = file.relative_to(PACKAGE).with_suffix("").parts[0]
    if mine in ANYWHERE:
        assert {one for one in imports(file) if one.startswith("declarative.")} == HANDED_OUT
        return
    for module in imports(file):
        if not module.startswith("declarative."):
            continue
        other = module.removeprefix("declarative.")
        if room(other) in {mine, *ANYWHERE} or (mine, other) in ALLOWED:
            continue
        assert level(mine) < level(room(other)), f"{name_of(file)} imports {other}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_library_is_used_in_its_room_only(file: Path) -> None:
    for module in imports(file):
        rooms = LIBRARIES.get(room(module))
        assert rooms is None or name_of(file).startswith(rooms), f"{name_of(file)} imports {module}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_only_remote_changes_the_control_plane_and_only_the_command_line_prints_and_exits(file: Path) -> None:
    name = name_of(file)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            # A generator's `send` sends nothing.
            if called.endswith(".send") and (name, called) != ("state/server.py", "gen.send"):
                assert name == "runai/remote.py", f"{name}:{node.lineno} sends"
            if called in ("print", "exit", "quit", "sys.exit", "os._exit", "click.echo"):
                assert name.startswith(("cli/", "__main__")), f"{name}:{node.lineno} calls {called}"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr", "sys.stdin"):
            assert name.startswith(("cli/", "__main__")), f"{name}:{node.lineno} uses {ast.unparse(node)}"


def test_every_room_has_its_place() -> None:
    rooms = {file.relative_to(PACKAGE).with_suffix("").parts[0] for file in FILES}
    assert rooms - ANYWHERE == set().union(*LEVELS)
