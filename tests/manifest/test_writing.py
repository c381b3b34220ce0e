"""A manifest that is written from a body says that body when it is rendered and read, and only what a person would write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from declarative.kinds import ALL
from declarative.kinds.kind import Kind
from declarative.kinds.shape import shape_of
from declarative.kinds.sparse import sparse
from declarative.kinds.training import TRAINING
from declarative.manifest.compile import Compiled, compile_files
from declarative.manifest.document import read
from declarative.manifest.files import ManifestFile
from declarative.manifest.template import Templates
from declarative.manifest.writing import document_text
from declarative.model.value import EMPTY, FrozenMap, Value, freeze
from declarative.sandbox.answers import filled
from tests.examples import examples
from tests.strategies import bodies

TEMPLATES = Templates(Path(), EMPTY, None)
# What YAML and Jinja have their own ideas about.
_PIECES = (
    *("{{", "}}", "{%", "%}", "{#", "#}", "{% raw %}", "{% endraw %}", "{%- endraw -%}", "{", "}", "%", "#"),
    *(" ", "  ", "\n", "\n\n", "\t", ":", "- ", "'", '"', "\\", "|", ">", "&", "*", "!", "@", "`", "~", "---", "..."),
    *(
        "no",
        "yes",
        "null",
        "1",
        "1.10",
        "1e3",
        "0x1f",
        "12:30",
        "2024-01-01",
        "<<",
        "=",
        "ü",
        "\u2028",
        "\x1b",
        "a",
        "b",
    ),
)
TEXTS = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join) | st.text(st.characters(codec="utf-8"), max_size=20)


def read_back(text: str) -> Value:
    documents, diagnostics, complete = read(TEMPLATES.render(text, "a.yaml"), "a.yaml")
    assert (diagnostics, complete) == ((), True), text
    (document,) = documents
    return document.value


@settings(max_examples=examples(200))
@given(st.dictionaries(st.sampled_from(("a", "b", "c")), TEXTS | st.lists(TEXTS, max_size=3), min_size=1))
def test_any_text_is_read_back(fields: dict[str, Value]) -> None:
    """Whatever YAML or Jinja would make of it: alone, in a list, on one line or on several."""
    assert read_back(document_text(freeze(fields))) == freeze(fields)


@settings(max_examples=examples(50))
@given(key=TEXTS)
def test_any_key_is_read_back(key: str) -> None:
    assert read_back(document_text({"a": FrozenMap({key: "b"})})) == {"a": {key: "b"}}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("python train.py", "python train.py"),
        ("0.1", '"0.1"'),
        ("no", '"no"'),
        ('bash -c "python train.py"', 'bash -c "python train.py"'),
        ('"quoted" first', "'\"quoted\" first'"),
        ("echo {{ x }}", '"{% raw %}echo {{ x }}{% endraw %}"'),
        ('--format "{{.Names}}"', "'{% raw %}--format \"{{.Names}}\"{% endraw %}'"),
        ("a\nb\n", "|\n  a\n  b"),
        ("a {{ b }}\n\nc", "|-\n  {% raw %}a {{ b }}{% endraw %}\n\n  c"),
        ("{% endraw %}", r'"\x7b% endraw %}"'),
        ("{ a", '"{ a"'),
    ],
)
def test_text_is_quoted_only_where_it_has_to_be(text: str, written: str) -> None:
    assert document_text({"a": text}) == f"a: {written}\n"


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
@settings(max_examples=examples(100))
@given(data=st.data())
def test_a_body_becomes_a_manifest_and_the_same_body_again(kind: Kind, data: st.DataObject, tmp_path: Path) -> None:
    """Compiled, it is the body without nulls and defaults; and with what the control plane fills in, the body itself."""
    body = data.draw(bodies(kind, nulls=True))
    short = sparse(kind, body)
    fields = {"apiVersion": "runai/v1", "kind": kind.name, **short}
    compiled = compiled_of(document_text(fields), tmp_path)
    assert compiled.diagnostics == ()
    assert compiled.resources[0].body == short
    assert sparse(kind, short) == short
    for name, model in (("metadata", kind.metadata), ("spec", kind.spec)):
        assert _answered(model, short[name]) == _answered(model, body[name])


def compiled_of(text: str, folder: Path) -> Compiled:
    path = folder / "a.yaml"
    path.write_text(text, encoding="utf-8")
    return compile_files([ManifestFile(path, "a.yaml")], TEMPLATES)


def _answered(model: type, value: Value) -> Value:
    """As an answer has it: everything that was left out filled in."""
    return _settled(freeze(filled(shape_of(model), value)))


# What the models name no default for, but the control plane does.
_USUAL = {
    "backoffLimit": 6, "priorityClass": "train", "uidGidSource": "fromTheImage", "hostIpc": False, "hostNetwork": False,
    "exclude": False, "scheme": "HTTP", "volumeMode": "Filesystem", "autoDeletionTimeAfterCompletionSeconds": 2592000,
}  # fmt: skip


def _settled(value: Value) -> Value:
    """With the usual values, and nothing in place of what holds nothing else."""
    if isinstance(value, FrozenMap):
        inner = {name: _settled(item) for name, item in value.items()}
        inner = {name: item if item is not None else _USUAL.get(name) for name, item in inner.items()}
        inner.pop("imagePullPolicy", None)
        inner = {name: item for name, item in inner.items() if item is not None and item != _USUAL.get(name)}
        return FrozenMap(inner) or None
    if isinstance(value, tuple):
        return tuple(_settled(item) for item in value) or None
    return value


def test_what_the_control_plane_made_up_is_not_written() -> None:
    """Generated names of claims, and the pull policy that follows from the image; what was chosen stays."""
    pvc = [
        {"path": "/a", "existingPvc": False, "claimName": "resnet-0-3fa9c1", "claimInfo": {"size": "1G"}},
        {"path": "/b", "claimName": "resnet-data", "claimInfo": {"size": "1G"}},
        {"path": "/c", "existingPvc": True, "claimName": "resnet-0-3fa9c1"},
    ]
    spec = {"storage": {"pvc": pvc}, "image": "ubuntu", "imagePullPolicy": "Always", "backoffLimit": 6}
    body = freeze({"metadata": {"name": "resnet", "projectId": "1"}, "desiredPhase": "Running", "spec": spec})
    assert sparse(TRAINING, body)["spec"] == {
        "image": "ubuntu",
        "storage": {
            "pvc": (
                {"path": "/a", "claimInfo": {"size": "1G"}},
                {"path": "/b", "claimName": "resnet-data", "claimInfo": {"size": "1G"}},
                {"path": "/c", "existingPvc": True, "claimName": "resnet-0-3fa9c1"},
            )
        },
    }
    assert "desiredPhase" not in sparse(TRAINING, body)


def test_what_tells_most_comes_first() -> None:
    body = freeze(
        {
            "metadata": {"clusterId": "c", "project": "vision", "name": "a"},
            "spec": {
                "ports": [{"exclude": True, "serviceType": "NodePort", "container": 1}],
                "command": "b",
                "image": "c",
            },
        }
    )
    written = sparse(TRAINING, body)
    assert list(written["metadata"]) == ["name", "project", "clusterId"]
    assert list(written["spec"]) == ["image", "command", "ports"]
    assert list(written["spec"]["ports"][0]) == ["container", "serviceType", "exclude"]
