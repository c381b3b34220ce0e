"""Which files are manifests, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from declarative.manifest.compile import compile_files
from declarative.manifest.files import find
from declarative.manifest.template import Templates
from declarative.model.value import EMPTY
from tests.manifest.projects import HEAD, compiled, findings


def names(root: Path, *paths: str) -> list[str]:
    found, missing = find(root, paths)
    assert not missing
    return [file.name for file in found]


def write(root: Path, *files: str) -> None:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(HEAD + "spec: {}\n")


def test_files_are_found_in_order_of_their_names(tmp_path: Path) -> None:
    """All YAML files below a folder count, whatever order the file system has."""
    write(tmp_path, "m/z.yaml", "m/a/b.yml", "m/a.yaml", "m/a/a.yaml", "m/notes.md", "m/a.yaml.bak", "m/b.json")
    assert names(tmp_path, "m") == ["m/a.yaml", "m/a/a.yaml", "m/a/b.yml", "m/z.yaml"]


def test_hidden_files_parts_and_the_project_file_are_skipped(tmp_path: Path) -> None:
    """`.x`, `_x` and declarative.yaml are no manifests when a folder is searched."""
    write(
        tmp_path, "a.yaml", ".b.yaml", "_c.yaml", ".d/e.yaml", "_f/g.yaml", "declarative.yaml", "sub/declarative.yaml"
    )
    assert names(tmp_path, ".") == ["a.yaml"]


def test_a_file_that_is_named_counts_whatever_its_name(tmp_path: Path) -> None:
    write(tmp_path, "_part.yaml", "odd.txt")
    assert names(tmp_path, "_part.yaml", "odd.txt") == ["_part.yaml", "odd.txt"]


@pytest.mark.parametrize("paths", [("m", "m"), ("m", "m/a.yaml"), ("m/a.yaml", "m"), ("m", "m/../m"), ("./m/", "m")])
def test_no_file_is_taken_twice(tmp_path: Path, paths: tuple[str, ...]) -> None:
    """Paths may overlap, in whatever spelling."""
    write(tmp_path, "m/a.yaml")
    assert names(tmp_path, *paths) == ["m/a.yaml"]


def test_links_that_lead_in_circles_end(tmp_path: Path) -> None:
    """A folder that contains itself is searched once."""
    write(tmp_path, "m/a.yaml")
    (tmp_path / "m/again").symlink_to(tmp_path / "m")
    (tmp_path / "m/self.yaml").symlink_to(tmp_path / "m/self.yaml")
    found, _ = find(tmp_path, ["m"])
    assert [file.name for file in found] == ["m/a.yaml", "m/self.yaml"]
    result = compile_files(found, Templates(tmp_path, EMPTY, None))
    assert findings(result) == ["m/self.yaml:1:1: Unreadable file"]


def test_a_missing_path_has_its_nearest_spelling(tmp_path: Path) -> None:
    write(tmp_path, "manifests/a.yaml")
    found, (missing,) = find(tmp_path, ["manifest", "manifests"])
    assert [file.name for file in found] == ["manifests/a.yaml"]
    assert missing.hint == "did you mean manifests?"


def test_an_empty_folder_is_no_mistake(tmp_path: Path) -> None:
    """No manifests are a valid set; whether that may delete something is for the guards to say."""
    (tmp_path / "manifests").mkdir()
    result = compiled(tmp_path, {"manifests/a.yaml": "# nothing yet\n---\n"})
    assert (result.resources, result.diagnostics) == ((), ())


def test_resources_are_in_order_of_their_addresses(tmp_path: Path) -> None:
    files = {f"manifests/{i}.yaml": HEAD.replace("resnet50", name) + "spec: {}\n" for i, name in enumerate("cab")}
    assert [one.address.key for one in compiled(tmp_path, files).resources] == ["a", "b", "c"]


def test_names_collide_within_a_project_only(tmp_path: Path) -> None:
    """One name in two projects makes two workloads, which need two keys."""
    other = HEAD.replace("4501", "4502").replace("  name", "  key: other\n  name")
    assert compiled(tmp_path, {"manifests/a.yaml": HEAD + "spec: {}\n---\n" + other + "spec: {}\n"}).diagnostics == ()


def test_given_names_as_prefixes_do_not_collide(tmp_path: Path) -> None:
    """The control plane makes them unique."""
    one = HEAD + "  useGivenNameAsPrefix: true\n"
    text = one + "spec: {}\n---\n" + one + "  key: other\nspec: {}\n"
    assert compiled(tmp_path, {"manifests/a.yaml": text}).diagnostics == ()


def test_lists_of_different_length_make_different_findings(tmp_path: Path) -> None:
    """A mistake that a loop repeats is told once; two missing fields at one place are two."""
    loop = "{% for i in range(50) %}\n---\n" + HEAD.replace("resnet50", "Run{{ i }}") + "spec: {}\n{% endfor %}\n"
    assert findings(compiled(tmp_path, {"manifests/a.yaml": loop})) == ["manifests/a.yaml:6:9: Malformed value"]
    missing = "apiVersion: runai/v1\nkind: Training\nmetadata: {name: a}\nspec: {}\n"
    assert findings(compiled(tmp_path, {"manifests/a.yaml": missing})) == ["manifests/a.yaml:3:11: Missing field"] * 2
