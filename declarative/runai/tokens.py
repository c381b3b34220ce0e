"""Bearer tokens: how long they are good for, and whose they are."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

# A token is replaced this many seconds before it expires; one that lives shorter, after half of its life.
MARGIN = 60.0


# A dataclass, and no Struct: it can leave out of its words what is secret.
@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when to get another, in seconds since the epoch: infinity for one that is used until it is refused."""

    text: str = field(repr=False)
    renew_at: float = math.inf


class Identity(Struct, frozen=True):
    """Whose a token is, as far as it tells. `expires` is in seconds since the epoch."""

    name: str | None = None
    email: str | None = None
    client: str | None = None
    expires: float | None = None


def issued(text: str, lifetime: Any, now: float) -> Token:
    """A token that was issued just now. `lifetime` is what the answer said of it, in seconds, if anything.

    Where it said nothing, the token itself tells; one that does not is used until it is refused.
    """
    seconds = _seconds(lifetime)
    if seconds is None or seconds <= 0:
        found = claims(text)
        expires, since = _seconds(found.get("exp")), _seconds(found.get("iat"))
        if expires is None:
            return Token(text)
        # By the issuer's own clock, where it tells: a clock that is wrong here must not age a token.
        seconds = expires - (since if since is not None and since < expires else now)
    return Token(text, now + seconds - min(MARGIN, seconds / 2))


def identity(text: str) -> Identity:
    """What the claims of a token say of its owner; nothing for an opaque one."""
    found = claims(text)

    def first(*names: str) -> str | None:
        return next((value for name in names if isinstance(value := found.get(name), str) and value), None)

    return Identity(
        first("name", "preferred_username", "sub"),
        first("email"),
        first("clientId", "client_id", "azp"),
        _seconds(found.get("exp")),
    )


def claims(text: str) -> Mapping[str, Any]:
    """The claims of a JSON Web Token, unverified, as only its issuer can; none of an opaque one."""
    try:
        payload = text.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def is_token(text: str) -> bool:
    """Whether a header can carry the text as a token."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _seconds(value: Any) -> float | None:
    """A finite number; some servers write it as text."""
    try:
        number = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
