"""Training on several devices: the strategy, and what `fit` needs for it.

All GPUs of this machine are used automatically. Several machines are configured by
TensorFlow's environment variable `TF_CONFIG`, identical on each except for the index:

    {"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}

All run the same steps, each on its part of every batch, and keep identical weights.
"""

import contextlib
import functools
import json
import os
from collections.abc import Iterator

from digit_core.frameworks import keras, tf

LOST = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.InternalError)


class DistributionError(Exception):
    """Training on several machines cannot continue; the message tells the user why."""


class WorkerLostError(DistributionError):
    """Another worker has gone."""


@functools.cache  # a process can join its cluster only once
def strategy() -> tf.distribute.Strategy:
    """The strategy for this machine and its `TF_CONFIG`.

    Raises:
        DistributionError: `TF_CONFIG` cannot be understood, or the workers do not find each other.
    """
    if workers() > 1:
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise DistributionError(f"The workers of TF_CONFIG do not come together: {error}") from error
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def workers() -> int:
    """How many machines `TF_CONFIG` names; 1 without it.

    Raises:
        DistributionError: it is not JSON of the form above.
    """
    try:
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        cluster = config.get("cluster", {})
        if set(cluster) - {"worker"}:
            raise ValueError("only machines of the kind 'worker' are known")
        count = len(cluster.get("worker", []))
        if count > 1 and not (config["task"]["type"] == "worker" and 0 <= int(config["task"]["index"]) < count):
            raise ValueError("its task is not one of its workers")
        return max(1, count)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DistributionError(f"The environment variable TF_CONFIG cannot be understood: {error}.") from error


def make_repeatable() -> None:
    """Make GPU operations deterministic, at some cost in speed; CPUs already are."""
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files: the worker with index 0."""
    return strategy.cluster_resolver is None or strategy.cluster_resolver.task_id in (None, 0)


def has_many(model: keras.Model) -> bool:
    """Whether several devices train copies of this model side by side."""
    return model.distribute_strategy is not None and model.distribute_strategy.num_replicas_in_sync > 1


def fit_for(strategy: tf.distribute.Strategy, model: keras.Model) -> keras.Model:
    """The model in a form that `fit` can train under this strategy."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return _MultiWorkerModel(model.inputs, model.outputs, name=model.name)
    return model


def check_in_step(strategy: tf.distribute.Strategy, epoch: int) -> None:
    """Make sure that all workers begin with the same epoch.

    Raises:
        DistributionError: they do not, as when only one of them has the checkpoint.
    """
    if workers() == 1:
        return
    mine = tf.function(lambda: strategy.run(lambda: tf.constant(float(epoch))))()
    if float(strategy.reduce("MEAN", mine, axis=None)) != epoch:
        raise DistributionError("The workers begin with different epochs: give each of them worker 0's checkpoint.")


@contextlib.contextmanager
def noticing_lost_workers() -> Iterator[None]:
    """Replace the various errors that a lost worker causes by a clear one.

    Raises:
        WorkerLostError: another worker was lost.
    """
    try:
        yield
    except LOST as error:
        if workers() == 1:
            raise
        raise WorkerLostError(
            "Another worker has gone, or the connection to it, so training cannot go on together. "
            "What was learnt up to the last whole epoch is in the checkpoint of worker 0: "
            "resume from it, with all workers or on one machine without TF_CONFIG."
        ) from error


class _MultiWorkerModel(keras.Model):
    """Works round Keras issue 20585: `fit` with several workers reduces its logs along an axis that they lack.

    Steps run as in Keras' own loop, but every logged value is a scalar, reduced over all replicas.
    """

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            self.train_function = self._on_every_replica(self.train_step)

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            self.test_function = self._on_every_replica(self.test_step)

    def _on_every_replica(self, step):
        strategy = self.distribute_strategy

        @tf.function
        def run(iterator):
            logs = strategy.run(step, args=(next(iterator),))
            return {name: strategy.reduce("MEAN", value, axis=None) for name, value in logs.items()}

        return run

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Do nothing: `_compile` has built everything, and Keras' version would reduce whole batches over workers."""
