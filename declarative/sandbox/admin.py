"""The sandbox's own API under /_sandbox/: settings, and what happens behind the client's back. It asks for no token."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from declarative import __version__
from declarative.kinds.fields.base import Fields
from declarative.kinds.rules import Rule
from declarative.kinds.training import Phase
from declarative.sandbox import store
from declarative.sandbox.faults import Faults
from declarative.sandbox.phases import FINISHED, GOING, GONE, clock_of
from declarative.sandbox.policy import FIELDS, KnownFields
from declarative.sandbox.trainings import course, turn
from declarative.sandbox.wire import Answer, Call, accepted, conforming, json_object, missing

_POLICY = "Added to every object that is created or replaced, unless it names the item itself; by name."


def _speed(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value != "instant" and not (number and 0 < value <= 1_000_000):
        raise PydanticCustomError("format", "{expected}", {"expected": "a number up to 1000000, or instant,"})
    return value


def _texts(value: Any) -> Any:
    good = isinstance(value, Mapping) and all(
        1 <= len(name) <= 63 and isinstance(text, str) for name, text in value.items()
    )
    if not good:
        raise PydanticCustomError(
            "format", "{expected}", {"expected": "a mapping from names (up to 63 characters) to texts"}
        )
    return value


def _bound(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number and not (isinstance(value, str) and re.fullmatch(_BOUND, value)):
        raise PydanticCustomError("format", "{expected}", {"expected": "a number, or an amount such as 4G,"})
    return value


def _allowed(value: Any) -> Any:
    if not (isinstance(value, tuple) and value and all(isinstance(one, (str, int, float)) for one in value)):
        raise PydanticCustomError("format", "{expected}", {"expected": "a list of texts, numbers or true and false"})
    return value


Speed = Annotated[
    Any,
    AfterValidator(_speed),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}, {"const": "instant"}]}),
]
Texts = Annotated[
    Any,
    AfterValidator(_texts),
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"minLength": 1, "maxLength": 63},
            "additionalProperties": {"type": "string"},
        }
    ),
]
Seconds = Annotated[int, Field(ge=1, le=366 * 24 * 3600)]
_BOUND = r"[+-]?[0-9]{1,15}(\.[0-9]{1,6})?([numkMGTPE]|[KMGTPE]i)?"
Bound = Annotated[
    Any,
    AfterValidator(_bound),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_BOUND}$"}]}),
]
Allowed = Annotated[
    Any,
    AfterValidator(_allowed),
    WithJsonSchema({"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}}),
]


class Limit(Fields):
    """What the values of a field may be. A field that is not given is beyond no limit."""

    min: Bound | None = Field(None, description="The least, as a number or an amount such as 4G.")
    max: Bound | None = Field(None, description="The most, as a number or an amount such as 4G.")
    allowed: Allowed | None = Field(None, description="The only values.")


class Policy(Fields):
    """What the control plane adds to specs, and what it refuses."""

    rules: ClassVar[tuple[Rule, ...]] = (KnownFields(),)

    labels: Texts = Field(default_factory=dict, description=f"Labels. {_POLICY}")
    annotations: Texts = Field(default_factory=dict, description=f"Annotations. {_POLICY}")
    environmentVariables: Texts = Field(default_factory=dict, description=f"Environment variables. {_POLICY}")
    limits: dict[str, Limit] = Field(
        default_factory=dict,
        description="Limits of fields, by their dotted paths within the spec (compute.gpuDevicesRequest); of a list on"
        " the way every item counts. What is beyond a limit is neither created nor replaced: 400 with complianceIssues.",
        json_schema_extra={"propertyNames": {"enum": list(FIELDS)}},
    )


class SandboxSettings(Fields):
    """How the sandbox behaves. What a PUT does not give gets its default; a PATCH leaves it as it is."""

    speed: Speed = Field(1, description="How fast phases move, times the usual; instant leaves no time between.")
    tokenLifetimeSeconds: Seconds = Field(3600, description="Seconds for which tokens are good that are issued later.")
    policy: Policy = Field(default_factory=Policy, description="What is added to specs, and what is refused.")
    refuseLists: bool = Field(False, description="Whether the list of workloads is refused with 403: no permission.")
    refuseDeletedList: bool = Field(
        False, description="Whether the list of deleted workloads (deleted=true) is refused with 400: not supported."
    )
    goneAnswers: Literal["404", "deletedAt", "desiredPhase"] = Field(
        "404",
        description="How a training that is gone is answered for two weeks: by 404, or by 200, where nothing but a time"
        " in deletedAt tells it, or nothing but the desiredPhase Deleted, with no actualPhase.",
    )
    faults: Faults = Field(default_factory=Faults, description="What befalls requests. This API is never hit.")


class PhaseRequest(Fields):
    """Puts a workload into a phase."""

    phase: Phase = Field(
        description="Phase in which the workload is from now on, and stays until it is told otherwise. Pending is"
        " preempted; one that is Deleting or Terminating is stuck there."
    )


_WANTED = {"Stopped": "Stopped", "Stopping": "Stopped", **dict.fromkeys(GOING, "Deleted")}
# These say nothing of what is wanted.
_UNWANTED = (*FINISHED, "Unknown")


def about(call: Call) -> Answer:
    phases = [course(row).phase(call.moment) for row in call.rows.execute("SELECT * FROM workloads")]
    counts = {
        "workloads": sum(phase != GONE for phase in phases),
        "deletedWorkloads": phases.count(GONE),
        "templates": call.rows.execute("SELECT count(*) FROM templates").fetchone()[0],
    }
    return Answer(
        200,
        {
            "name": "declarative sandbox",
            "version": __version__,
            "description": "An embedded control plane to learn, demonstrate and test with.",
            "settings": _settings(call),
            "counts": counts,
        },
    )


def replace_settings(call: Call) -> Answer:
    given = conforming(SandboxSettings, json_object(call.body))
    return _set(call, _merged(store.DEFAULTS, given))


def merge_settings(call: Call) -> Answer:
    given = conforming(SandboxSettings, json_object(call.body))
    return _set(call, _merged(_settings(call), given))


def _merged(settings: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with those that are given laid over them; policy and faults field by field."""
    inner = {name: {**settings[name], **given.get(name, {})} for name in ("policy", "faults")}
    return {**settings, **given, **inner}


