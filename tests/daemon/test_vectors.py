"""The Python side of the shared vectors; tests/unit/base has the C side."""

from __future__ import annotations

import pytest

from support import wire

VECTORS = list(wire.vectors())


def test_every_type_has_a_vector() -> None:
    assert {wire.decode(vector.data).type for vector in VECTORS} == set(wire.TYPES)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_there_and_back(vector: wire.Vector) -> None:
    frame = wire.decode(vector.data)
    assert {"type": frame.type, "flags": frame.flags, **frame.fields} == vector.fields
    assert wire.encode(frame.type, frame.flags, **frame.fields) == vector.data
