"""Reads with Haystack's `ExtractiveReader` what comes as JSON, a line each, on standard input.

It is run by scripts/benchmark.py with another Python, which has requirements-benchmark.txt, and so
imports nothing of this project. The first line is {"model", "threads"}, answered by {"version"};
each other one is {"question", "passages"}, answered by {"ranges", "seconds"}.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any


def _load(folder: str, threads: int) -> Any:  # noqa: ANN401 - Haystack is in another environment
    import torch  # noqa: PLC0415 - after the warnings are silenced
    from haystack.components.readers import ExtractiveReader  # noqa: PLC0415 - likewise
    from haystack.utils import ComponentDevice  # noqa: PLC0415 - likewise

    torch.set_num_threads(threads)
    # Single precision, as Haystack had it until transformers 5 came to load weights as they are
    # stored: in half precision a CPU is slower.
    reader = ExtractiveReader(
        folder,
        device=ComponentDevice.from_str("cpu"),
        token=None,
        model_kwargs={"dtype": torch.float32},
    )
    reader.warm_up()
    return reader


def _read(reader: Any, question: str, passages: list[str]) -> dict[str, Any]:  # noqa: ANN401 - as above
    from haystack import Document  # noqa: PLC0415 - as above

    documents = [Document(id=str(place), content=passage) for place, passage in enumerate(passages)]
    started = time.perf_counter()
    found = reader.run(query=question, documents=documents)
    seconds = time.perf_counter() - started
    ranges = [[0, 0] for _ in passages]
    for answer in reversed(found["answers"]):  # best first; so the best of a passage comes last
        if answer.document is not None:
            where = answer.document_offset
            ranges[int(answer.document.id)] = [where.start, where.end]
    return {"ranges": ranges, "seconds": seconds}


def main() -> None:
    """Answer each line."""
    warnings.simplefilter("ignore")
    lines = map(json.loads, sys.stdin)
    first = None if len(sys.argv) > 1 else next(lines, None)
    if first is None:
        raise SystemExit("benchmark_haystack: scripts/benchmark.py runs this, with --haystack")
    reader = _load(first["model"], first["threads"])
    print(json.dumps({"version": version("haystack-ai")}), flush=True)
    for line in lines:
        print(json.dumps(_read(reader, line["question"], line["passages"])), flush=True)


if __name__ == "__main__":
    main()
