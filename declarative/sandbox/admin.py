"""The sandbox's own API under /_sandbox/: settings, and what happens behind the client's back. It asks for no token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from declarative import __version__
from declarative.kinds.fields.base import Fields, Text
from declarative.kinds.training import Phase
from declarative.sandbox import places, store
from declarative.sandbox.auth import OFFERS, TokenEndpoint
from declarative.sandbox.faults import Faults
from declarative.sandbox.phases import FINISHED, GOING, GONE, clock_of
from declarative.sandbox.policy_settings import Policy
from declarative.sandbox.projects import Quota
from declarative.sandbox.trainings import course, turn
from declarative.sandbox.wire import Answer, Call, accepted, conforming, json_object, missing


def _speed(value: Any) -> Any:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value != "instant" and not (number and 0 < value <= 1_000_000):
        raise PydanticCustomError("format", "{expected}", {"expected": "a number up to 1000000, or instant,"})
    return value


Speed = Annotated[
    Any,
    AfterValidator(_speed),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000}, {"const": "instant"}]}),
]
Seconds = Annotated[int, Field(ge=1, le=366 * 24 * 3600)]


class SandboxSettings(Fields):
    """How the sandbox behaves. What a PUT does not give gets its default; a PATCH leaves it as it is."""

    speed: Speed = Field(1, description="How fast phases move, times the usual; instant leaves no time between.")
    tokenLifetimeSeconds: Seconds = Field(3600, description="Seconds for which tokens are good that are issued later.")
    tokenEndpoints: tuple[TokenEndpoint, ...] = Field(
        OFFERS,
        description="The ways to get a token that this tenant offers, as releases differ in them; it knows no other.",
    )
    policy: Policy = Field(default_factory=Policy, description="What is added to specs, and what is refused.")
    quotas: dict[str, dict[Text, Quota]] = Field(
        default_factory=dict,
        description="GPUs of projects, by the project's id and the name of the node pool. Without it, a project deserves 8"
        " of the node pool default.",
    )
    refuseQuotas: bool = Field(False, description="Whether a project by its id is refused with 403: no permission.")
    refusePolicies: bool = Field(
        False, description="Whether the policy of trainings is refused with 403: no permission."
    )
    refuseLists: bool = Field(False, description="Whether the list of workloads is refused with 403: no permission.")
    refuseDeletedList: bool = Field(
        False, description="Whether the list of deleted workloads (deleted=true) is refused with 400: not supported."
    )
    wrapClusters: bool = Field(
        False, description="Whether the list of clusters is {clusters: [...]}, as some deployments answer it, or bare."
    )
    goneAnswers: Literal["404", "deletedAt", "desiredPhase"] = Field(
        "404",
        description="How a training that is gone is answered for two weeks: by 404, or by 200, where nothing but a time"
        " in deletedAt tells it, or nothing but the desiredPhase Deleted, with no actualPhase.",
    )
    duplicateAnswers: Literal[409, 400] = Field(
        409,
        description="How a name that is taken is answered: by 409 with the reason as its message, or by 400, where nothing"
        " but the details tell it.",
    )
    faults: Faults = Field(default_factory=Faults, description="What befalls requests. This API is never hit.")


class PhaseRequest(Fields):
    """Puts a workload into a phase."""

    phase: Phase = Field(
        description="Phase in which the workload is from now on, and stays until it is told otherwise. Pending is"
        " preempted; one that is Deleting or Terminating is stuck there."
    )
    message: Annotated[str, Field(min_length=1, max_length=1000)] | None = Field(
        None, description="What the list of workloads and an event say about it, such as why it cannot be scheduled."
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


def directory(call: Call) -> Answer:
    """What there is to refer to."""
    return Answer(200, places.told(call.settings))


def replace_directory(call: Call) -> Answer:
    """Other projects and assets: ambiguous names, names that mean something else from now on."""
    given = places.kept(conforming(places.Directory, json_object(call.body)))
    store.write(call.rows, {"directory": given})
    return Answer(200, places.told({"directory": given}))


def reset(call: Call) -> Answer:
    store.empty(call.rows)
    return Answer(200, {"code": 200, "message": "The sandbox is as new."})


def requests(call: Call) -> Answer:
    """How often each operation was asked for since the last reset, and which faults hit; the admin API does not count."""
    rows = call.rows.execute("SELECT method, path, count FROM requests ORDER BY path, method")
    hit = call.settings["faultsHit"]
    told = [{**dict(row), "faults": hit.get(f"{row['method']} {row['path']}", {})} for row in rows]
    return Answer(200, {"requests": told, "mostInFlight": call.settings["mostInFlight"]})


def forget_requests(call: Call) -> Answer:
    """Begins to count anew; everything else stays."""
    store.forget_requests(call.rows)
    return Answer(200, {"code": 200, "message": "The counts begin anew."})


def put_in_phase(call: Call) -> Answer:
    """Completes, fails, preempts or otherwise moves a workload, as the cluster or its administrator would."""
    workload, desired = _live(call)
    given = conforming(PhaseRequest, json_object(call.body))
    phase = given["phase"]
    finished = call.moment.wall if phase in FINISHED else None
    keeps = phase in _UNWANTED and desired != "Deleted"
    wanted = desired if keeps else _WANTED.get(phase, "Running")
    turn(call, workload, phase, wanted, finished=finished, message=given.get("message"))
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
