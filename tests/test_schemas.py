"""`schemas/` is what the models say."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from declarative.manifest.schema import DIALECT, all_schemas
from tools import schemas


def test_the_written_schemas_are_fresh() -> None:
    """Run `python tools/schemas.py` when this fails."""
    assert schemas.stale(schemas.generated(), schemas.FOLDER) == []


def test_a_missing_a_changed_and_a_foreign_file_are_stale(tmp_path: Path) -> None:
    schemas.write({"a.json": "1", "b.json": "2"}, tmp_path)
    (tmp_path / "b.json").write_text("3", encoding="utf-8")
    assert schemas.stale({"a.json": "1", "b.json": "2", "c.json": "4"}, tmp_path) == ["b.json", "c.json"]
    assert schemas.stale({"a.json": "1"}, tmp_path) == ["b.json"]


@pytest.mark.parametrize("name", all_schemas())
def test_schemas_are_valid_and_free_of_generated_titles(name: str) -> None:
    schema = all_schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert schema["$id"].startswith("urn:declarative:schema:")
    for definition in schema.get("$defs", {}).values():
        assert "title" not in definition
        assert all("title" not in inner and inner.get("description") for inner in definition["properties"].values())
