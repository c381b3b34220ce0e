"""JSON Schemas (draft 2020-12) of manifests and of the project file, for editors and other checkers.

They are generated from the models, so that they cannot say anything else. They describe YAML as it is after templating.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from declarative.kinds import ALL
from declarative.kinds.kind import Kind
from declarative.manifest import bookkeeping
from declarative.manifest.envelope import manifest_model
from declarative.manifest.project import ProjectFile

Schema: TypeAlias = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEMPLATES = "The file is a template; this describes the YAML that comes out of it."
_NULL = {"type": "null"}
# What a reader wants first comes first.
_ORDER = (
    *("$schema", "$id", "title", "description", "$ref", "type", "const", "enum", "format", "pattern", "minLength"),
    *("maxLength", "minimum", "maximum", "items", "anyOf", "oneOf", "default", "deprecated", "properties"),
    *("required", "additionalProperties", "allOf", "$defs"),
)


def manifest_schema(kind: Kind) -> Schema:
    """The schema of a whole manifest of `kind`."""
    schema = tidy(manifest_model(kind).model_json_schema())
    return _document(kind.name, f"{kind.name} manifest", f"{kind.summary} {_TEMPLATES}", schema)


def any_manifest_schema() -> Schema:
    """The schema of a manifest of any kind, and of a document about the state; `kind` decides which."""
    definitions: Schema = {}
    for kind in ALL:
        schema = tidy(manifest_model(kind).model_json_schema())
        own = schema.pop("$defs", {})
        clashes = [name for name in own if definitions.get(name, own[name]) != own[name]]
        assert not clashes, f"different models of one name: {clashes}"
        definitions |= {**own, f"{kind.name}Manifest": schema}
    for name, model in bookkeeping.MODELS.items():
        definitions[f"{name}Document"] = tidy(model.model_json_schema())
    names = (*(f"{kind.name}Manifest" for kind in ALL), *(f"{name}Document" for name in bookkeeping.MODELS))
    choices = [{"$ref": f"#/$defs/{name}"} for name in names]
    return _document(
        "manifest", "Manifest", f"A manifest of any kind. {_TEMPLATES}", {"oneOf": choices, "$defs": definitions}
    )


def bookkeeping_schema(name: str) -> Schema:
    """The schema of a document about the state."""
    schema = tidy(bookkeeping.MODELS[name].model_json_schema())
    return _document(name, f"{name} document", f"{schema['description']} {_TEMPLATES}", schema)


def project_schema() -> Schema:
    """The schema of `declarative.yaml`."""
    schema = tidy(ProjectFile.model_json_schema())
    return _document("project", "Project file", schema["description"], schema)


def all_schemas() -> dict[str, Schema]:
    """Every schema, by the name of its file."""
    schemas = {f"{kind.name.lower()}.schema.json": manifest_schema(kind) for kind in ALL}
    schemas |= {f"{name.lower()}.schema.json": bookkeeping_schema(name) for name in bookkeeping.MODELS}
    return {**schemas, "manifest.schema.json": any_manifest_schema(), "project.schema.json": project_schema()}


def _document(name: str, title: str, description: str, schema: Schema) -> Schema:
    identity = f"urn:declarative:schema:{name.lower()}"
    return _ordered({**schema, "$schema": DIALECT, "$id": identity, "title": title, "description": description})


def tidy(schema: Mapping[str, Any]) -> Schema:
    """A schema as pydantic makes it, without what it repeats: titles made from names, nulls as defaults, needless `anyOf`s.

    Rules between fields (`allOf`) stay as they are.
    """
    plain = {key: _part(key, value) for key, value in schema.items() if key != "title"}
    if plain.get("default", 0) is None:
        del plain["default"]
    return _ordered(_nullable(plain))


def _part(keyword: str, value: Any) -> Any:
    if keyword in ("properties", "$defs"):
        return {name: tidy(inner) for name, inner in value.items()}
    if keyword in ("items", "additionalProperties") and isinstance(value, Mapping):
        return tidy(value)
    if keyword in ("anyOf", "oneOf"):
        return [tidy(option) for option in value]
    return value


def _nullable(schema: Schema) -> Schema:
    """`anyOf: [X, null]` as X whose type may be null, where X is no reference."""
    options = [option for option in schema.get("anyOf", ()) if option != _NULL]
    if len(options) != 1 or _NULL not in schema["anyOf"] or "type" not in options[0]:
        return schema
    option = dict(options[0])
    types = option["type"] if isinstance(option["type"], list) else [option["type"]]
    option["type"] = [*types, "null"]
    if "enum" in option:
        option["enum"] = [*option["enum"], None]
    return {**option, **{key: value for key, value in schema.items() if key != "anyOf"}}


def _ordered(schema: Schema) -> Schema:
    known = {key: schema[key] for key in _ORDER if key in schema}
    return {**known, **schema}
