"""Models, schemas and the sandbox say of every property what the control plane's documents say: `tests/facts/`.

The tables there were taken from the seed documents once; `mandatory` marks what these call so in prose. Three differences
are meant everywhere: what is mandatory is required and not null here, lists have no null items, and what a format or an
enum implies is not said twice.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from declarative.kinds import ALL, training, workload_template
from declarative.kinds.fields.base import Fields
from declarative.kinds.kind import Kind
from declarative.manifest.schema import all_schemas
from tests.flatten import Fact, Facts, flatten, normal

FACTS = Path(__file__).parent.parent / "facts"
NAMES = ("training", "workload_template")

MODELS: tuple[tuple[str, str, type[Fields]], ...] = (
    ("training", "create", training.TrainingCreateRequest),
    ("training", "answer", training.TrainingAnswer),
    ("workload_template", "create", workload_template.WorkloadTemplateCreateRequest),
    ("workload_template", "update", workload_template.WorkloadTemplateUpdateRequest),
    ("workload_template", "answer", workload_template.WorkloadTemplateAnswer),
)

# Where the documents are silent or at odds with themselves. Pattern of the path -> what we say instead, and why.
CHANGED: tuple[tuple[str, str, Fact, str], ...] = (
    ("training create", "name", {"pattern": "^[a-z][a-z0-9-]*$", "maxLength": 63}, "the name rule stands in prose"),
    ("training answer", "actualPhase|departmentId", {"nullable": True}, "answers are read leniently: null is absent"),
    ("workload_template answer", "spec.distributed.numWorkers", {"nullable": True}, "read leniently: null is absent"),
    (
        "workload_template .*",
        r".*connections\[\]\.name",
        {"nullable": True},
        "either spelling of the name will do, so that neither is required by itself",
    ),
)
ADDED: tuple[tuple[str, str, str], ...] = (
    (
        "workload_template .*",
        r".*connections\[\]\.connectionName",
        "required by the documents, which do not declare it; `name` is what they declare",
    ),
)


@cache
def facts(name: str) -> dict[str, Any]:
    return json.loads((FACTS / f"{name}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def expected(name: str, body: str) -> Facts:
    """What we have to say of a body, by path."""
    return {path: _expected(f"{name} {body}", path, fact) for path, fact in facts(name)["bodies"][body].items()}


def _expected(body: str, path: str, fact: Fact) -> Fact:
    meant = {key: value for key, value in fact.items() if key not in ("mandatory", "requiredUndeclared")}
    if fact.get("mandatory"):
        meant |= {"required": True, "nullable": False}
    if path.endswith("[]"):
        meant["nullable"] = False
    for bodies, paths, changes, _ in CHANGED:
        if re.fullmatch(bodies, body) and re.fullmatch(paths, path):
            meant |= changes
    return normal(meant)


def differences(body: str, ours: Facts, theirs: Facts) -> list[str]:
    """One line a path on which the two do not agree."""
    lines = []
    for path in sorted(ours.keys() | theirs.keys()):
        if path not in theirs and any(re.fullmatch(b, body) and re.fullmatch(p, path) for b, p, _ in ADDED):
            continue
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            lines.append(f"{path}: {'missing here' if one is None else 'not in the documents'}")
        elif one != other:
            keys = sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
            lines.append(f"{path}: " + ", ".join(f"{key} {one.get(key)} instead of {other.get(key)}" for key in keys))
    return lines


@pytest.mark.parametrize(("name", "body", "model"), MODELS, ids=[f"{name}-{body}" for name, body, _ in MODELS])
def test_models_say_what_the_documents_say(name: str, body: str, model: type[Fields]) -> None:
    schema = model.model_json_schema()
    assert differences(f"{name} {body}", flatten(schema, schema), expected(name, body)) == []


# --- manifests --------------------------------------------------------------------------------------------------------
# Where a manifest differs from the request: fields of our own, and references that may be made by name.
OWN = {
    "apiVersion", "kind", "metadata", "desiredPhase", "lifecycle", "dependsOn", "metadata.key", "metadata.project",
    "metadata.cluster", "metadata.department", "spec.assets.datasources[].name",
}  # fmt: skip
BY_NAME = {
    "metadata.projectId": "text or number, and optional: `project` may name it",
    "metadata.clusterId": "optional: `cluster` may name it",
    "spec.assets.environment": "an id, or {name: ...}",
    "spec.assets.compute": "an id, or {name: ...}",
    "spec.assets.datasources[].id": "optional: `name` may stand instead",
    "metadata": "the request has these fields at its top, or under `meta`",
    "spec": "a manifest always has a spec",
    ".": "the manifest itself",
}


def _in_manifest(path: str) -> str:
    path = re.sub(r"^meta\b", "metadata", path)
    return path if re.match(r"(spec|metadata)\b|\.$", path) else f"metadata.{path}"


@pytest.mark.parametrize("file", ["own", "shared"])
@pytest.mark.parametrize(("name", "kind"), list(zip(NAMES, ALL, strict=True)), ids=NAMES)
def test_manifest_schemas_say_what_the_documents_say(name: str, kind: Kind, file: str) -> None:
    """The schema of one kind and the schema of all kinds take every field of the create request, and no other."""
    root = all_schemas()[f"{kind.name.lower()}.schema.json" if file == "own" else "manifest.schema.json"]
    schema = root if file == "own" else root["$defs"][f"{kind.name}Manifest"]
    ours = {
        path: fact for path, fact in flatten(schema, root).items() if not re.match(r"(lifecycle|dependsOn)\W", path)
    }
    theirs = {_in_manifest(path): fact for path, fact in expected(name, "create").items()}
    assert set(theirs) - set(ours) == set()
    unexpected = {path for path in ours.keys() - theirs.keys() if path not in OWN}
    compared = {path: fact for path, fact in ours.items() if path not in OWN | unexpected | BY_NAME.keys()}
    theirs = {path: fact for path, fact in theirs.items() if path not in BY_NAME}
    added = {path: ours[path] for path in unexpected}
    assert differences(f"{name} create", {**compared, **added}, theirs) == []


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_references_by_id_are_typed_as_in_the_documents(kind: Kind) -> None:
    """What a manifest may also name keeps its type where it is an id."""
    root = all_schemas()[f"{kind.name.lower()}.schema.json"]
    ours = flatten(root, root)
    assert set(ours["metadata.projectId"]["type"]) == {"string", "integer"}
    assert (ours["metadata.clusterId"]["type"], ours["metadata.clusterId"]["format"]) == ("string", "uuid")
    if "spec.assets.environment" in ours:
        assets = root["$defs"]["Assets"]["properties"]
        assert {"type": "string", "format": "uuid"} in assets["environment"]["oneOf"]
        assert ours["spec.assets.environment"]["required"] is True
        assert ours["spec.assets.datasources[].id"] == {"type": "string", "format": "uuid", "nullable": True}


def test_a_manifest_asks_for_the_phases_that_a_training_can_be_asked_for() -> None:
    """`desiredPhase` takes what answers can say, but for Deleted, which is what a delete makes of it."""
    root = all_schemas()["training.schema.json"]
    phases = set(facts("training")["bodies"]["answer"]["desiredPhase"]["enum"])
    assert set(flatten(root, root)["desiredPhase"]["enum"]) == phases - {"Deleted"}


# --- the sandbox ------------------------------------------------------------------------------------------------------
# What the sandbox has beyond the two documents: how to log in, the list of workloads, and its own controls.
BEYOND = re.compile(
    r"/api/v[12]/token|/api/v1/workloads(/\{\}/events)?|/api/v1/org-unit/\w+(/\{\})?|/api/v2/policy/trainings|/api/v1/clusters|/api/v1/asset/(environment|compute|datasource)|/_sandbox/.*"
)


@cache
def sandbox() -> dict[str, Any]:
    from declarative.sandbox import openapi

    return json.loads(json.dumps(openapi.document()))  # type: ignore[no-any-return]


def _path(path: str) -> str:
    """A path whatever its parameters are called."""
    return re.sub(r"\{\w+\}", "{}", path)


def _operations() -> dict[tuple[str, str], dict[str, Any]]:
    methods = ("get", "post", "put", "patch", "delete")
    return {
        (method, _path(path)): {
            **item[method],
            "parameters": item.get("parameters", []) + item[method].get("parameters", []),
        }
        for path, item in sandbox()["paths"].items()
        for method in methods
        if method in item
    }


OPERATIONS = [(name, operation) for name in NAMES for operation in facts(name)["operations"]]
IDS = [f"{operation['method']} {operation['path']}" for _, operation in OPERATIONS]


def test_the_sandbox_has_every_operation_and_no_invented_one() -> None:
    documented = {(operation["method"], _path(operation["path"])) for _, operation in OPERATIONS}
    ours = {key for key in _operations() if not BEYOND.fullmatch(key[1])}
    assert ours == documented


# Codes that the documents do not list, and why the sandbox has them.
UNLISTED = {
    ("post", "/api/v1/workloads/trainings", "409"): "the name is taken; the documents name no code for it",
    ("get", "/api/v1/asset/workload-template", "400"): "a filter of the wrong type",
    ("put", "/api/v1/asset/workload-template/{AssetId}", "404"): "there is no such template",
}


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=IDS)
def test_the_sandbox_answers_with_the_documented_codes(name: str, operation: dict[str, Any]) -> None:
    ours = _operations()[operation["method"], _path(operation["path"])]
    unlisted = [code for method, path, code in UNLISTED if (method, path) == (operation["method"], operation["path"])]
    assert sorted(ours["responses"]) == sorted([*operation["answers"], *unlisted])


@pytest.mark.parametrize(("name", "operation"), OPERATIONS, ids=IDS)
def test_the_sandbox_takes_the_documented_parameters(name: str, operation: dict[str, Any]) -> None:
    """Query parameters by name, type and necessity; parameters of the path are required texts."""
    ours = _operations()[operation["method"], _path(operation["path"])]["parameters"]
    given = [_resolved(parameter) for parameter in ours]
    queries = {p["name"]: (_kind(p["schema"]), p.get("required", False)) for p in given if p["in"] == "query"}
    documented = [p for p in operation.get("parameters", []) if p["in"] == "query"]
    assert queries == {p["name"]: ((p["type"], p.get("format")), p["required"]) for p in documented}
    paths = [p for p in given if p["in"] == "path"]
    assert len(paths) == operation["path"].count("{")
    assert all(p["required"] and _kind(p["schema"])[0] == "string" for p in paths)


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        target: Any = sandbox()
        for step in part["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def _kind(schema: dict[str, Any]) -> tuple[str, str | None]:
    fact = flatten(schema, sandbox())["."]
    return fact["type"], fact.get("format")


def _bodies() -> list[tuple[str, str, dict[str, Any], str]]:
    """(name, body, operation, status or "request") for every body that a documented operation carries."""
    found = []
    for name, operation in OPERATIONS:
        if "request" in operation:
            found.append((name, operation["request"], operation, "request"))
        found += [(name, body, operation, status) for status, body in operation["answers"].items() if body]
    return found


@pytest.mark.parametrize(
    ("name", "body", "operation", "where"),
    _bodies(),
    ids=[f"{operation['method']} {operation['path']} {where}" for _, _, operation, where in _bodies()],
)
def test_the_sandbox_says_what_the_documents_say(name: str, body: str, operation: dict[str, Any], where: str) -> None:
    """Every request and every answer of the sandbox has the documented paths, and no other."""
    ours = _operations()[operation["method"], _path(operation["path"])]
    carrier = _resolved(ours["requestBody"] if where == "request" else ours["responses"][where])
    found = flatten(carrier["content"]["application/json"]["schema"], sandbox())
    theirs = expected(name, body)
    if body == "list":
        inner = {
            path.replace("entries[]", ".", 1).replace("..", ""): fact
            for path, fact in found.items()
            if "entries[]" in path
        }
        assert differences(f"{name} answer", inner, expected(name, "answer")) == []
        found = {path: fact for path, fact in found.items() if "entries[]" not in path}
        theirs.pop("entries[]")
    if (operation["path"].startswith("/api/v1/asset/"), where) == (True, "400"):
        # The sandbox rehearses policies for templates, too, of which the documents say nothing.
        found = {path: fact for path, fact in found.items() if not path.startswith("complianceIssues")}
    assert differences(f"{name} {body}", found, theirs) == []
