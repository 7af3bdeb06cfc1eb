"""Writes a synthetic CORD-19 release of any size, to measure the pipeline with.

Its words mean nothing; their number, their frequencies and the dirt are like a release's. The same
seed and sizes give the same files.
"""

import argparse
import codecs
import csv
import gzip
import io
import itertools
import json
import random
import sys
import tarfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from tqdm import tqdm

from files.writing import whole_file
from index.corpora.tar import forget_members
from scripts.arguments import at_least, command, some_path
from scripts.outputs import refusal

COLUMNS = (
    *("cord_uid", "sha", "source_x", "title", "doi", "pmcid", "pubmed_id", "license", "abstract"),
    *("publish_time", "authors", "journal", "mag_id", "who_covidence_id", "arxiv_id"),
    *("pdf_json_files", "pmc_json_files", "url", "s2_id"),
)
_SOURCES = ("Medline; PMC", "WHO", "PMC", "Elsevier", "MedRxiv", "BioRxiv", "ArXiv")
_LICENCES = ("cc-by", "cc-by-nc", "no-cc", "els-covid", "unk", "")
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_SYLLABLES = [c + v for c in "bcdfgklmnprstvz" for v in ("a", "e", "i", "o", "u", "en", "or")]
_VOCABULARY = 30_000  # words
_RECENT = 1_000  # records that later ones may repeat

# of the records, those that ...
_REPEATED_UID = 0.05  # have the cord_uid of an earlier record, and most of its fields
_REPEATED_DOI = 0.03  # are of the same paper as an earlier record, under another cord_uid
_CUT_DOI = 0.001  # have an identifier that was cut, which others have too
_WITHOUT = {"abstract": 0.2, "doi": 0.35, "pmcid": 0.65, "pubmed_id": 0.55, "authors": 0.05}

Record = dict[str, str]
Write = Callable[[str, bytes], None]


class Texts:
    """Draws words by Zipf's law, and sentences, titles and abstracts of them."""

    def __init__(self, draw: random.Random) -> None:
        """Make the vocabulary."""
        self._draw = draw
        lengths = draw.choices((1, 2, 3, 4, 5), (2, 5, 5, 3, 1), k=_VOCABULARY)
        words = ("".join(draw.choices(_SYLLABLES, k=length)) for length in lengths)
        self._words = list(dict.fromkeys(words))
        self._weights = list(itertools.accumulate(1 / n for n in range(1, len(self._words) + 1)))

    def words(self, count: int) -> list[str]:
        """Return `count` words."""
        return self._draw.choices(self._words, cum_weights=self._weights, k=count)

    def length(self, mean_of_log: float, deviation: float, longest: int) -> int:
        """Return a log-normal number of words, from 3 to `longest`."""
        return min(max(3, round(self._draw.lognormvariate(mean_of_log, deviation))), longest)

    def title(self) -> str:
        """Return a title; lengths as in the CORD-19 subset of docs/evaluation.md."""
        return " ".join(self.words(self.length(2.56, 0.40, 60))).capitalize()

    def running(self, count: int) -> str:
        """Return sentences of about 22 words, `count` words in all."""
        words = self.words(count)
        sentences = []
        while words:
            size = self._draw.randint(12, 32)
            sentence, words = words[:size], words[size:]
            sentences.append(" ".join(sentence).capitalize() + ".")
        return " ".join(sentences)

    def abstract(self) -> str:
        """Return an abstract; lengths as in the same subset."""
        return self.running(self.length(5.23, 0.55, 5_000))

    def authors(self) -> str:
        """Return one to twenty names."""
        count = self.length(1.34, 0.94, 20) - 2
        names = self.words(2 * count)
        return "; ".join(
            f"{last.capitalize()}, {first.capitalize()}"
            for last, first in zip(names[::2], names[1::2], strict=True)
        )


def records(count: int, seed: int) -> Iterator[Record]:
    """Yield `count` records, among them repeated, cut and incomplete ones."""
    draw = random.Random(seed)  # noqa: S311 - a repeatable draw, no secret
    texts = Texts(draw)
    recent: deque[Record] = deque(maxlen=_RECENT)
    for number in range(count):
        record = _new(number, draw, texts)
        kind = draw.random()
        if recent and kind < _REPEATED_UID + _REPEATED_DOI:
            before = draw.choice(recent)
            own = record if kind < _REPEATED_UID else record | {"doi": before["doi"]}
            record = before | {name: own[name] for name in ("source_x", "url", "pubmed_id")}
            if kind >= _REPEATED_UID:
                record["cord_uid"] = own["cord_uid"]
        elif kind > 1 - _CUT_DOI:
            record["doi"] = "10.1101/2020.02"
        recent.append(record)
        yield record


