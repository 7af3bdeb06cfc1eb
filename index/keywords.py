"""BM25 over the passages, on tantivy: memory-mapped, and fast at millions of passages.

Words are lower-cased and stemmed. Compound names are findable in their usual spellings: a word
with inner hyphens or slashes that holds a digit or a capital ("SARS-CoV-2", "IL-6") is indexed
and searched both in its parts and joined ("sarscov2", "il6"). A word and a number of a question
("ACE 2") are searched joined as well, where the corpus writes them so.

What filters look at is indexed too, so that a search visits only the passages that match
(docs/decisions/0006).
"""

import math
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import tantivy

from index.filters import (
    NO_FILTERS,
    OPEN,
    Attributes,
    Filters,
    days,
    journal_keys,
    name_key,
    source_keys,
)
from index.opening import unopened
from index.types import Hit, IndexingError, ShortageError

KEYWORDS = "keywords"
"""The name of the folder in an index that holds what this module writes."""

Searchable: TypeAlias = tuple[str, str, str, Attributes]
"""What is indexed of a passage: its paper's title, its section, its text, its paper's facts."""

_ANALYZER = "science"
_LONGEST_WORD = 60  # bytes of UTF-8; words of as many or more are sequences and debris
_HEAP = 128_000_000  # bytes that the writer buffers
_MOST_TERMS = 64  # of a question; 500 characters hold fewer words than that, but for debris
_K1 = 1.2  # tantivy's BM25 parameter, for the bound on a term's score
_SHARES = {"text": 1.0, "title": 0.5, "section": 0.3}
"""What a word found in a field counts, compared with one found in the passage's own text."""
_LOCK = ".tantivy-meta.lock"
_COMPOUND = re.compile(r"\b\w+(?:[-‐‑–/]\w+)+")
_WRITTEN = re.compile(r"(?<![\w'’])\w*[^\W\d_]\w*(?:[-‐‑–/]\w+)*(?![\w'’-])")
_PLAIN_WORD = re.compile(r"[^\W_]+")
_FEWEST_LETTERS = 3  # of a word that is missed
_SPACED = re.compile(r"\b(?=([^\W\d_]{2,12}) (\d{1,4})\b)")
_JOINED = 30
"""A word and a number are a name where at least every 30th passage with the word has both as one.

Of the CORD-19 subset's, "IL 17" (every 24th), "IL 8" and "ACE 2" are names so; "CoV 2" (every
43rd), "enzyme 2", "type 2" and "phase 3" are not.
"""
STOPWORDS = frozenset(
    """
    a an and are as at be been but by can could did do does for from had has have how in into is
    it its no not of on or such than that the their them then there these they this to was were
    what when where which who whom whose why will with would
    """.split()  # noqa: SIM905 - quoted one by one they fill a page
)


def with_joined_names(text: str) -> str:
    """Return `text` followed by the joined forms of the compound names in it.

    >>> with_joined_names("ACE-2 binds SARS-CoV-2 in well-known ways")
    'ACE-2 binds SARS-CoV-2 in well-known ways ACE2 SARSCoV2'
    """
    joined = [
        re.sub(r"\W", "", name[0])
        for name in _COMPOUND.finditer(text)
        if any(c.isdigit() or c.isupper() for c in name[0][1:])
    ]
    return " ".join([text, *joined])


def _analyzer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(_LONGEST_WORD))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("id", stored=False, indexed=False, fast=True)
    for name in _SHARES:
        builder.add_text_field(name, tokenizer_name=_ANALYZER, index_option="freq")
    for name in ("first_day", "last_day", "full_text"):
        builder.add_integer_field(name, stored=False, indexed=True, fast=True)
    for name in ("source", "journal"):  # keys, see `index.filters`
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    return builder.build()


def build_keywords(passages: Iterable[Searchable], folder: Path) -> None:
    """Write the index of the passages, by id from 0, into a new `folder`.

    Raises IndexingError when the index cannot be written.
    """
    try:
        _write(passages, folder)
    except (ValueError, OSError) as error:  # tantivy raises ValueError for a full disk
        raise IndexingError(f"{folder} cannot be written ({error}): is the disk full?") from error


