"""A project in a folder, driven in this process: for tests that need hundreds of plans and applies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from declarative import workflow
from declarative.cli.main import run
from declarative.model.plan import Plan
from declarative.model.record import Record
from declarative.model.value import FrozenMap
from declarative.sandbox.in_process import InProcess
from declarative.session import SANDBOX_FILE, compile_manifests, connected, open_session
from declarative.settings import Settings


class Project:
    """Manifests in `root`, on the embedded control plane of the same folder, whose phases move at once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "manifests").mkdir(parents=True)
        self.admin("PATCH", "settings", {"speed": "instant"})

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A call of the sandbox's admin API."""

        async def call() -> Any:
            sandbox = InProcess(self.root / SANDBOX_FILE)
            async with httpx.AsyncClient(transport=sandbox, base_url="http://sandbox/_sandbox/") as client:
                answer = await client.request(method, path, json=body)
                return answer.raise_for_status().json()

        return asyncio.run(call())

    def write(self, *manifests: Mapping[str, Any]) -> None:
        """Makes these the project's manifests. JSON is YAML, and raw text is no template."""
        text = "\n---\n".join(json.dumps(manifest, ensure_ascii=False) for manifest in manifests)
        (self.root / "manifests" / "all.yaml").write_text(f"{{% raw %}}{text}{{% endraw %}}\n", encoding="utf-8")

    def write_body(self, kind: str, body: FrozenMap) -> None:
        """Makes one manifest-shaped body the project's only manifest, at the address KIND.it."""
        metadata = {**body["metadata"], "key": "it"}
        self.write({"apiVersion": "runai/v1", "kind": kind, **body, "metadata": metadata})

    def plan(self) -> Plan:
        """The plan of now."""
        session = open_session(Settings(self.root, environ={}))
        compiled = compile_manifests(session)

        async def planned() -> Plan:
            async with connected(session, read_only=True) as transport:
                return (await workflow.make_plan(session, transport, compiled, session.store.load())).plan

        return asyncio.run(planned())

    def records(self) -> tuple[Record, ...]:
        """What the state remembers."""
        return open_session(Settings(self.root, environ={})).store.load().records

    def apply(self) -> None:
        """`declarative apply`, whatever it disrupts."""
        allow = [word for guard in ("disruption", "mass-change", "empty") for word in ("--allow", guard)]
        assert run(["-C", str(self.root), "apply", "--auto-approve", *allow]) == 0
