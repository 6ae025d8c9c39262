"""The flow is a bijection for any weights, conditions and values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from niki.network.flow import Flow, FlowSpec

SPECS = {
    "residual": FlowSpec(20, 8, 5, ((16, 1), (12, 2), (16, 1)), first="A"),
    "starts with B": FlowSpec(20, 8, 5, ((16, 1), (12, 1)), first="B"),
    "published": FlowSpec(21, 10, 0, ((16, 0),) * 4, alternating=True),
}


def some_flow(spec, seed=0, size=0.6):
    rng = np.random.default_rng(seed)
    weights = {
        name: (w + size * rng.normal(size=w.shape) / np.sqrt(w.shape[-1])).astype(np.float32)
        for name, w in spec.initial_weights("flow", rng).items()
    }
    return Flow(spec, weights, "flow")


def some_input(spec, rng, *shape):
    return (
        rng.normal(size=(*shape, spec.width)).astype(np.float32),
        rng.normal(size=(*shape, spec.condition)).astype(np.float32),
    )


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_initial_weights_change_nothing(spec, rng):
    flow = Flow(spec, spec.initial_weights("flow", rng), "flow")
    x, condition = some_input(spec, rng, 3)
    np.testing.assert_array_equal(flow.inverse(x, condition), x)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**31), spread=st.floats(0.01, 10))
def test_forward_undoes_inverse_and_inverse_forward(spec, seed, spread):
    rng = np.random.default_rng(seed)
    flow = some_flow(spec, seed)
    x, condition = some_input(spec, rng, 4)
    x = x * np.float32(spread)
    tolerance = 1e-5 * max(1, spread)
    np.testing.assert_allclose(flow.forward(flow.inverse(x, condition), condition), x, atol=tolerance)
    np.testing.assert_allclose(flow.inverse(flow.forward(x, condition), condition), x, atol=tolerance)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_batch_is_its_rows_in_any_order(spec, rng):
    flow = some_flow(spec)
    x, condition = some_input(spec, rng, 6)
    whole = flow.inverse(x, condition)
    rows = [flow.inverse(x[i], condition[i]) for i in range(6)]
    np.testing.assert_allclose(whole, rows, atol=1e-5)
    order = rng.permutation(6)
    np.testing.assert_allclose(flow.inverse(x[order], condition[order]), whole[order], atol=1e-5)


def test_the_condition_steers_both_directions(rng):
    spec = SPECS["residual"]
    flow = some_flow(spec)
    x, condition = some_input(spec, rng, 2)
    assert np.abs(flow.inverse(x, condition) - flow.inverse(x, condition + 1)).max() > 0.01
    assert np.abs(flow.forward(x, condition) - flow.forward(x, condition + 1)).max() > 0.01
