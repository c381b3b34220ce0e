"""Who we are at the control plane: what the environment says, or the login of the vendor's command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from declarative.diagnostics import Diagnostic
from declarative.errors import Unauthorized
from declarative.runai import vendor_login
from declarative.runai.sign_in import Application, Ask, CommandLineLogin, GivenToken, Nothing, Source
from declarative.runai.tokens import is_token
from declarative.runai.vendor_login import VendorLogin


# A dataclass, and no Struct: it can leave out of its words what is secret.
@dataclass(frozen=True, slots=True)
class Credentials:
    """A token, or an application that fetches one, or somebody's login; the first that is there counts.

    `shortcoming` says why a login that was found does not count.
    """

    token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    login: VendorLogin | None = None
    shortcoming: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Credentials:
        """From `DECLARATIVE_TOKEN`, or `DECLARATIVE_CLIENT_ID` and `DECLARATIVE_CLIENT_SECRET`; where none of them is set, from
        the login of the vendor's command line.

        Raises Unauthorized for a token that no header can carry; the refusal does not repeat it.
        """
        token, client_id, secret = (
            environ.get(f"DECLARATIVE_{name}", "").strip() or None for name in ("TOKEN", "CLIENT_ID", "CLIENT_SECRET")
        )
        if token and token.casefold().startswith("bearer "):
            detail = "DECLARATIVE_TOKEN begins with the word Bearer, which is no part of the token."
            raise Unauthorized(Diagnostic("Unusable token", detail, "leave out Bearer: set it to the bare token"))
        if token and not is_token(token):
            detail = "DECLARATIVE_TOKEN holds a line break, or a character that no token has."
            raise Unauthorized(Diagnostic("Unusable token", detail, "set it to the bare token"))
        if token or client_id or secret:
            return cls(token, client_id, secret)
        return cls(login=vendor_login.find(environ), shortcoming=vendor_login.shortcoming(environ))

    def source(self, endpoint: str, ask: Ask) -> Source:
        """Where the tokens for `endpoint` come from. A login at another control plane is no login here."""
        if self.token:
            return GivenToken(self.token)
        if self.client_id and self.client_secret:
            return Application(self.client_id, self.client_secret, ask)
        if self.login and self.login.is_for(endpoint):
            return CommandLineLogin(self.login)
        return Nothing(self._lack(endpoint))

    def _lack(self, endpoint: str) -> str:
        none = f"There are no credentials for {endpoint}."
        if self.client_id or self.client_secret:
            missing = "SECRET" if self.client_id else "ID"
            return f"{none} DECLARATIVE_CLIENT_{missing} is not set."
        if self.login:
            return f"{none} The `runai` command line is logged in at {self.login.control_plane}."
        return f"{none} {self.shortcoming}" if self.shortcoming else none
