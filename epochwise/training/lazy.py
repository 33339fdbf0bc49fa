"""An optimizer that leaves alone what a batch has not touched."""

import keras
import tensorflow as tf


class LazyAdamax(keras.optimizers.Adamax):
    """Adamax (Kingma & Ba 2015) that updates only the rows of an embedding that a batch reads.

    Rows are updated without momentum (`beta_1` = 0). Adamax moves every row at every step as long
    as its momentum lasts: a tenth of each gradient when the row is read, the rest in the following
    steps, in which the row is not updated here. A step costs what the batch's words cost, however
    large the vocabulary is. All other variables are updated as by Adamax.
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
        norm = self._u[self._get_variable_index(variable)].value
        rows, sums = tf.unique(gradient.indices)
        change = tf.math.unsorted_segment_sum(gradient.values, sums, tf.size(rows))
        u = tf.maximum(self.beta_2 * tf.gather(norm, rows), tf.abs(change))
        norm.scatter_update(tf.IndexedSlices(u, rows))
        step = learning_rate * change / (u + self.epsilon)
        variable.scatter_sub(tf.IndexedSlices(step, rows))
