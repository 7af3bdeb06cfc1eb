"""Times BM25 with filters: by the fields of the index, against by the ids that match."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from index.filters import Facets, Filters
from index.hybrid import DEPTH
from index.keywords import KeywordIndex, KeywordQuery
from index.manifest import current_version
from index.passages import PassageStore
from index.search import KEYWORDS, PASSAGES
from index.types import IndexingError
from service.questions import QUESTIONS

_ROUNDS = 3  # the fastest of them counts


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = argparse.ArgumentParser(prog="python -m scripts.time_filters", description=__doc__)
    arguments.add_argument("--index", type=Path, required=True, metavar="DIR", help="the index")
    return arguments


def examples(facets: Facets) -> Iterator[tuple[str, Filters]]:
    """Yield filters that an index has papers for, from the widest to the narrowest."""
    yield "full text", Filters(full_text=True)
    yield "from March 2020", Filters(published_from="2020-03")
    for source in facets.sources[:1]:
        yield f"source {source.name}", Filters(sources=(source.name,))
    for journal in (facets.journals[:1], facets.journals[-1:]):
        for one in journal:
            yield f"journal {one.name}", Filters(journals=(one.name,))


def milliseconds(search: Callable[[KeywordQuery], object], queries: list[KeywordQuery]) -> float:
    """Return what a search takes for one query, on the average over all in the fastest round."""
    rounds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for query in queries:
            search(query)
        rounds.append(time.perf_counter() - started)
    return 1000 * min(rounds) / len(queries)


def _search_ids(keywords: KeywordIndex, ids: list[int], query: KeywordQuery) -> object:
    """Search among passages by their ids: what `KeywordIndex.search` could do, and does not."""
    clauses = [keywords._one_of("id", ids)]  # noqa: SLF001 - the other choice shall cost no method
    among = keywords._among(keywords._any_term(query), clauses)  # noqa: SLF001 - likewise
    return keywords._run(among, DEPTH)  # noqa: SLF001 - likewise


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    try:
        folder = current_version(options.index)
        store, keywords = PassageStore(folder / PASSAGES), KeywordIndex(folder / KEYWORDS)
    except IndexingError as error:
        print(f"time_filters: {error}", file=sys.stderr)
        return 1
    queries = [keywords.query(question.text) for question in QUESTIONS]
    plain = milliseconds(partial(keywords.search, k=DEPTH), queries)
    print(f"{len(queries)} questions, {keywords.size:,} passages; without filters {plain:.2f} ms")
    for name, filters in examples(store.facets()):
        ids = store.matching(filters).tolist()
        by_fields = milliseconds(partial(keywords.search, k=DEPTH, filters=filters), queries)
        by_ids = milliseconds(partial(_search_ids, keywords, ids), queries)
        print(
            f"{name}: {len(ids):,} passages; by fields {by_fields:.2f} ms "
            f"({by_fields / plain:.1f} times no filter), by ids {by_ids:.2f} ms "
            f"({by_ids / by_fields:.1f} times by fields)"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