def _new(number: int, draw: random.Random, texts: Texts) -> Record:
    month, day = draw.randint(1, 12), draw.randint(1, 28)
    record = {
        "cord_uid": _uid(number),
        "source_x": draw.choice(_SOURCES),
        "title": texts.title(),
        "doi": f"10.{draw.randint(1000, 1099)}/j.{number}",
        "pmcid": f"PMC{7_000_000 + number}",
        "pubmed_id": str(32_000_000 + number),
        "license": draw.choice(_LICENCES),
        "abstract": texts.abstract(),
        "publish_time": draw.choice((f"2020-{month:02}-{day:02}", "2021", f"2019-{month:02}")),
        "authors": texts.authors(),
        "journal": " ".join(texts.words(3)).title(),
        "url": f"https://example.org/{number}",
    }
    return record | {name: "" for name, share in _WITHOUT.items() if draw.random() < share}


def _uid(number: int) -> str:
    """Return eight letters and digits, other ones for every number below 36 ** 8."""
    scattered = number * 1_000_000_007 % len(_LETTERS) ** 8
    return "".join(_LETTERS[scattered // len(_LETTERS) ** place % 36] for place in range(8))


def parse(record: Record, texts: Texts) -> bytes:
    """Return a pdf_json file of about 3,000 words, with the citations and authors of a real one."""
    paragraphs = max(1, texts.length(3.3, 0.5, 200))
    body = [
        {
            "text": texts.running(texts.length(4.3, 0.6, 2_000)),
            "cite_spans": [{"start": 0, "end": 3, "text": "[1]", "ref_id": "BIBREF0"}],
            "ref_spans": [],
            "section": ("Introduction", "Methods", "Results", "Discussion")[4 * n // paragraphs],
        }
        for n in range(paragraphs)
    ]
    references = {f"BIBREF{n}": {"title": texts.title(), "year": 2020} for n in range(40)}
    made = {
        "paper_id": record["sha"],
        "metadata": {"title": record["title"], "authors": []},
        "abstract": [],
        "body_text": body,
        "bib_entries": references,
        "ref_entries": {},
    }
    return json.dumps(made, indent=4).encode()


def write(output: Path, count: int, parses: int, seed: int, *, archive: bool) -> None:
    """Write the release; the first `parses` records name a parse each.

    metadata.csv comes last, under its name only when it is complete. Raises OSError.
    """
    output.mkdir(parents=True, exist_ok=True)
    texts = Texts(random.Random(seed + 1))  # noqa: S311 - a repeatable draw, no secret
    with (
        whole_file(output / "metadata.csv") as file,
        _archive(output) if archive and parses else _folder(output) as write_parse,
    ):
        writer = csv.DictWriter(codecs.getwriter("utf-8")(file), COLUMNS, restval="")
        writer.writeheader()
        drawn = tqdm(records(count, seed), total=count, unit=" records", mininterval=1)
        for number, record in enumerate(drawn):
            named = dict(record)
            if number < parses:
                named["sha"] = f"{number:040x}"
                named["pdf_json_files"] = f"document_parses/pdf_json/{named['sha']}.json"
                write_parse(named["pdf_json_files"], parse(named, texts))
            writer.writerow(named)


@contextmanager
def _folder(output: Path) -> Iterator[Write]:
    def write_parse(path: str, content: bytes) -> None:
        target = output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    yield write_parse


@contextmanager
def _archive(output: Path) -> Iterator[Write]:
    """Write parses into document_parses.tar.gz; no time in it, so that a seed gives one file."""
    with (
        whole_file(output / "document_parses.tar.gz") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=cast("IO[bytes]", packed), mode="w|") as tar,
    ):

        def write_parse(path: str, content: bytes) -> None:
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
            forget_members(tar)

        yield write_parse


def parser() -> argparse.ArgumentParser:
    """Return the command's arguments."""
    arguments = command("make_large_corpus", __doc__, example="--records 100000 --output var/large")
    add = arguments.add_argument
    add(
        "--output",
        type=some_path,
        required=True,
        metavar="DIR",
        help="folder to write the release to",
    )
    add(
        "--records",
        type=at_least(1),
        default=1_000_000,
        metavar="N",
        help="records of metadata.csv (default: 1,000,000)",
    )
    add(
        "--parses",
        type=at_least(0),
        default=0,
        metavar="M",
        help="so many records have a full-text parse of some 110 KB (default: 0)",
    )
    add("--archive", action="store_true", help="parses in document_parses.tar.gz, not in a folder")
    add("--seed", type=int, default=0, metavar="N", help="another seed, other texts (default: 0)")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parser().parse_args(argv)
    if (options.output / "metadata.csv").exists():
        print(
            f"make_large_corpus: {options.output} holds a metadata.csv: give another --output",
            file=sys.stderr,
        )
        return 1
    try:
        if wrong := refusal(options.output):
            print(f"make_large_corpus: {wrong}", file=sys.stderr)
            return 1
        write(
            options.output, options.records, options.parses, options.seed, archive=options.archive
        )
    except OSError as error:
        print(
            f"make_large_corpus: {options.output} cannot be written: {error.strerror or error}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
