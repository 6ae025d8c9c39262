"""Messages between Blender and the worker, and what is no message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niki.service import wire
from niki.service.wire import WireError

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
params = st.dictionaries(st.text(min_size=1).filter(lambda n: n not in ("identity", "method")), anything)


@given(st.integers(), st.text(), params)
def test_a_request_arrives_as_it_was_sent(identity, method, params):
    line = wire.request(identity, method, **params)
    assert line.count(b"\n") == 1
    assert wire.parse(line) == (
        "request", {"jsonrpc": "2.0", "id": identity, "method": method, "params": params},
    )  # fmt: skip


@given(st.integers(), anything)
def test_answers_arrive_as_they_were_sent(identity, value):
    kind, message = wire.parse(wire.result(identity, value))
    assert (kind, message["id"], message["result"]) == ("result", identity, value)
    kind, message = wire.parse(wire.error(identity, WireError(wire.FAILED, "no", "try again")))
    assert (kind, message["error"]["message"], message["error"]["data"]["hint"]) == (
        "error",
        "no",
        "try again",
    )
    kind, message = wire.parse(wire.notification("progress", done=3))
    assert (kind, message["params"]) == ("notification", {"done": 3})


@given(st.binary() | st.text().map(str.encode) | anything.map(lambda v: json.dumps(v).encode()))
def test_what_is_no_message_is_refused_and_nothing_else_happens(line):
    with pytest.raises(WireError):
        wire.parse(line)
    wire.identity_of(line)


fields = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0")},
    optional={name: anything for name in ("id", "method", "params", "result", "error")},
)


@given(fields)
def test_fields_of_a_message_have_their_types(message):
    try:
        kind, parsed = wire.parse(json.dumps(message).encode())
    except WireError:
        return
    if kind in ("request", "notification"):
        assert isinstance(parsed["method"], str)
        assert isinstance(parsed["params"], dict)
    if kind == "error":
        assert isinstance(parsed["error"]["message"], str)
        assert isinstance(parsed["error"]["data"]["hint"], str)


@pytest.mark.parametrize(
    "line",
    [
        b'{"jsonrpc": "2.0", "id": 1, "method": "a", "params": {"x": 1e999}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "a", "params": {"x": NaN}}',
        b'{"jsonrpc": "2.0", "id": 1, "method": "a", "params": {"x": ' + b"9" * 5000 + b"}}",
        b"[" * 100000,
        b'{"a": ' + b" " * wire.LONGEST + b"1}",
        b'{"jsonrpc": "2.0", "id": 1, "meth',
        b"\xff\xfe",
    ],
)
def test_numbers_depth_and_length_have_bounds(line):
    with pytest.raises(WireError) as caught:
        wire.parse(line)
    assert caught.value.code == wire.PARSE_ERROR
