"""The login that the vendor's own command line leaves behind: read, never written, and never sent to another server."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from declarative.runai.tokens import is_token

TOKEN_FILE = "authentication.json"  # noqa: S105 - a file name
_PORTS = {"http": 80, "https": 443}


class VendorLogin(Struct, frozen=True):
    """Where the login is. `control_plane` is the URL that it is for."""

    token_file: Path
    control_plane: str

    def is_for(self, endpoint: str) -> bool:
        """Whether an endpoint is the control plane that the login is for: same scheme, host, port and path."""
        place = _place(self.control_plane)
        return place is not None and place == _place(endpoint)

    def token(self) -> str | None:
        """The token as it is in the file now; None where there is none. It may have expired."""
        text = _object(self.token_file).get("accessToken")
        return _unwrapped(text.strip()) if isinstance(text, str) else None


def find(environ: Mapping[str, str]) -> VendorLogin | None:
    """The login of the person whose environment this is; None where nobody has logged in.

    `RUNAI_CLI_CONFIG_PATH` and `RUNAI_CLI_CONFIG_FILE` move it, as that command line's reference says (`--config-path` and
    `--config-file`); otherwise it is in `.runai` of the home folder.
    """
    config, file = _files(environ)
    url = _url(_object(config))
    return VendorLogin(file, url) if url and file.is_file() else None


def shortcoming(environ: Mapping[str, str]) -> str | None:
    """Why what is there of a login does not count, in a sentence; None where there is nothing of it."""
    config, file = _files(environ)
    if file.is_file() and not config.is_file():
        return f"{file} is there, but {config} is not, which would tell which control plane it is for."
    if not config.is_file():
        return None
    if not _url(_object(config)):
        names = ", ".join(_object(config))
        return (
            f"{config} is there, but names no control plane ({f'it has {names}' if names else 'it is no JSON object'})."
        )
    return None if file.is_file() else f"{config} is there, but the login itself is not: there is no {file}."


def _files(environ: Mapping[str, str]) -> tuple[Path, Path]:
    """Where the settings and the token of the command line would be."""
    home = Path(environ.get("HOME") or Path.home())
    given = environ.get("RUNAI_CLI_CONFIG_PATH")
    folder = home / (given.replace("~", str(home), 1) if given and given.startswith("~") else given or ".runai")
    return folder / (environ.get("RUNAI_CLI_CONFIG_FILE") or "config.json"), folder / TOKEN_FILE


def _url(config: Mapping[str, Any]) -> str | None:
    """The control plane's URL. How releases spell its key is known of one only: `control_plane: {url}`."""
    plain = {name.replace("_", "").replace("-", "").lower(): value for name, value in config.items()}
    found = plain.get("controlplane", plain.get("controlplaneurl"))
    if isinstance(found, Mapping):
        found = found.get("url")
    if not isinstance(found, str) or not found.strip():
        return None
    return found.strip() if "://" in found else f"https://{found.strip()}"


def _place(url: str) -> tuple[str, str | None, int | None, str] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme), parts.path.rstrip("/")
    except ValueError:  # a port out of range
        return None


def _unwrapped(text: str) -> str | None:
    """The token within its base64 wrapping; as it is where it is not wrapped, as a bare JWT with its dots is not."""
    if "." not in text:
        try:
            text = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=False).decode().strip()
        except ValueError:
            return None
    return text if is_token(text) else None


def _object(file: Path) -> Mapping[str, Any]:
    """The JSON object in a file; an empty one where there is none that can be read."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}
