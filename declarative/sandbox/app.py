"""The application: which handler answers what, and the transaction around each."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from declarative.sandbox import (
    admin,
    auth,
    directory,
    effective_policy,
    faults,
    others,
    projects,
    templates,
    trainings,
    workloads,
)
from declarative.sandbox.faults import Fate
from declarative.sandbox.phases import clock_of
from declarative.sandbox.store import Store, read, write
from declarative.sandbox.wire import Answer, Call, Handler, Refusal, encoded

TOKEN_PATHS = ("/api/v1/token", "/api/v2/token")
_TRAINING = "/api/v1/workloads/trainings/{workloadId}"
_TEMPLATES = "/api/v1/asset/workload-template"


def _document(_: Call) -> Answer:
    # Imported here: generating schemas is slow, and few ask for it.
    from declarative.sandbox.openapi import document

    return Answer(200, document())


ROUTES: Mapping[str, Mapping[str, Handler]] = MappingProxyType(
    {
        TOKEN_PATHS[0]: {"POST": auth.issue},
        TOKEN_PATHS[1]: {"POST": auth.issue_as_oauth},
        "/api/v1/workloads": {"GET": workloads.listed},
        "/api/v1/workloads/trainings": {"POST": trainings.create},
        _TRAINING: {"GET": trainings.get, "DELETE": trainings.delete},
        f"{_TRAINING}/suspend": {"POST": trainings.suspend},
        f"{_TRAINING}/resume": {"POST": trainings.resume},
        "/api/v1/workloads/{workloadId}/events": {"GET": workloads.events},
        _TEMPLATES: {"GET": templates.listed, "POST": templates.create},
        _TEMPLATES + "/{AssetId}": {"GET": templates.get, "PUT": templates.update, "DELETE": templates.delete},
        "/api/v1/org-unit/projects": {"GET": directory.projects},
        "/api/v1/org-unit/projects/{projectId}": {"GET": projects.get},
        "/api/v2/policy/trainings": {"GET": effective_policy.get},
        "/api/v1/org-unit/departments": {"GET": directory.departments},
        "/api/v1/clusters": {"GET": directory.clusters},
        "/api/v1/asset/environment": {"GET": directory.environments},
        "/api/v1/asset/compute": {"GET": directory.computes},
        "/api/v1/asset/datasource": {"GET": directory.datasources},
        "/_sandbox/": {"GET": admin.about},
        "/_sandbox/openapi.json": {"GET": _document},
        "/_sandbox/settings": {"PUT": admin.replace_settings, "PATCH": admin.merge_settings},
        "/_sandbox/directory": {"GET": admin.directory, "PUT": admin.replace_directory},
        "/_sandbox/reset": {"POST": admin.reset},
        "/_sandbox/requests": {"GET": admin.requests, "DELETE": admin.forget_requests},
        "/_sandbox/workloads": {"POST": others.create},
        "/_sandbox/workloads/{workloadId}": {"DELETE": admin.remove},
        "/_sandbox/workloads/{workloadId}/phase": {"POST": admin.put_in_phase},
    }
)


def create_app(path: Path, *, clock: Callable[[], float] = time.time) -> Starlette:
    """The application over the SQLite file `path`, which is made where missing.

    `clock` tells wall time in seconds since 1970. Any number of applications, in any number of processes, may share
    the file. Raises ControlPlaneError when the file cannot be used.
    """
    store, traffic = Store(path), _Traffic()
    app = Starlette(
        routes=[Route(at, _Endpoint(store, clock, at, handlers, traffic)) for at, handlers in ROUTES.items()],
        exception_handlers={HTTPException: _no_route, Exception: _accident},
    )
    app.router.redirect_slashes = False
    app.state.store = store
    return app


class _Traffic(Struct):
    """How many requests are in flight now."""

    in_flight: int = 0


class _Endpoint(Struct, frozen=True):
    """All methods of one path, as an ASGI application, so that a wrong method gets an envelope, too."""

    store: Store
    clock: Callable[[], float]
    path: str
    handlers: Mapping[str, Handler]
    traffic: _Traffic = field(default_factory=_Traffic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or raises faults.Dropped: whoever has the connection closes it."""
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        if not self.path.startswith("/api/"):
            response = self._respond(request, body, Fate())
        else:
            self.traffic.in_flight += 1
            try:
                response = await self._befallen(request, body)
            finally:
                self.traffic.in_flight -= 1
        await response(scope, receive, send)

    async def _befallen(self, request: Request, body: bytes) -> Response:
        """The answer to a request that faults may hit."""
        fate = self._fate(request)
        if fate.seconds:
            await asyncio.sleep(fate.seconds)
        try:
            response = self._respond(request, body, fate) if fate.processes else None
            fate.strike()
        except Refusal as refusal:
            return _refused(refusal)
        assert response is not None
        return response

    def _fate(self, request: Request) -> Fate:
        """What befalls the request, which is counted where anything can."""
        if faults.quiet(self.store.settings()["faults"]):
            return Fate()
        try:
            with self.store.transaction() as rows:
                settings = read(rows)
                number = self._count(rows, request.method, settings)
                fate = faults.fate(settings["faults"], request.method, self.path, number)
                if fate.fault:
                    hit, operation = settings["faultsHit"], f"{request.method} {self.path}"
                    of = hit.get(operation, {})
                    write(rows, {"faultsHit": {**hit, operation: {**of, fate.fault: of.get(fate.fault, 0) + 1}}})
                return replace(fate, counted=True)
        except sqlite3.OperationalError:
            return Fate()

    def _respond(self, request: Request, body: bytes, fate: Fate) -> Response:
        handler = self.handlers.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            allowed = ", ".join(sorted(self.handlers))
            return _refused(Refusal(405, "Method not allowed", f"It takes {allowed}.", headers={"Allow": allowed}))
        try:
            with self.store.transaction() as rows:
                call = self._call(rows, request, body)
                if self.path.startswith("/api/") and not fate.counted:
                    self._count(rows, request.method, call.settings)
                return _within(call, self.path, handler, request)
        except sqlite3.OperationalError as error:
            return _refused(Refusal(503, "The sandbox is busy", str(error), headers={"Retry-After": "1"}))

    def _count(self, rows: sqlite3.Connection, method: str, settings: Mapping[str, Any]) -> int:
        """Counts a request; the how many-th of its operation it is since the last reset."""
        if self.traffic.in_flight > settings["mostInFlight"]:
            write(rows, {"mostInFlight": self.traffic.in_flight})
        counted = rows.execute(
            "INSERT INTO requests VALUES (?, ?, 1) ON CONFLICT (method, path) DO UPDATE SET count = count + 1"
            " RETURNING count",
            (method, self.path),
        )
        return int(counted.fetchone()[0])

    def _call(self, rows: sqlite3.Connection, request: Request, body: bytes) -> Call:
        settings = read(rows)
        return Call(
            rows=rows,
            moment=clock_of(settings).at(self.clock()),
            path=request.path_params,
            query=request.query_params,
            body=body,
            content_type=request.headers.get("content-type", ""),
            settings=settings,
        )


def _within(call: Call, path: str, handler: Handler, request: Request) -> Response:
    """Answers within the transaction: a refusal undoes what the handler wrote, but the request counts."""
    call.rows.execute("SAVEPOINT handler")
    try:
        if path.startswith("/api/") and path not in TOKEN_PATHS:
            call = replace(call, user=auth.user(request.headers.get("authorization"), call.settings, call.moment.wall))
        answer = handler(call)
    except Refusal as refusal:
        call.rows.execute("ROLLBACK TO handler")
        return _refused(refusal)
    return _json(answer.status, answer.value)


def _json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encoded(value), status, dict(headers or {}), media_type="application/json")


def _refused(refusal: Refusal) -> Response:
    return _json(refusal.status, refusal.body, refusal.headers)


def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refused(Refusal(error.status_code, error.detail, f"There is no {request.url.path} here."))


def _accident(_: Request, error: Exception) -> Response:
    return _refused(Refusal(500, "Unexpected error", type(error).__name__))
