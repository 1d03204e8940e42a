"""Training on endless made-up examples: schedule, EMA, checkpoints, resuming.

    train(task, Settings(examples=4_000_000), supply, folder, on_event=print)

Worker processes make the examples. The learning rate follows a warm-up, stable, decay schedule, so that a training
can be extended; the EMA of the weights is kept. `page_training`, `mark_training` and `line_training` define the
tasks.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digit_core import paths
from digit_core.data import tile_workers
from digit_core.frameworks import keras, tf

REPORT_EVERY = 100  # steps


@dataclass(frozen=True)
class Task:
    """What is trained.

    Attributes:
        build: makes the untrained network.
        measure: (answer, targets) -> losses float32 (k,), and how well it does, a scalar 0..1.
        weights: the name and weight of each loss.
    """

    build: Callable[[], keras.Model]
    measure: Callable[[tf.Tensor, object], tuple[tf.Tensor, tf.Tensor]]
    weights: dict[str, float]


@dataclass(frozen=True)
class Settings:
    """What decides a training."""

    examples: int = 4_000_000
    batch: int = 24
    learning_rate: float = 2e-3
    warm_up: int = 300  # steps
    decay: float = 0.2  # last fraction of the training over which the learning rate falls to 1 %
    weight_decay: float = 0.01
    ema: float = 0.9995
    clip: float = 5.0  # norm of a gradient
    seed: int = 1
    precision: str = "mixed_bfloat16"  # or "float32"
    workers: int = 1  # processes that make examples
    checkpoint_minutes: float = 4.0

    def rate(self, done: int) -> float:
        """The learning rate after so many examples."""
        rising = min(1.0, (done / self.batch + 1) / self.warm_up)
        falling = min(1.0, (1 - done / self.examples) / self.decay)
        return self.learning_rate * rising * max(falling, 0.01)


@dataclass(frozen=True)
class Progress:
    """Reported every hundred steps; losses and accuracy are means over these."""

    examples: int
    seconds: float
    waiting: float  # fraction of the time spent waiting for examples
    losses: dict[str, float]
    accuracy: float


def train(
    task: Task,
    settings: Settings,
    supply: tile_workers.Supply,
    folder: Path,
    start: Sequence[np.ndarray] | None = None,
    on_event: Callable[[Progress], None] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[keras.Model, int]:
    """Train, or go on from the folder's checkpoint if it holds one.

    Args:
        supply: makes the source of examples in a process of its own; must be picklable.
        folder: where `checkpoint.npz` is written every few minutes.
        start: weights to begin with, as `PageModel.weights` gives them, where there is no checkpoint.

    Returns:
        the network with the EMA of its weights, float32; and how many examples it has seen.
    """
    keras.mixed_precision.set_global_policy(settings.precision)
    keras.utils.set_random_seed(settings.seed)
    state = _State(task, settings)
    checkpoint = folder / "checkpoint.npz"
    if checkpoint.exists():
        state.restore(checkpoint)
    elif start is not None:
        state.begin_with(start)
    begun = state.examples
    queue, workers = tile_workers.start(supply, settings.seed, state.examples, settings.batch, settings.workers)
    try:
        _run(settings, state, lambda: tile_workers.take(queue, workers), checkpoint, on_event, should_stop)
    finally:
        for worker in workers:
            worker.terminate()
        keras.mixed_precision.set_global_policy("float32")
        if state.examples > begun:
            state.save(checkpoint)
    if not checkpoint.exists():
        state.save(checkpoint)
    return averaged(task, checkpoint), state.examples


def averaged(task: Task, checkpoint: Path) -> keras.Model:
    """The network of a checkpoint with the EMA of its weights, float32."""
    model = task.build()
    with np.load(checkpoint, allow_pickle=False) as arrays:
        for index, variable in enumerate(model.variables):
            variable.assign(arrays[f"ema_{index}"])
    return model


def blend(model: keras.Model, weights: Sequence[np.ndarray], share: float) -> None:
    """Interpolate: a fraction `share` of these weights, in the order of the model's variables, the rest its own.

    The network then forgets less of what it knew (weight interpolation, Wortsman et al. 2022).
    """
    for variable, before in zip(model.variables, weights, strict=True):
        variable.assign(share * before + (1 - share) * variable)


class _State:
    """Network, EMA and optimizer: what a checkpoint holds."""

    def __init__(self, task: Task, settings: Settings):
        self.task, self.settings, self.examples = task, settings, 0
        self.model = task.build()
        self.optimizer = keras.optimizers.AdamW(
            settings.learning_rate, weight_decay=settings.weight_decay, clipnorm=settings.clip
        )
        self.optimizer.exclude_from_weight_decay(var_names=["beta", "gamma", "bias"])
        self.optimizer.build(self.model.trainable_variables)
        self.ema = [tf.Variable(variable, trainable=False) for variable in self.model.variables]
        self.step = tf.function(self._step, reduce_retracing=True)

    def _groups(self) -> dict[str, list]:
        return {"weights": self.model.variables, "ema": self.ema, "optimizer": self.optimizer.variables}

    def begin_with(self, weights: Sequence[np.ndarray]) -> None:
        for variable, average, value in zip(self.model.variables, self.ema, weights, strict=True):
            variable.assign(value)
            average.assign(value)

    def save(self, path: Path) -> None:
        arrays = {f"{name}_{i}": np.asarray(v) for name, group in self._groups().items() for i, v in enumerate(group)}
        path.parent.mkdir(parents=True, exist_ok=True)
        with paths.replacing_file(path) as file:
            np.savez(file, examples=self.examples, **arrays)

    def restore(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as arrays:
            self.examples = int(arrays["examples"])
            for name, group in self._groups().items():
                for index, variable in enumerate(group):
                    variable.assign(arrays[f"{name}_{index}"])

    def _step(self, inputs, targets, decay):
        """One step; returns the losses and the accuracy, float32 (k + 1,)."""
        with tf.GradientTape() as tape:
            answer = self.model(inputs, training=True)
            losses, accuracy = self.task.measure(answer, targets)
            loss = tf.reduce_sum(losses * tf.constant(list(self.task.weights.values())))
        variables = self.model.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        for average, variable in zip(self.ema, self.model.variables, strict=True):
            average.assign(average * decay + tf.cast(variable, average.dtype) * (1 - decay))
        return tf.concat([losses, accuracy[tf.newaxis]], 0)


def _run(settings: Settings, state: _State, take, checkpoint: Path, on_event, should_stop) -> None:
    names = list(state.task.weights)
    start = saved = reported = time.monotonic()
    sums, waited, steps = np.zeros(len(names) + 1), 0.0, state.examples // settings.batch
    while state.examples < settings.examples and not should_stop():
        before = time.monotonic()
        inputs, targets = tf.nest.map_structure(tf.constant, take())
        waited += time.monotonic() - before
        state.optimizer.learning_rate.assign(settings.rate(state.examples))
        decay = tf.constant(min(settings.ema, (1 + steps) / (10 + steps)), tf.float32)
        sums += state.step(tf.cast(inputs, tf.float32), targets, decay).numpy()
        state.examples += settings.batch
        steps += 1
        if steps % REPORT_EVERY == 0:
            now = time.monotonic()
            means = sums / REPORT_EVERY
            idle = waited / (now - reported)
            losses = dict(zip(names, means[:-1].tolist(), strict=True))
            on_event(Progress(state.examples, now - start, idle, losses, float(means[-1])))
            sums[:], waited, reported = 0, 0.0, now
        if time.monotonic() - saved > 60 * settings.checkpoint_minutes:
            state.save(checkpoint)
            saved = time.monotonic()
