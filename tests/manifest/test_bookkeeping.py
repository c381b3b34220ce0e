"""Documents about the state: what they say, where they stand, and which mistakes they make."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from declarative.manifest.bookkeeping import MODELS
from declarative.manifest.schema import any_manifest_schema, bookkeeping_schema
from declarative.model.address import Address
from declarative.model.bookkeeping import Import, Moved, Removed
from declarative.model.position import Position
from tests.manifest.projects import HEAD, compiled, findings

MANIFEST = f"{HEAD}spec: {{}}\n"
UUID = "8C4F5DC1-309e-4ea1-ac76-3c2c9cac4f44"
A, RESNET = Address("Training", "a"), Address("Training", "resnet50")


def test_documents_say_what_they_say_and_where(tmp_path: Path) -> None:
    """Ids in lower case, as they compare; the places are those of the values, in the template."""
    text = f"""{{% set gone = 'Training.old' %}}
apiVersion: declarative/v1
kind: Import
to: Training.resnet50
id: {UUID}
---
{{apiVersion: declarative/v1, kind: Moved, from: Training.a, to: Training.resnet50}}
---
apiVersion: declarative/v1
kind: Removed
from: "{{{{ gone }}}}"
destroy: false
"""
    made = compiled(tmp_path, {"manifests/a.yaml": MANIFEST, "manifests/b.yaml": text})
    assert made.diagnostics == ()
    assert [one.address for one in made.resources] == [RESNET]
    file = "manifests/b.yaml"
    assert made.statements == (
        Import(RESNET, UUID.lower(), None, Position(file, 5, 5), Position(file, 4, 5)),
        Moved(A, RESNET, Position(file, 7, 49), Position(file, 7, 65)),
        Removed(Address("Training", "old"), destroy=False, where=Position(file, 11, 7)),
    )


def test_a_loop_makes_as_many_documents_as_it_has_turns(tmp_path: Path) -> None:
    text = """{% for name in ('a', 'b') %}
---
{apiVersion: declarative/v1, kind: Removed, from: "Training.{{ name }}", destroy: true}
{% endfor %}
"""
    made = compiled(tmp_path, {"manifests/a.yaml": MANIFEST, "manifests/b.yaml": text})
    assert made.diagnostics == ()
    assert [str(one.source) for one in made.statements if isinstance(one, Removed)] == ["Training.a", "Training.b"]


def test_a_broken_document_hides_no_mistake_of_a_manifest(tmp_path: Path) -> None:
    """An unknown address in a manifest is found although a document about the state is wrong, too."""
    broken = "{apiVersion: declarative/v1, kind: Moved, to: Training.resnet50}"
    made = compiled(tmp_path, {"manifests/a.yaml": f"{HEAD}dependsOn: [Training.b]\nspec: {{}}\n---\n{broken}\n"})
    assert findings(made) == ["manifests/a.yaml:7:13: Unknown address", "manifests/a.yaml:10:1: Missing field"]


def test_what_has_moved_on_or_was_removed_needs_no_manifest(tmp_path: Path) -> None:
    """A chain of moves may end in a Removed document."""
    text = """{apiVersion: declarative/v1, kind: Moved, from: Training.a, to: Training.b}
---
{apiVersion: declarative/v1, kind: Removed, from: Training.b, destroy: false}
"""
    assert compiled(tmp_path, {"manifests/a.yaml": MANIFEST, "manifests/b.yaml": text}).diagnostics == ()


def test_a_secret_is_no_address(tmp_path: Path) -> None:
    text = "{apiVersion: declarative/v1, kind: Removed, from: \"{{ secret('KEY') }}\", destroy: true}"
    made = compiled(
        tmp_path, {"manifests/a.yaml": MANIFEST, "manifests/b.yaml": text}, secrets={"KEY": "Training.hunter2"}
    )
    assert findings(made) == ["manifests/b.yaml:1:51: Secret that has to be shown"]
    assert "hunter2" not in str(made.diagnostics)


@pytest.mark.parametrize("name", MODELS)
def test_schemas_take_the_documents_and_nothing_else(name: str) -> None:
    """The schema of the document and the one of any manifest agree."""
    head = {"apiVersion": "declarative/v1", "kind": name}
    every: dict[str, dict[str, object]] = {
        "Import": {"to": "Training.a", "name": "a"},
        "Moved": {"from": "Training.a", "to": "Training.b"},
        "Removed": {"from": "Training.a", "destroy": False},
    }
    fields = every[name]
    for schema in (bookkeeping_schema(name), any_manifest_schema()):
        checks = Draft202012Validator(schema)
        assert checks.is_valid({**head, **fields})
        assert not checks.is_valid({**head, **fields, "more": 1})
        assert not checks.is_valid({**head, **fields, "apiVersion": "runai/v1"})
        for left_out in fields:
            assert not checks.is_valid({**head, **{key: value for key, value in fields.items() if key != left_out}})
