"""An optimizer that leaves alone what a batch has not touched."""

import keras
import tensorflow as tf


class LazyAdamax(keras.optimizers.Adamax):
    """Adamax (Kingma & Ba 2015) that updates only the rows of an embedding that a batch reads.

    Adamax itself moves every row at every step, as long as its momentum lasts; here a row and its
    moments wait until a batch has the word again, as in TensorFlow's LazyAdam. A step costs what
    the batch's words cost, however large the vocabulary is. All other variables are updated as by
    Adamax.
    """

    def update_step(
        self,
        gradient: tf.Tensor | tf.IndexedSlices,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        """Update `variable`, by rows if its `gradient` is given for some of them."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        place = self._get_variable_index(variable)
        momentum, norm = self._m[place].value, self._u[place].value
        rows, sums = tf.unique(gradient.indices)
        change = tf.math.unsorted_segment_sum(gradient.values, sums, tf.size(rows))
        correction = 1 - self.beta_1 ** tf.cast(self.iterations.value + 1, change.dtype)
        m = tf.gather(momentum, rows)
        m += (change - m) * (1 - self.beta_1)
        u = tf.maximum(self.beta_2 * tf.gather(norm, rows), tf.abs(change))
        step = learning_rate * m / (correction * (u + self.epsilon))
        momentum.scatter_update(tf.IndexedSlices(m, rows))
        norm.scatter_update(tf.IndexedSlices(u, rows))
        variable.scatter_sub(tf.IndexedSlices(step, rows))
