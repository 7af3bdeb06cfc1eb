"""Finds passages that answer a question, and some that only look so."""

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tqdm import tqdm

from index.corpora.squad import GoldQuestion
from index.filters import Attributes
from index.passages import PASSAGES, PassageStore
from index.types import Passage
from scripts.reader_examples import Example

if TYPE_CHECKING:
    # what searches needs tantivy and FAISS, which a machine that only trains may lack:
    # the functions below import it where they use it
    from index.keywords import KeywordIndex
    from service.answering import Answerer

_DEPTH = 40  # passages that BM25 finds, from which the wrong ones are taken
_NEGATIVES = 20  # wrong passages kept for a question
_LINE_END = re.compile(r"(?<=[a-z])-\s*\n\s*(?=[a-z])")
_AROUND = 400  # characters on either side of an answer that tell which of several places is meant


@dataclass(frozen=True, slots=True)
class Pair:
    """A question, a passage that answers it, and passages that BM25 finds and that don't.

    `answers` are normalised (see `normalised`).
    """

    question: str
    positive: str
    negatives: tuple[str, ...]
    answers: tuple[str, ...]


def normalised(text: str) -> str:
    """Return the words of `text` in lower case, with a space before, between and after them.

    >>> normalised("SARS-CoV-2 (2019)")
    ' sars cov 2 2019 '
    """
    return " ".join(["", *re.findall(r"\w+", text.lower()), ""])


def normalised_answers(answers: Sequence[str]) -> tuple[str, ...]:
    r"""Return answers normalised, those with a word that a line's end broke whole as well.

    Such words are whole in an index, and broken in the contexts of some question sets.

    >>> normalised_answers(["influ-\nenza", "masks"])
    (' influ enza ', ' influenza ', ' masks ')
    """
    forms = (form for answer in answers for form in (answer, _LINE_END.sub("", answer)))
    return tuple(dict.fromkeys(map(normalised, forms)))


def holds_answer(text: str, answers: Sequence[str]) -> bool:
    """Tell whether a text holds one of some normalised answers, word for word.

    An answer without a word, such as "±", is held by none.
    """
    words = normalised(text)
    return any(answer.strip() and answer in words for answer in answers)


def gold_passages(answerer: "Answerer", gold: GoldQuestion) -> list[int]:
    """Return the ids of the passages of the gold paper that hold a gold answer."""
    answers = normalised_answers(gold.answers)
    return [
        passage.id
        for passage in answerer.index.of_paper(gold.cord_uid)
        if holds_answer(passage.text, answers)
    ]


def corpus_pairs(questions: Sequence[GoldQuestion], version: Path) -> list[Pair]:
    """Return a pair a question, its passages taken from the version of an index in `version`.

    The right passage of a question about a paper is the one around its answer, and a question
    without such a passage is left out; that of any other question is its own context.
    """
    from index.keywords import KEYWORDS, KeywordIndex  # noqa: PLC0415 - see above

    keywords = KeywordIndex(version / KEYWORDS)
    pairs = []
    with closing(PassageStore(version / PASSAGES)) as store:
        for gold in tqdm(questions, desc="mining", unit=" questions", mininterval=1):
            answers = normalised_answers(gold.answers)
            positive = gold.context
            if gold.cord_uid:
                own = _own_passage(store, gold, answers)
                if own is None:
                    continue
                positive = _text(store, own)
            wrong = _wrong_passages(store, keywords, gold.question, answers)
            negatives = tuple(_text(store, one.id) for one in wrong)
            pairs.append(Pair(gold.question, positive, negatives, answers))
    return pairs


def wrong_passages(questions: Sequence[GoldQuestion], version: Path) -> list[list[str]]:
    """Return for each question the texts of passages of an index that look right and aren't.

    `version` is the folder of a version of the index.
    """
    from index.keywords import KEYWORDS, KeywordIndex  # noqa: PLC0415 - see above

    keywords = KeywordIndex(version / KEYWORDS)
    with closing(PassageStore(version / PASSAGES)) as store:
        return [
            [
                passage.text
                for passage in _wrong_passages(
                    store, keywords, gold.question, normalised_answers(gold.answers)
                )
            ]
            for gold in tqdm(questions, desc="mining", unit=" questions", mininterval=1)
        ]


def right_passages(questions: Sequence[GoldQuestion], version: Path) -> list[list[Example]]:
    """Return for each question the passages of its paper that hold a gold answer as it is written.

    A question about no paper has none. `version` is the folder of a version of the index.
    """
    with closing(PassageStore(version / PASSAGES)) as store:
        return [
            [
                Example(gold.question, passage.text, start, start + len(answer))
                for passage in (store.of_paper(gold.cord_uid) if gold.cord_uid else ())
                for answer in gold.answers[:1]
                if (start := passage.text.find(answer)) >= 0
            ]
            for gold in tqdm(questions, desc="finding", unit=" questions", mininterval=1)
        ]


def context_pairs(questions: Sequence[GoldQuestion]) -> list[Pair]:
    """Return a pair a question, its passages taken from the contexts of all the questions."""
    from index.keywords import KEYWORDS, KeywordIndex, build_keywords  # noqa: PLC0415 - see above

    contexts = list(dict.fromkeys(gold.context for gold in questions))
    pairs = []
    # a thread of tantivy may lock a file there, anew, while the folder is removed
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        build_keywords(
            (("", "", context, Attributes()) for context in contexts), Path(scratch) / KEYWORDS
        )
        keywords = KeywordIndex(Path(scratch) / KEYWORDS)
        for gold in tqdm(questions, desc="mining", unit=" questions", mininterval=1):
            answers = normalised_answers(gold.answers)
            hits = keywords.search(keywords.query(gold.question), _DEPTH)
            found = (contexts[hit.passage_id] for hit in hits)
            wrong = [text for text in found if not holds_answer(text, answers)]
            pairs.append(Pair(gold.question, gold.context, tuple(wrong[:_NEGATIVES]), answers))
    return pairs


def _wrong_passages(
    store: PassageStore, keywords: "KeywordIndex", question: str, answers: Sequence[str]
) -> list[Passage]:
    """Return the passages that BM25 finds first for a question and that lack its answers."""
    hits = keywords.search(keywords.query(question), _DEPTH)
    found = store.get([hit.passage_id for hit in hits])
    return [one for one in found if not holds_answer(one.text, answers)][:_NEGATIVES]


def _own_passage(store: PassageStore, gold: GoldQuestion, answers: Sequence[str]) -> int | None:
    """Return the id of the passage of the gold paper that holds the answer and what is around it.

    The store's text is another parse of the paper than the question's context, so offsets say
    nothing: of the passages that hold the answer it is the one that shares most words with the
    answer's surroundings.
    """
    start, end = gold.starts[0], gold.starts[0] + len(gold.answers[0])
    around = set(normalised(gold.context[max(0, start - _AROUND) : end + _AROUND]).split())
    shared = {
        passage.id: len(around & set(normalised(passage.text).split()))
        for passage in store.of_paper(gold.cord_uid)
        if holds_answer(passage.text, answers)
    }
    return max(shared, key=lambda id_: shared[id_]) if shared else None


def _text(store: PassageStore, id_: int) -> str:
    from index.embedding import embedding_text  # noqa: PLC0415 - see above

    ((title, section, text),) = store.texts(id_, id_ + 1)
    return embedding_text(title, section, text)
