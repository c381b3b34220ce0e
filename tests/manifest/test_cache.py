"""The cache of compiled manifests takes nothing but time: whatever happens to it, and to the manifests, what is true is told.

That it makes no difference to any manifest is checked beside every other test of the compiler: see `projects.compiled_thrice`.
"""

from __future__ import annotations

import compileall
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from declarative.manifest import cache
from declarative.manifest.cache import WORTH, Cache, Known
from declarative.model.value import freeze
from tests.cli.tool import REPOSITORY, Tool, environment

COUNT = 120
# Long enough that all of them are worth a cache.
MANIFEST = """apiVersion: runai/v1
kind: Training
metadata: {{name: train-{number:03}, projectId: "4501", clusterId: 71f69d83-ba66-4822-adf5-55ce55efd210}}
spec:
  image: "registry.example.com/ml/trainer:{tag}"
  # {number} {filling}
"""


@pytest.fixture
def tool(tmp_path: Path) -> Tool:
    folder = tmp_path / "project"
    (folder / "manifests").mkdir(parents=True)
    for number in range(COUNT):
        write(folder, number)
    return Tool(folder, {"DECLARATIVE_CACHE_DIR": str(tmp_path / "cache")})


def write(folder: Path, number: int, tag: str = "v1") -> Path:
    file = folder / "manifests" / f"{number:03}.yaml"
    file.write_text(MANIFEST.format(number=number, tag=tag, filling="." * (WORTH // COUNT)), encoding="utf-8")
    return file


def cached(tool: Tool) -> Path:
    """The one file of the cache."""
    (file,) = (tool.folder.parent / "cache").iterdir()
    return file


def rendered(tool: Tool) -> str:
    """What the manifests ask for, as a plan shows it."""
    return tool.run("plan").out


def test_a_second_run_reads_what_the_first_one_left(tool: Tool) -> None:
    tool.run("validate")
    before = cached(tool).read_bytes()
    # What is recalled is not compiled: a value that only the cache can have got there shows up.
    body = before.partition(b"\n")[2].replace(b"trainer:v1", b"trainer:v7")
    assert body.count(b"trainer:v7") == COUNT
    cached(tool).write_bytes(b"%b %b\n%b" % (before[:64], cache._digest(body), body))
    assert rendered(tool).count("trainer:v7") == COUNT


def test_a_file_that_changed_is_compiled_although_its_size_and_time_did_not(tool: Tool) -> None:
    file = tool.folder / "manifests" / "007.yaml"
    status = file.stat()
    tool.run("validate")
    write(tool.folder, 7, tag="v2")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file.stat().st_size == status.st_size
    found = rendered(tool)
    assert found.count("trainer:v2") == 1
    assert found.count("trainer:v1") == COUNT - 1


def test_a_mistake_that_comes_into_a_known_project_is_found_and_has_its_line(tool: Tool) -> None:
    tool.run("validate")
    file = tool.folder / "manifests" / "003.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("image:", "imag:"), encoding="utf-8")
    assert "manifests/003.yaml:5:3" in tool.run("validate", code=1).err


@pytest.mark.parametrize(
    ("number", "old", "new"),
    [
        (5, "spec:", "dependsOn: [Training.nobody]\nspec:"),
        (5, "name: train-005", "name: train-004"),
        (5, "name: train-005", "key: train-090, name: train-005"),
        (5, "spec:", "lifecycle: {replaceWhen: [Training.train-006, Training.nobody]}\nspec:"),
    ],
)
def test_mistakes_between_known_files_are_told_as_without_a_cache(tool: Tool, number: int, old: str, new: str) -> None:
    """The files are sound by themselves, so that they are known; what is wrong between them has its place all the same."""
    file = tool.folder / "manifests" / f"{number:03}.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    plain = tool.run("validate", code=1, DECLARATIVE_CACHE_DIR="")
    learning, knowing = tool.run("validate", code=1), tool.run("validate", code=1)
    assert len(cached(tool).read_bytes().splitlines()) == COUNT + 1
    assert plain == learning == knowing
    assert "manifests/" in plain.err


def test_a_damaged_cache_is_no_cache(tool: Tool) -> None:
    """Wherever a byte is lost, changed or added, and whatever stands there instead."""
    expected = rendered(tool)
    sound = cached(tool).read_bytes()
    chance = random.Random(1)
    damaged = [b"", b"\n", b"x", sound[:-1], sound[: len(sound) // 2], sound + b"x", sound[1:]]
    for _ in range(6):
        at = chance.randrange(len(sound))
        damaged.append(sound[:at] + bytes([sound[at] ^ (1 << chance.randrange(8))]) + sound[at + 1 :])
    for data in damaged:
        cached(tool).write_bytes(data)
        assert rendered(tool) == expected
        assert cached(tool).read_bytes().splitlines(keepends=True)[1:], "it is written anew"


def test_what_other_code_has_compiled_is_not_believed(tool: Tool) -> None:
    tool.run("validate")
    sound = cached(tool).read_bytes()
    body = sound.partition(b"\n")[2].replace(b"trainer:v1", b"trainer:v7")
    cached(tool).write_bytes(b"%b %b\n%b" % (b"0" * 64, cache._digest(body), body))
    assert "trainer:v7" not in rendered(tool)


def test_templates_and_their_secrets_are_never_kept(tool: Tool) -> None:
    file = tool.folder / "manifests" / "templated.yaml"
    secret = "environmentVariables: [{name: TOKEN, value: \"{{ secret('TOKEN') }}\"}]"
    text = MANIFEST.format(number=999, tag="{{ 'v' ~ 9 }}", filling="") + f"  {secret}\n"
    file.write_text(text, encoding="utf-8")
    tool.run("validate", TOKEN="correct-horse-battery")
    assert b"train-998" not in cached(tool).read_bytes()
    assert b"train-119" in cached(tool).read_bytes()
    assert b"train-999" not in cached(tool).read_bytes()
    assert b"correct-horse" not in cached(tool).read_bytes()
    assert (cached(tool).stat().st_mode & 0o777, cached(tool).parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_variable_that_changes_changes_what_depends_on_it(tool: Tool) -> None:
    (tool.folder / "declarative.yaml").write_text(
        "apiVersion: declarative/v1\nkind: Project\nvariables: {tag: {type: string}}\n", encoding="utf-8"
    )
    text = MANIFEST.format(number=999, tag="{{ var.tag }}", filling="")
    (tool.folder / "manifests" / "templated.yaml").write_text(text, encoding="utf-8")
    for tag in ("v3", "v4"):
        assert f"trainer:{tag}" in tool.run("plan", "--var", f"tag={tag}").out


@contextmanager
def a_file(folder: Path) -> Iterator[None]:
    folder.write_text("", encoding="utf-8")
    yield


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    folder.mkdir()
    folder.chmod(0o500)
    yield
    folder.chmod(0o700)


@contextmanager
def below_a_file(folder: Path) -> Iterator[None]:
    folder.symlink_to("/dev/null")
    yield


@pytest.mark.parametrize("spoilt", [a_file, read_only, below_a_file], ids=lambda one: one.__name__)
def test_a_place_that_cannot_be_written_is_no_reason_to_fail(tool: Tool, spoilt: Callable[[Path], object]) -> None:
    with spoilt(tool.folder.parent / "cache"):  # type: ignore[attr-defined]
        tool.run("validate")
        tool.run("validate")


def test_a_small_project_leaves_nothing_behind(tool: Tool) -> None:
    tool.run("validate", "manifests/001.yaml")
    assert not (tool.folder.parent / "cache").exists()


def test_with_an_empty_folder_there_is_no_cache(tool: Tool, tmp_path: Path) -> None:
    tool.run("validate", DECLARATIVE_CACHE_DIR="", XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert not (tmp_path / "xdg").exists()


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"XDG_CACHE_HOME": "/xdg", "HOME": "/home/a"}, Path("/xdg/declarative")),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/home/a"}, Path("/home/a/.cache/declarative")),
        ({"DECLARATIVE_CACHE_DIR": "cache", "HOME": "/home/a"}, Path("/project/cache")),
        ({"DECLARATIVE_CACHE_DIR": "/cache"}, Path("/cache")),
        ({"DECLARATIVE_CACHE_DIR": "", "HOME": "/home/a"}, None),
        ({}, None),
    ],
)
def test_the_folder_is_where_the_user_or_the_system_says(environ: dict[str, str], folder: Path | None) -> None:
    assert cache.folder_of(Path("/project"), environ) == folder


def test_removing_the_cache_changes_nothing(tool: Tool) -> None:
    first = rendered(tool)
    shutil.rmtree(tool.folder.parent / "cache")
    assert rendered(tool) == first == rendered(tool)


def test_files_that_leave_are_forgotten_once_they_are_the_most(tmp_path: Path) -> None:
    path = tmp_path / "a.manifests"
    for files in (range(4), range(2, 5), range(100, 104)):
        learn(path, files)
    assert known(path) == set(range(100, 104))
    learn(path, range(104, 108))
    assert known(path) == set(range(100, 108))


def learn(path: Path, numbers: range) -> None:
    with Cache(path) as one:
        for number in numbers:
            if one.recall(content(number)) is None:
                one.keep(content(number), [Known(1, 1, freeze({"number": number}))])


def content(number: int) -> bytes:
    return f"{number:05}".encode() * WORTH


def known(path: Path) -> set[int]:
    found = (Cache(path).recall(content(number)) for number in range(200))
    return {one[0].value["number"] for one in found if one}


def test_caches_of_projects_that_are_gone_are_removed_in_time(tmp_path: Path) -> None:
    old, young, foreign = (tmp_path / name for name in (f"{'a' * 32}.manifests", f"{'b' * 32}.manifests", "notes.txt"))
    for file in (old, young, foreign):
        file.write_bytes(b"")
    for file in (old, foreign):
        os.utime(file, (0, 0))
    learn(tmp_path / "mine.manifests", range(3))
    assert not old.exists()
    assert young.exists()
    assert foreign.exists()


def test_a_value_that_json_cannot_hold_is_not_kept(tmp_path: Path) -> None:
    """An escape can write half of a surrogate pair, and two halves would come back as one character."""
    one = Cache(tmp_path / "a.manifests")
    one.keep(b"x", [Known(1, 1, freeze({"a": "\ud83d\ude00"}))])
    assert one.recall(b"x") is None


def test_the_folder_may_have_files_of_others(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("download.part", "release.manifests", f"{'a' * 32}.part")]
    mine = [tmp_path / f"{'a' * 32}.manifests", tmp_path / f"{'a' * 32}.manifests.x_1.part"]
    for file in (*others, *mine):
        file.write_bytes(b"")
        os.utime(file, (0, 0))
    learn(tmp_path / "b.manifests", range(3))
    assert [file.exists() for file in (*others, *mine)] == [True] * 3 + [False] * 2


def test_values_that_aliases_have_made_long_are_not_kept(tool: Tool) -> None:
    """What a page of aliases stands for can be thousands of times as long as the page."""
    text = MANIFEST.format(number=999, tag="v1", filling="")
    anchors = "".join(f"    - {{name: A{number}, value: *long}}\n" for number in range(50))
    text += f"  args: &long {'x' * 1000}\n  environmentVariables:\n{anchors}"
    (tool.folder / "manifests" / "aliases.yaml").write_text(text, encoding="utf-8")
    tool.run("validate")
    assert b"train-119" in cached(tool).read_bytes()
    assert b"train-999" not in cached(tool).read_bytes()


def test_a_number_that_python_may_not_read_is_told_as_without_a_cache(tool: Tool) -> None:
    file = tool.folder / "manifests" / "003.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace('"4501"', "9" * 700), encoding="utf-8")
    tool.run("validate")
    told = [
        tool.launch("validate", code=1, PYTHONINTMAXSTRDIGITS="640", **more)
        for more in ({"DECLARATIVE_CACHE_DIR": ""}, {})
    ]
    assert told[0].err == told[1].err


def test_code_without_sources_and_code_that_was_replaced_meanwhile_have_no_cache(tool: Tool, tmp_path: Path) -> None:
    """Nobody can tell then which code has compiled what."""
    package = tmp_path / "copy" / "declarative"
    shutil.copytree(REPOSITORY / "declarative", package, ignore=shutil.ignore_patterns("__pycache__"))
    environ = {"PYTHONPATH": str(package.parent)}
    tool.launch("validate", **environ)
    cached(tool).unlink()
    compileall.compile_dir(package, quiet=1, legacy=True)
    for file in package.rglob("*.py"):
        file.unlink()
    tool.launch("validate", **environ)
    assert not list((tmp_path / "cache").iterdir())
    replaced = (
        "import declarative; declarative.__started__ = 0.0; from declarative.cli.main import run; run(['validate'])"
    )
    subprocess.run([sys.executable, "-c", replaced], cwd=tool.folder, env=environment(tool.environ), check=True)
    assert not list((tmp_path / "cache").iterdir())


def test_two_at_once_do_not_disturb_each_other(tool: Tool) -> None:
    expected = rendered(tool)
    shutil.rmtree(tool.folder.parent / "cache")
    runs = [tool.start("plan") for _ in range(4)]
    assert {one.ended().checked(0).out for one in runs} == {expected}
    assert rendered(tool) == expected