def _write(passages: Iterable[Searchable], folder: Path) -> None:
    folder.mkdir()
    index = tantivy.Index(_schema(), path=os.fspath(folder))
    index.register_tokenizer(_ANALYZER, _analyzer())
    writer = index.writer(heap_size=_HEAP, num_threads=1)  # one thread: the same files every time
    for id_, (title, section, text, paper) in enumerate(passages):
        first_day, last_day = days(paper.publish_time)
        writer.add_document(
            tantivy.Document(
                id=id_,
                title=with_joined_names(title),
                section=with_joined_names(section),
                text=with_joined_names(text),
                first_day=first_day,
                last_day=last_day,
                full_text=int(paper.full_text),
                source=source_keys(paper.source),
                journal=journal_keys(paper.journal),
            )
        )
    writer.commit()
    writer.wait_merging_threads()
    for path in folder.iterdir():
        path.chmod(0o644)  # tantivy lets only the owner read some


@dataclass(frozen=True, slots=True)
class KeywordQuery:
    """A question's terms, and the weight of each: the most that a match of it counts, but for k1.

    That is its BM25 inverse document frequency in the text, the title or the section.
    """

    weights: dict[str, float]

    @property
    def bound(self) -> float:
        """No passage's BM25 score is greater than this."""
        return (_K1 + 1) * sum(self.weights.values())


