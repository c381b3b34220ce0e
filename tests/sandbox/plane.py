"""A sandbox in process, whose clock the test turns."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from declarative.kinds.check import check
from declarative.kinds.training import TrainingAnswer
from declarative.kinds.workload_template import WorkloadTemplateAnswer
from declarative.model.value import freeze
from declarative.sandbox import seeds
from declarative.sandbox.app import create_app

TRAININGS = "/api/v1/workloads/trainings"
TEMPLATES = "/api/v1/asset/workload-template"
PYTORCH, JUPYTER, *_ = seeds.ENVIRONMENTS
ONE_GPU, *_ = seeds.COMPUTES
IMAGENET, CODE, *_ = seeds.DATASOURCES


class Plane:
    """`now` is the wall clock of the sandbox, in seconds; it stands still until the test moves it."""

    def __init__(self, path: Path) -> None:
        self.now = 1_700_000_000.0
        self.app = create_app(path, clock=lambda: self.now)

    def ask(self, method: str, url: str, *, token: str | None = "sandbox", **more: Any) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://x") as client:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                return await client.request(method, url, **{"headers": headers, **more})

        return asyncio.run(asked())

    def get(self, url: str, status: int = 200, **more: Any) -> Any:
        return self.good(self.ask("GET", url, **more), status)

    def post(self, url: str, body: Any = None, status: int = 202, **more: Any) -> Any:
        return self.good(self.ask("POST", url, json=body, **more), status)

    def delete(self, url: str, status: int = 202) -> Any:
        return self.good(self.ask("DELETE", url), status)

    def put(self, url: str, body: Any, status: int = 202) -> Any:
        return self.good(self.ask("PUT", url, json=body), status)

    def settings(self, **given: Any) -> Any:
        return self.good(self.ask("PATCH", "/_sandbox/settings", json=given), 200)

    def train(self, name: str = "resnet", *, status: int = 202, spec: Any = None, **more: Any) -> Any:
        body = {"name": name, "projectId": "4501", "clusterId": seeds.A100, "spec": spec or {"image": "x:1"}, **more}
        return self.post(TRAININGS, body, status)

    def template(self, name: str = "base", *, status: int = 202, **more: Any) -> Any:
        return self.post(TEMPLATES, template(name, **more), status)

    def phase(self, id: str) -> str:
        return str(self.get(f"{TRAININGS}/{id}")["actualPhase"])

    @staticmethod
    def good(response: httpx.Response, status: int) -> Any:
        """The answer, after checking that it is what such an answer has to be."""
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        value = response.json()
        if status >= 400:
            assert value["code"] == status
            assert value["message"]
            assert set(value) <= {"code", "message", "details", "complianceIssues"}
        elif "workloadId" in value:
            assert check(TrainingAnswer, freeze(value)) == ()
        elif "meta" in value:
            assert check(WorkloadTemplateAnswer, freeze(value)) == ()
        return value


def template(name: str = "base", *, spec: Any = None, **meta: Any) -> dict[str, Any]:
    """The body of a request to create a template."""
    return {"meta": {"name": name, "scope": "tenant", **meta}, "spec": spec or {"assets": {"environment": PYTORCH}}}
