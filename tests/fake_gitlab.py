"""Answers as the API of GitLab does, as far as examples/ci calls it, and keeps what it is told in a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

OURS = {"id": 5}
# How many entries a page of a list has here: few, so that lists have several.
_PAGE = 2


class _Handler(BaseHTTPRequestHandler):
    kept: Path

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        what = url.path.split("/")[5:]
        if url.path.endswith("/user"):
            self._say(200, OURS)
        elif what[0] == "packages":
            self._package(self.kept / f"plan-{what[3]}" / what[4])
        elif what[0] == "issues":
            title = parse_qs(url.query)["search"][0]
            self._say(200, [one for one in self._told("issues") if title in one["title"]])
        elif what[-1] == "notes":
            self._page([one for one in self._told("comments") if one["number"] == what[1]], url.query)
        else:
            assert what[:2] == ["repository", "commits"], what
            self._say(200, [{"iid": one["number"], "state": "merged"} for one in self._told("merged")])

    def do_POST(self) -> None:
        what, body = self.path.split("/")[5:], self._json()
        if what[0] == "merge_requests":
            notes = self._told("comments")
            one = {"id": len(notes), "number": what[1], "author": OURS, **body}
            self._keep("comments", [*notes, one])
        elif len(what) == 1:
            issues = self._told("issues")
            one = {"iid": len(issues) + 1, "title": body["title"], "notes": [body["description"]]}
            self._keep("issues", [*issues, one])
        else:
            issues = self._told("issues")
            issues[int(what[1]) - 1]["notes"].append(body["body"])
            self._keep("issues", issues)
        self._say(201, {})

    def do_PUT(self) -> None:
        what = self.path.split("/")[5:]
        if what[0] == "packages":
            assert self.headers["JOB-TOKEN"] == "job-token"
            folder = self.kept / f"plan-{what[3]}"
            folder.mkdir(exist_ok=True)
            (folder / what[4]).write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            self._say(201, {"message": "201 Created"})
        else:
            body = self._json()
            notes = self._told("comments")
            self._keep("comments", [{**one, **body} if str(one["id"]) == what[3] else one for one in notes])
            self._say(200, {})

    def _package(self, file: Path) -> None:
        assert self.headers["JOB-TOKEN"] == "job-token"
        if file.exists():
            self._answer(200, file.read_bytes())
        else:
            self._say(404, {"message": "404 Package Not Found"})

    def _page(self, entries: list[Any], query: str) -> None:
        page = int(parse_qs(query)["page"][0])
        following = str(page + 1) if len(entries) > page * _PAGE else ""
        shown = entries[(page - 1) * _PAGE : page * _PAGE]
        self._answer(200, json.dumps(shown).encode(), **{"x-next-page": following})

    def _json(self) -> Any:
        assert self.headers["PRIVATE-TOKEN"] == "project-token"
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _told(self, what: str) -> list[Any]:
        assert self.headers["PRIVATE-TOKEN"] == "project-token"
        path = self.kept / f"{what}.json"
        found: list[Any] = json.loads(path.read_text()) if path.exists() else []
        return found

    def _keep(self, what: str, entries: list[Any]) -> None:
        (self.kept / f"{what}.json").write_text(json.dumps(entries))

    def _say(self, status: int, value: Any) -> None:
        self._answer(status, json.dumps(value).encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def gitlab(kept: Path) -> Iterator[str]:
    """Serves the API over what is kept in a folder; gives its URL."""
    handler = type("Handler", (_Handler,), {"kept": kept})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api/v4"
        finally:
            server.shutdown()