class KeywordIndex:
    """A BM25 index, ready to search. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        """Open the index in `folder`. Raises IndexingError when it is not one, and ShortageError.

        Also where `folder` cannot be written, and no other can be.
        """
        try:
            index = tantivy.Index.open(os.fspath(self._lockable(folder)))
        except (ValueError, OSError) as error:
            raise unopened(folder, error, "is not a keyword index") from error
        self._analyzer = _analyzer()
        index.register_tokenizer(_ANALYZER, self._analyzer)
        self._schema = index.schema
        self._searcher = index.searcher()
        self.size: int = self._searcher.num_docs

    def _lockable(self, folder: Path) -> Path:
        """Return where the index can be opened: tantivy locks a file in its folder to read it.

        In a folder that cannot be written that fails, so it gets one of links to the same files.
        """
        lock = folder / _LOCK
        if os.access(folder, os.W_OK) and (not lock.exists() or os.access(lock, os.W_OK)):
            return folder
        names = [path.name for path in folder.iterdir() if path.name != _LOCK]
        try:
            links = Path(tempfile.mkdtemp(prefix="covidquest-keywords-"))
            weakref.finalize(self, shutil.rmtree, links, ignore_errors=True)
            for name in names:
                (links / name).symlink_to((folder / name).absolute())
        except OSError as error:
            raise ShortageError(
                f"{folder} cannot be written, so links to its files are needed, and they cannot be "
                f"made ({error.strerror}): name a folder for temporary files with room in TMPDIR"
            ) from error
        return links

    def terms(self, text: str) -> list[str]:
        """Return the distinct stemmed words of `text` that are worth searching, in order."""
        words = dict.fromkeys(self._analyzer.analyze(with_joined_names(text)))
        words |= dict.fromkeys(self._spaced_names(text))
        common = [word for word in _PLAIN_WORD.findall(text.lower()) if word in STOPWORDS]
        stopped = set(self._analyzer.analyze(" ".join(common)))  # "whi" is "why", and may be WHI
        return [word for word in words if word not in stopped][:_MOST_TERMS]

    def _spaced_names(self, text: str) -> Iterator[str]:
        """Yield the joined forms of names that are two words here: "ace2" for "ACE 2"."""
        for word, number in _SPACED.findall(text):
            both, joined = (
                [(term, self._searcher.doc_freq("text", term)) for term in found]
                for found in (self._analyzer.analyze(word), self._analyzer.analyze(word + number))
            )
            if len(both) == len(joined) == 1:
                term, frequency = joined[0]
                if frequency and frequency * _JOINED >= both[0][1]:
                    yield term

    def query(self, question: str) -> KeywordQuery:
        """Prepare a question for `search`."""
        return KeywordQuery(
            {
                term: max(share * self._rarity(name, term) for name, share in _SHARES.items())
                for term in self.terms(question)
            }
        )

    def unknown(self, question: str) -> tuple[str, ...]:
        """Return the words of a question, as they are written there, that no passage has.

        A word is known in any of its forms, and a compound by any of its parts. Contractions and
        words of fewer than three characters are not looked for.
        """
        written = dict.fromkeys(_WRITTEN.findall(question))
        long = [word for word in written if len(word) >= _FEWEST_LETTERS]
        return tuple(
            word
            for word in long
            if word.lower() not in STOPWORDS
            and (terms := self.terms(word))
            and not self._any(terms)
        )

    def _any(self, terms: Sequence[str]) -> bool:
        return any(self._searcher.doc_freq(name, term) for name in _SHARES for term in terms)

    def rarity(self, word: str) -> float:
        """Return the inverse document frequency of a word in texts, 0 for one not searched for."""
        return max((self._rarity("text", term) for term in self.terms(word)), default=0.0)

    def _rarity(self, field: str, term: str) -> float:
        """Return the inverse document frequency, 0 where no passage has the term in the field."""
        frequency = self._searcher.doc_freq(field, term)
        if not frequency and field != "text":
            return 0.0
        return math.log(1 + (self.size - frequency + 0.5) / (frequency + 0.5))

    def search(self, query: KeywordQuery, k: int, filters: Filters = NO_FILTERS) -> list[Hit]:
        """Return at most `k` passages that hold a term of the query, by descending BM25 score.

        Filters leave passages out and change no score.
        """
        return self._run(self._among(self._any_term(query), self._clauses(filters)), k)

    def _clauses(self, filters: Filters) -> list[tantivy.Query]:
        """Return the queries that a passage must all match, for their match alone."""
        clauses = []
        if filters.period != OPEN:
            first, last = filters.period
            clauses += [self._range("last_day", first, None), self._range("first_day", None, last)]
        if filters.sources:
            clauses.append(self._one_of("source", [name_key(name) for name in filters.sources]))
        if filters.journals:
            clauses.append(self._one_of("journal", [name_key(name) for name in filters.journals]))
        if filters.full_text:
            clauses.append(self._one_of("full_text", [1]))
        return clauses

    def _one_of(self, field: str, values: Sequence[int] | Sequence[str]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self._schema, field, list(values))

    def _range(self, field: str, lower: int | None, upper: int | None) -> tantivy.Query:
        integer = tantivy.FieldType.Integer
        return tantivy.Query.range_query(self._schema, field, integer, lower, upper)

    def _among(self, query: tantivy.Query, clauses: Sequence[tantivy.Query]) -> tantivy.Query:
        """Return `query` restricted to what matches all clauses, with the scores of `query`."""
        if not clauses:
            return query  # alone it is pruned while it is searched
        plain = [tantivy.Query.const_score_query(clause, 0.0) for clause in clauses]
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, part) for part in (query, *plain)])

    def _any_term(self, query: KeywordQuery) -> tantivy.Query:
        return tantivy.Query.boolean_query(
            [(tantivy.Occur.Should, self._in_any_field(term)) for term in query.weights]
        )

    def _in_any_field(self, term: str) -> tantivy.Query:
        """Return the query for a term that counts once, in the field where it counts most."""
        return tantivy.Query.disjunction_max_query(
            [
                tantivy.Query.boost_query(tantivy.Query.term_query(self._schema, name, term), share)
                for name, share in _SHARES.items()
            ]
        )

    def _run(self, query: tantivy.Query, k: int) -> list[Hit]:
        found = self._searcher.search(query, limit=k, count=False).hits
        ids = self._searcher.fast_field_values("id", [address for _, address in found])
        return [
            Hit(int(id_), float(score))
            for id_, (score, _) in zip(ids, found, strict=True)
            if id_ is not None  # never: every passage has one
        ]
