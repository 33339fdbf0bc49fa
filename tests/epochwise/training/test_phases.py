"""The state of a training in phases holds everything that changes, once."""

import keras

from epochwise.training import phases, runtime


def test_each_variable_of_the_state_is_there_once() -> None:
    runtime.start(seed=0)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2)(inputs)
    part = keras.Model(inputs, hidden)
    fitted = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dropout(0.5)(hidden)))
    fitted.compile("adam", "mse")
    fitted.optimizer.build(fitted.trainable_variables)
    state = phases.state([part, fitted], [fitted])
    found = [id(variable) for variable in state]
    assert len(found) == len(set(found))
    assert set(found) == {id(v) for v in [*fitted.variables, *fitted.optimizer.variables]}
    assert any(variable.path.endswith("seed_generator_state") for variable in state)
