"""Keeps what is secret out of everything that a plan says of what is live.

A control plane answers with plain texts. Where a manifest or the state hides a text, what is live in its place is hidden,
too, whatever it says: somebody may have changed it by hand, and it may be the secret of tomorrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from declarative.kinds.kind import Kind
from declarative.kinds.shape import ANY, ListOf, MapOf, Object, Shape
from declarative.model.secret import TELLING, Sealed, Secret, alike, hidden_in, hides, seal
from declarative.model.value import FrozenMap, Value
from declarative.plan.match import is_same


class Veil:
    """Seals every text of a body that one of the `declared` bodies of its kind hides, with the key of the state if it has one.

    `declared` are in the methods the values that are declared for the place of the live one.
    """

    def __init__(self, kind: Kind, declared: Iterable[FrozenMap | None], key: bytes = b"") -> None:
        self._kind = kind
        distinct: list[FrozenMap] = []  # mostly they are equal, which is quicker to see than what they hide
        for one in declared:
            if one is not None and one not in distinct:
                distinct.append(one)
        self._hiding = [one for one in distinct if hides(one)]
        self._key = key

    def over(self, body: FrozenMap) -> FrozenMap:
        """`body` as it may be kept and shown; itself where nothing is hidden."""
        return self.mapping(self._kind.shape, body, self._hiding) if self._hiding else body

    def shown(self, body: FrozenMap) -> FrozenMap:
        """`body` for a reader, without what repeats a secret in another place: servers copy what they are told."""
        if not self._hiding:
            return body
        known = [hidden for one in self._hiding for hidden in hidden_in(one)]
        texts = {text for one in known if isinstance(one, Secret) for text in one.texts if len(text) >= TELLING}
        digests = {one.digest for one in known if isinstance(one, Sealed)}

        def sweep(live: Value) -> Value:
            if isinstance(live, Mapping):
                return FrozenMap({name: sweep(item) for name, item in live.items()})
            if isinstance(live, tuple):
                return tuple(map(sweep, live))
            if not isinstance(live, str):
                return live
            repeats = any(text in live for text in texts) or seal(live, self._key).digest in digests
            return seal(live, self._key) if repeats else live

        veiled = self.over(body)
        return FrozenMap({**veiled, "spec": sweep(veiled.get("spec"))})

    def value(self, shape: Shape, live: Value, declared: Sequence[Value]) -> Value:
        declared = [one for one in declared if hides(one)]
        if not declared:
            return live
        if isinstance(live, Mapping) and isinstance(shape, (Object, MapOf)):
            return self.mapping(shape, live, [one for one in declared if isinstance(one, Mapping)])
        if isinstance(live, tuple) and isinstance(shape, ListOf):
            members = [item for one in declared if isinstance(one, tuple) for item in one]
            if shape.keyed:
                return tuple(self.item(shape.item, shape.keyed.fields, item, members) for item in live)
            return tuple(self.member(item, members) for item in live)
        return self.sealed(live)

    def mapping(
        self, shape: Object | MapOf, live: Mapping[str, Value], declared: Sequence[Mapping[str, Value]]
    ) -> FrozenMap:
        def inner(name: str) -> Shape:
            return shape.fields.get(name, ANY) if isinstance(shape, Object) else shape.item

        return FrozenMap(
            {name: self.value(inner(name), item, [one.get(name) for one in declared]) for name, item in live.items()}
        )

    def item(self, shape: Shape, keys: tuple[str, ...], live: Value, members: Sequence[Value]) -> Value:
        """An item that has a name: the declared ones of that name are its own."""
        return self.value(shape, live, [one for one in members if is_same(one, live, keys)])

    def member(self, live: Value, members: Sequence[Value]) -> Value:
        """An item without a name may be any of those that are hidden, unless it is plainly declared."""
        own = [one for one in members if alike(one, live)]
        return live if own and not any(map(hides, own)) else self.sealed(live)

    def sealed(self, live: Value) -> Value:
        if isinstance(live, Mapping):
            return FrozenMap({name: self.sealed(item) for name, item in live.items()})
        if isinstance(live, tuple):
            return tuple(map(self.sealed, live))
        # A server may answer a text of digits with a number.
        is_text = isinstance(live, (str, int, float)) and not isinstance(live, bool)
        return seal(str(live), self._key) if is_text else live
