"""Runs a graph of `scripts/export_onnx.py`, several inputs at once.

Each input is one text, without padding, and is computed by one thread from beginning to end. On two
cores that was faster than batches of which the cores share each product: nothing is padded, no
thread waits for another, and all that a layer computes stays in the core's own cache. And what
comes out for a text does not depend on the texts beside it.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from files.reading import one_line
from models.contracts import FloatArray, ModelError
from models.onnx.files import AGAIN, GRAPH

Feed = Mapping[str, NDArray[np.int64]]
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class Session:
    """A graph, and the threads that run it. `inputs` and `outputs` are names."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __init__(self, folder: Path, *, threads: int = 0) -> None:
        """Load a folder's graph for `threads` texts at a time; 0 is as many as there are cores.

        Raises ModelError where ONNX Runtime can't run it.
        """
        self._session = _open(folder / GRAPH)
        self.inputs = tuple(one.name for one in self._session.get_inputs())
        self.outputs = tuple(one.name for one in self._session.get_outputs())
        self.threads = threads or available_cores()
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix=folder.name)

    def run(self, feed: Feed) -> list[FloatArray]:
        """Return the outputs for one batch of texts of one length."""
        made: list[FloatArray] = self._session.run(None, {name: feed[name] for name in self.inputs})
        return made

    def each(self, function: Callable[[_In], _Out], items: Iterable[_In]) -> Iterator[_Out]:
        """Call a function with each item, several at a time; yield in the order of the items."""
        waiting = list(items)
        if len(waiting) == 1:
            return map(function, waiting)  # for one, another thread would only be woken in vain
        return self._pool.map(function, waiting)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _open(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors, which are raised too
    options.enable_mem_pattern = False  # a plan for every length of text would only be kept
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors have no common type but this
        raise ModelError(
            f"ONNX Runtime can't run {path} ({one_line(error)[:200]}): {AGAIN}"
        ) from error
