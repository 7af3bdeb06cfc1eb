"""Reads and answers with Haystack what comes as JSON, a line each, on standard input.

scripts/haystack_client.py runs it with another Python, which has requirements-benchmark.txt, and
so it imports nothing of this project. The first line is {"model", "threads", "passages"} and
answered by {"version"}; `passages` names a file of one JSON text a line, or is null. Each other
line is one of

    {"question", "passages"}            answered by {"ranges", "seconds"}
    {"question", "nearest", "top_k"}    answered by {pipeline: [[text, passage], ...], ...}

where `nearest` and `passage` are numbers of lines of that file, from 0.
"""

import json
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

_PASSAGES = 20  # that a pipeline reads for a question, and that each of its searches finds


class _Pipelines:
    """BM25, or BM25 and the nearest vectors joined by reciprocal ranks; then the reader."""

    def __init__(self, reader: Any, path: str) -> None:  # noqa: ANN401 - Haystack is in another environment
        from haystack import Document  # noqa: PLC0415 - after the warnings are silenced
        from haystack.components.joiners import DocumentJoiner  # noqa: PLC0415 - likewise
        from haystack.components.retrievers import InMemoryBM25Retriever  # noqa: PLC0415 - likewise
        from haystack.document_stores.in_memory import InMemoryDocumentStore  # noqa: PLC0415 - likewise

        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - as short as can be
            self._documents = [
                Document(id=str(place), content=json.loads(line)) for place, line in enumerate(file)
            ]
        store = InMemoryDocumentStore()
        store.write_documents(self._documents)
        self._bm25 = InMemoryBM25Retriever(store, top_k=_PASSAGES)
        self._joiner = DocumentJoiner("reciprocal_rank_fusion", top_k=_PASSAGES)
        self._reader = reader

    def answer(self, question: str, nearest: list[int], top_k: int) -> dict[str, Any]:
        by_words = self._bm25.run(query=question)["documents"]
        by_meaning = [self._documents[place] for place in nearest[:_PASSAGES]]
        both = self._joiner.run(documents=[by_words, by_meaning])["documents"]
        return {
            "BM25": self._read(question, by_words, top_k),
            "BM25 and vectors": self._read(question, both, top_k),
        }

    def _read(self, question: str, documents: list[Any], top_k: int) -> list[tuple[str, int]]:
        found = self._reader.run(query=question, documents=documents, top_k=top_k)["answers"]
        return [(one.data, int(one.document.id)) for one in found if one.document is not None]


def _load(folder: str, threads: int) -> Any:  # noqa: ANN401 - as above
    import torch  # noqa: PLC0415 - as above
    from haystack.components.readers import ExtractiveReader  # noqa: PLC0415 - as above
    from haystack.utils import ComponentDevice  # noqa: PLC0415 - as above

    if threads:  # every core otherwise
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
        raise SystemExit("haystack_process: scripts/haystack_client.py runs this")
    reader = _load(first["model"], first["threads"])
    pipelines = _Pipelines(reader, first["passages"]) if first["passages"] else None
    print(json.dumps({"version": version("haystack-ai")}), flush=True)
    for line in lines:
        if "passages" in line:
            reply = _read(reader, line["question"], line["passages"])
        elif pipelines:
            reply = pipelines.answer(line["question"], line["nearest"], line["top_k"])
        else:
            raise SystemExit("haystack_process: it was told of no passages to search")
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
