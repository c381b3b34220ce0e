"""What answers and lost connections become: the right class of the error tree, with the server's own words."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from declarative.diagnostics import Diagnostic
from declarative.errors import Conflict, NotFound, Refused, Unauthorized, Unreachable

# What is likely where every read is answered 404.
NOTHING_FOUND = Diagnostic(
    "No control plane found",
    "Every read was answered 404.",
    "check the endpoint: a control plane has at least some of the paths that were asked for",
)
_POLICY_HINT = "write what the policy allows, or ask its administrator to change it"
_NEVER_SENT = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError),
    *(httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError),
)
# What OpenSSL says of an answer that is no TLS, by release.
_NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
# Characters of an answer that is plain text.
_PLAIN = 200


def unreachable(endpoint: str, request: str, error: Exception) -> Unreachable:
    """No answer came: whether the request may have been carried out all the same, and what to look at."""
    what, hint = _what_failed(endpoint, error)
    never_sent = isinstance(error, _NEVER_SENT)
    is_silent = isinstance(error, httpx.TimeoutException) and not never_sent
    summary = "No answer from the control plane" if is_silent else "Control plane unreachable"
    return Unreachable(Diagnostic(summary, f"{request}: {endpoint} {what}.", hint), ambiguous=not never_sent)


def _what_failed(endpoint: str, error: Exception) -> tuple[str, str]:
    hint = "check the endpoint and the network; `--endpoint sandbox` needs neither"
    if isinstance(error, httpx.ConnectTimeout):
        return "took no connection in time", hint
    if isinstance(error, httpx.TimeoutException):
        return "took the connection, but gave no answer in time", hint
    if isinstance(error, httpx.ProxyError):
        return f"cannot be reached through the proxy: {error}", "check HTTPS_PROXY and NO_PROXY"
    untrusted = _untrusted(error)
    if untrusted:
        hint = "set DECLARATIVE_CA_BUNDLE to a file with the certificate of the authority that signed it"
        return f"has a certificate that is not trusted: {untrusted.verify_message or 'unknown authority'}", hint
    if any(isinstance(one, ssl.SSLError) and one.reason in _NO_TLS for one in _causes(error)):
        return "does not speak TLS", f"write http://{endpoint.partition('://')[2]}, or name the port that speaks TLS"
    return f"cannot be reached: {str(error).rstrip('.') or type(error).__name__}", hint


def _untrusted(error: Exception) -> ssl.SSLCertVerificationError | None:
    """What was wrong with the certificate, if that is what it was."""
    return next((one for one in _causes(error) if isinstance(one, ssl.SSLCertVerificationError)), None)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def refusal(response: httpx.Response, request: str, signed_in: str) -> Refused | Unauthorized:
    """The error of an answer that is not good. `signed_in` says by which way we are, and how to do it anew."""
    envelope = _envelope(response)
    status = response.status_code
    answer = f"{request} answered {status}: {message(response)}."
    details = envelope.get("details")
    first = f"{answer} {details}" if details else answer

    def told(summary: str, hint: str | None = None) -> tuple[Diagnostic, ...]:
        issues = tuple(_issues(envelope, answer, first))
        return issues or (Diagnostic(summary, first, hint),)

    if status == httpx.codes.UNAUTHORIZED:
        return Unauthorized(*told("Not signed in", signed_in))
    if response.has_redirect_location:
        return Refused(_redirected(response, answer), status=status)
    # The control plane says 404 with an object. A page, a line of text or nothing at all may come from what stands before
    # it, which knows of no objects: to believe it would forget what is there.
    if status == httpx.codes.NOT_FOUND and _is_object(response):
        return NotFound(*told("No such object"), status=status)
    if status == httpx.codes.CONFLICT or (status == httpx.codes.BAD_REQUEST and _is_duplicate(response, details)):
        return Conflict(*told("Conflict at the control plane"), status=status)
    forbidden = "the credentials are valid, but may not do this" if status == httpx.codes.FORBIDDEN else None
    return Refused(
        *told("Refused by the control plane", forbidden), status=status, wordless=not response.content.strip()
    )


def _is_duplicate(response: httpx.Response, details: Any) -> bool:
    """Whether a 400 says that a name is taken; the words may stand in the message or in the details."""
    return "already exists" in f"{message(response)} {details}".casefold()


def _redirected(response: httpx.Response, answer: str) -> Diagnostic:
    """Redirects are never followed: a token that goes along would reach a server that it is not for."""
    asked = response.request.url
    try:
        target = asked.join(response.headers["Location"])
    except httpx.InvalidURL:
        target = asked
    place = target.copy_with(query=None, fragment=None, username=None, password=None)
    hint = "check the endpoint: a login page or a proxy stands before the control plane, or it has moved"
    if (target.host, target.path) == (asked.host, asked.path) and (asked.scheme, target.scheme) == ("http", "https"):
        hint = f"write the endpoint as https://{target.netloc.decode()}"
    return Diagnostic("Redirected to another place", f"{answer.rstrip('.')}, which leads to {place}.", hint)


def message(response: httpx.Response) -> str:
    """The words of an answer, of whichever form it is, without a full stop."""
    envelope = _envelope(response)
    for name in ("message", "error_description", "error"):
        if envelope.get(name):
            return str(envelope[name]).rstrip(".")
    if response.headers.get("Content-Type", "").startswith("text/plain") and response.text.strip():
        return " ".join(response.text.split())[:_PLAIN].rstrip(".")
    return response.reason_phrase or "no message"


def _issues(envelope: Mapping[str, Any], answer: str, first: str) -> Iterator[Diagnostic]:
    """What the policy has against single fields. `answer` says what was answered, `first` with all details, told once."""
    given = envelope.get("complianceIssues")
    for issue in given if isinstance(given, list) else ():
        found: Mapping[str, Any] = issue if isinstance(issue, Mapping) else {"details": issue}
        field = found.get("field")
        named = field.strip() if isinstance(field, str) else ""
        details = found.get("details")
        words = "" if details is None else str(details).strip().rstrip(".")
        if named or words:
            complaint = f"`{named}`: {words or 'not allowed'}." if named else f"{words}."
            yield Diagnostic("Refused by policy", f"{complaint}\n{first}", _POLICY_HINT, field=named or None)
            first = answer


def _is_object(response: httpx.Response) -> bool:
    return isinstance(_json(response), Mapping)


def _envelope(response: httpx.Response) -> Mapping[str, Any]:
    """The error envelope; empty where a gateway answered with HTML or nothing."""
    found = _json(response)
    return found if isinstance(found, Mapping) else {}


def _json(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None
