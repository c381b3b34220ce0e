"""The sandbox's own document: it describes what is served, and schemathesis finds nothing that it does not say."""

from __future__ import annotations

import json

from declarative.sandbox.app import ROUTES
from declarative.sandbox.openapi import document
from tests.sandbox.plane import Plane

METHODS = {"get", "post", "put", "patch", "delete"}


def test_the_document_describes_every_operation_that_is_served_and_no_other() -> None:
    described = {(path, method) for path, item in document()["paths"].items() for method in item if method in METHODS}
    assert described == {(path, method.lower()) for path, handlers in ROUTES.items() for method in handlers}


def test_the_document_is_served_and_every_caller_gets_a_value_of_their_own(plane: Plane) -> None:
    made = document()
    assert plane.get("/_sandbox/openapi.json", token=None) == json.loads(json.dumps(made))
    made["components"]["schemas"].clear()
    assert document()["components"]["schemas"]


def test_every_reference_leads_to_a_schema() -> None:
    made = document()
    text = json.dumps(made)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in made["components"]["schemas"]


def test_rules_between_fields_are_in_the_document() -> None:
    assert document()["components"]["schemas"]["Compute"]["allOf"]