def reset(call: Call) -> Answer:
    store.empty(call.rows)
    return Answer(200, {"code": 200, "message": "The sandbox is as new."})


def requests(call: Call) -> Answer:
    """How often each operation was asked for since the last reset, and which faults hit; the admin API does not count."""
    rows = call.rows.execute("SELECT method, path, count FROM requests ORDER BY path, method")
    hit = call.settings["faultsHit"]
    told = [{**dict(row), "faults": hit.get(f"{row['method']} {row['path']}", {})} for row in rows]
    return Answer(200, {"requests": told, "mostInFlight": call.settings["mostInFlight"]})


def put_in_phase(call: Call) -> Answer:
    """Completes, fails, preempts or otherwise moves a workload, as the cluster or its administrator would."""
    workload, desired = _live(call)
    phase = conforming(PhaseRequest, json_object(call.body))["phase"]
    finished = call.moment.wall if phase in FINISHED else None
    keeps = phase in _UNWANTED and desired != "Deleted"
    turn(call, workload, phase, desired if keeps else _WANTED.get(phase, "Running"), finished=finished)
    return accepted()


def remove(call: Call) -> Answer:
    """Removes a workload at once, without a phase in between."""
    workload, _ = _live(call)
    turn(call, workload, "delete", "Deleted", deleted=call.moment.wall)
    # Far enough in the past that the course is over.
    call.rows.execute("UPDATE workloads SET began = ? WHERE id = ?", (call.moment.sandbox - 3600, workload))
    return accepted()


def _live(call: Call) -> tuple[str, str]:
    """Id and desired phase of the workload; 404 when it is gone."""
    workload = call.id("workloadId", "Workload")
    row = call.rows.execute("SELECT * FROM workloads WHERE id = ?", (workload,)).fetchone()
    if row is None or course(row).phase(call.moment) == GONE:
        raise missing("Workload", workload)
    return workload, row["desired"]


def _settings(call: Call) -> dict[str, Any]:
    return {name: call.settings[name] for name in store.DEFAULTS}


def _set(call: Call, settings: dict[str, Any]) -> Answer:
    clock = clock_of(call.settings).turned(call.moment.wall, settings["speed"])
    store.write(call.rows, {**settings, "wall": clock.wall, "sandbox": clock.sandbox})
    return Answer(200, settings)
