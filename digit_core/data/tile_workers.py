"""Processes that make training examples, so that a training never waits for them. Imports no TensorFlow."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from queue import Empty, Full

import cv2
import numpy as np

Supply = Callable[[int], object]  # seed -> something with batch(count), as SyntheticPages
WAITING = 8  # batches that wait to be trained on
PATIENCE = 20  # seconds after which the processes are looked at


def start(supply: Supply, seed: int, done: int, batch: int, count: int):
    """A queue of batches and the daemon processes that fill it.

    Args:
        supply: makes a source of tiles; must be picklable, since it runs in the new processes.
        seed, done: the training's seed and how many tiles it has seen, so that none comes again.
        batch: tiles a batch.
        count: processes.
    """
    context = multiprocessing.get_context("spawn")
    queue = context.Queue(WAITING)
    workers = []
    for number in range(count):
        own = int(np.random.SeedSequence([seed, done, number]).generate_state(1)[0])
        workers.append(context.Process(target=_fill, args=(queue, supply, own, batch, os.getpid()), daemon=True))
        workers[-1].start()
    return queue, workers


def take(queue, workers) -> tuple:
    """The next batch.

    Raises:
        RuntimeError: the processes that make tiles have died.
    """
    while True:
        try:
            return queue.get(timeout=PATIENCE)
        except Empty:
            if not any(worker.is_alive() for worker in workers):
                raise RuntimeError("The processes that make tiles have died; their log says why.") from None


def _fill(queue, supply: Supply, seed: int, batch: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the training, which ends its processes itself
    cv2.setNumThreads(1)
    queue.cancel_join_thread()  # exit even if batches are left in the queue
    pages = supply(seed)
    made = pages.batch(batch)
    while os.getppid() == parent:
        try:
            queue.put(made, timeout=PATIENCE)
        except Full:
            continue
        made = pages.batch(batch)
