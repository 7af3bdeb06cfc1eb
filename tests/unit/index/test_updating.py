import csv
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from index.changes import Counts
from index.chunking import Chunker
from index.corpora.bounds import TOO_LONG
from index.manifest import current_version
from index.passages import PASSAGES
from index.search import checked
from index.types import CorpusError, IndexingError
from index.updating import UpdateReport, update_index
from index.word_vectors import CODES, COUNTS
from models.contracts import Embedded
from tests.unit.index.comparing import everything
from tests.unit.index.disk import largest_file
from tests.unit.index.fake_encoder import DIMENSION, ENCODER, Noting, Silent, encode
from tests.unit.index.indexes import SAMPLE, build, change_manifest, turn_a_bit
from tests.unit.index.release import parse, sentences, write_release

ADDED = {"cord_uid": "new", "title": "New", "abstract": "A new abstract of seven words here."}


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.embedding.BLOCK", 32)
    monkeypatch.setattr("index.embedding._WIDEST", 3)
    monkeypatch.setattr("index.reading._PAPERS_PER_COMMIT", 10)


class Counting:
    """Encodes as the fake does, and remembers what; raises at the `fail`th call."""

    def __init__(self, fail: int = 0) -> None:
        self.calls: list[list[str]] = []
        self._fail = fail

    @property
    def texts(self) -> list[str]:
        """All texts that were encoded."""
        return [text for texts in self.calls for text in texts]

    def __call__(self, texts: Sequence[str]) -> Embedded:
        if len(self.calls) + 1 == self._fail:
            raise KeyboardInterrupt
        self.calls.append(list(texts))
        return encode(texts)


def never(texts: Sequence[str]) -> Embedded:
    pytest.fail(f"{len(texts)} passages were embedded")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sample corpus and its index."""
    root = tmp_path_factory.mktemp("updating")
    shutil.copytree(SAMPLE, root / "corpus")
    build(root / "corpus", root / "index")
    return root


@pytest.fixture
def corpus(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine / "corpus", tmp_path / "corpus"))


@pytest.fixture
def index(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine / "index", tmp_path / "index"))


def update(corpus: Path, index: Path, encode: object = never, **options: object) -> UpdateReport:
    arguments = {"encoder": "fake", "progress": Silent(), "workers": 1} | options
    return update_index(corpus, index, encode=encode, **arguments)  # type: ignore[arg-type]


Records = list[dict[str, str]]


def rewrite(corpus: Path, change: Callable[[Records], Records]) -> Records:
    """Change the records of a corpus; return them."""
    metadata = corpus / "metadata.csv"
    with metadata.open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    names = list(records[0])
    records = change(records)
    with metadata.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(records)
    return records


def another_corpus(corpus: Path) -> None:
    """Drop a paper, rename one, add one at the beginning, and turn the rest around."""

    def change(records: Records) -> Records:
        _, renamed, *rest = records
        renamed["title"] = "Another title that every passage of this paper is embedded with"
        return [ADDED, renamed, *reversed(rest)]

    rewrite(corpus, change)


@pytest.fixture(scope="module")
def built_from_another(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Return what an index of `another_corpus` that is built from nothing holds."""
    root = tmp_path_factory.mktemp("another")
    shutil.copytree(SAMPLE, root / "corpus")
    another_corpus(root / "corpus")
    return built(root / "corpus", root / "index")


def built(corpus: Path, folder: Path) -> dict[str, object]:
    """Return what an index of `corpus` that is built from nothing holds."""
    build(corpus, folder)
    return everything(folder)


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"}


@pytest.mark.parametrize("what", ["nothing", "the order of the records", "an unreadable parse"])
def test_an_index_that_is_up_to_date_stays(corpus: Path, index: Path, what: str) -> None:
    if what == "the order of the records":
        rewrite(corpus, lambda records: records[::-1])
    elif what == "an unreadable parse":

        def change(records: Records) -> Records:
            records[0]["pmc_json_files"] += "; nowhere.json"
            return records

        rewrite(corpus, change)
    before, version = files(index), current_version(index).name
    report = update(corpus, index)
    assert (report.version, report.built) == (version, None)
    assert report.changes.papers == Counts(0, 0, 69, 0)
    assert not report.changes.any_change
    after = files(index)
    after.pop(index, None)
    before.pop(index, None)
    assert after == before


def test_only_new_and_changed_passages_are_embedded(
    corpus: Path, index: Path, built_from_another: dict[str, object]
) -> None:
    another_corpus(corpus)
    counting = Counting()
    report = update(corpus, index, counting)
    titles = {text.split("\n")[0].rsplit(". ", 1)[0] for text in counting.texts}
    assert titles == {"New", "Another title that every passage of this paper is embedded with"}
    assert report.changes.papers == Counts(added=1, changed=1, kept=67, dropped=1)
    passages = report.changes.passages
    assert passages.added + passages.changed == len(counting.texts)
    assert report.built is not None
    assert passages.added + passages.changed + passages.kept == report.built.corpus.passages
    assert report.built.version == report.version == current_version(index).name
    assert everything(index) == built_from_another
    assert update(corpus, index).built is None


def test_metadata_alone_changes_a_paper_and_no_vector(
    corpus: Path, index: Path, tmp_path: Path
) -> None:
    def change(records: Records) -> Records:
        records[3]["journal"] = "Another journal"
        return records

    rewrite(corpus, change)
    report = update(corpus, index)
    assert report.changes.papers == Counts(added=0, changed=1, kept=68, dropped=0)
    assert not report.changes.passages.any_change
    assert everything(index) == built(corpus, tmp_path / "other")


def test_a_changed_text_is_embedded_again(corpus: Path, index: Path, tmp_path: Path) -> None:
    """Letter case and white space count for the vector, though not for what is the same text."""

    def change(records: Records) -> Records:
        records[5]["abstract"] = records[5]["abstract"].upper()
        return records

    rewrite(corpus, change)
    counting = Counting()
    report = update(corpus, index, counting)
    assert report.changes.papers.changed == 1
    assert report.changes.passages.changed == len(counting.texts) > 0
    assert everything(index) == built(corpus, tmp_path / "other")


def test_a_dry_run_says_what_would_change_and_writes_nothing(corpus: Path, index: Path) -> None:
    another_corpus(corpus)
    with pytest.raises(KeyboardInterrupt):
        update(corpus, index, Counting(fail=1))
    before = files(index)
    would = update(corpus, index, dry_run=True)
    assert would.built is None
    assert would.version == current_version(index).name
    after = files(index)
    after.pop(index, None)  # the folder that the trial was in
    before.pop(index, None)
    assert after == before
    assert update(corpus, index, Counting(), resume=True).changes == would.changes


@pytest.mark.parametrize("fail", [1, 2, 3])
def test_an_update_that_was_cut_off_goes_on(
    corpus: Path, index: Path, tmp_path: Path, fail: int
) -> None:
    another_corpus(corpus)
    rewrite(corpus, lambda records: [r | {"title": f"{r['title']} II"} for r in records])
    calm = Counting()
    update(corpus, Path(shutil.copytree(index, tmp_path / "calm")), calm)
    before = everything(index)
    cut_off, rest = Counting(fail), Counting()
    with pytest.raises(KeyboardInterrupt):
        update(corpus, index, cut_off)
    assert everything(index) == before
    report = update(corpus, index, rest, resume=True)
    assert cut_off.calls + rest.calls == calm.calls  # the same batches, none of them twice
    assert report.changes.papers.added == 1
    assert everything(index) == everything(tmp_path / "calm") == built(corpus, tmp_path / "new")


def test_an_update_that_was_cut_off_can_be_left_behind(corpus: Path, index: Path) -> None:
    another_corpus(corpus)
    with pytest.raises(KeyboardInterrupt):
        update(corpus, index, Counting(fail=1))
    rewrite(corpus, lambda records: records[1:])
    with pytest.raises(
        IndexingError, match=r"changed \(metadata.csv is another\): .* or leave out"
    ):
        update(corpus, index, resume=True)
    with pytest.raises(IndexingError, match="has another command"):
        build(corpus, index, resume=True)
    assert update(corpus, index, Counting()).changes.papers.dropped == 1
    assert {path.name for path in index.iterdir()} >= {"CURRENT", current_version(index).name}


def test_few_new_passages_are_embedded_in_one_call(corpus: Path, index: Path) -> None:
    """Also when they lie far apart: small batches are slow, and short of equal lengths."""
    scattered = range(0, 69, 23)

    def change(records: Records) -> Records:
        for n in scattered:
            records[n]["abstract"] = f"Paper {n} has got another abstract, which is a short one."
        return records

    rewrite(corpus, change)
    counting = Counting()
    report = update(corpus, index, counting)
    assert report.built is not None
    assert len(counting.calls) <= report.built.corpus.passages / 96 + 1  # a call per three blocks


def test_two_versions_stay_on_the_disk(corpus: Path, index: Path) -> None:
    versions = [current_version(index).name]
    for _ in range(3):
        rewrite(corpus, lambda records: records[1:])
        versions.append(update(corpus, index).version)
    assert versions == sorted(set(versions))
    found = {path.name for path in index.iterdir()}
    assert found == {*versions[-2:], "CURRENT", ".lock"}


def test_a_kind_of_vector_index_that_was_chosen_stays(corpus: Path, index: Path) -> None:
    kinds = []
    for chosen in (None, "sq8", None, "auto", None):
        rewrite(corpus, lambda records: records[1:])
        update(corpus, index, vector_index=chosen)
        kinds.append(checked(index)[1].vector_index)
    assert kinds == ["fp16", "sq8", "sq8", "fp16", "fp16"]


def test_a_kind_that_was_chosen_stays_where_another_number_would_have_another(
    corpus: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(corpus, index, vector_index="fp16")  # what there is already
    rewrite(corpus, lambda records: records[1:])
    update(corpus, index, vector_index="fp16")
    monkeypatch.setattr("index.vector_kinds._MOST_EXACT", 10)
    kinds = []
    for chosen in (None, "auto", None):
        rewrite(corpus, lambda records: records[1:])
        update(corpus, index, vector_index=chosen)
        kinds.append(checked(index)[1].vector_index)
    assert kinds == ["fp16", "pq4", "pq4"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_kind_that_needs_more_passages_is_refused_by_a_dry_run_too(
    corpus: Path, index: Path, dry_run: bool
) -> None:
    with pytest.raises(IndexingError, match="ivfpq needs 9,984 passages, and there are"):
        update(corpus, index, vector_index="ivfpq", dry_run=dry_run)


def test_the_same_kind_by_choice_is_noted_and_can_be_left_to_the_number_again(
    corpus: Path, index: Path
) -> None:
    for wanted, chosen in [("fp16", True), ("auto", False)]:
        assert update(corpus, index, vector_index=wanted, dry_run=True).becomes == "fp16"
        assert update(corpus, index, vector_index=wanted).built is not None
        assert checked(index)[1].vector_index_chosen is chosen
        for again in (wanted, None):
            assert not update(corpus, index, vector_index=again).needed


def test_questions_for_another_kind_are_embedded(corpus: Path, index: Path) -> None:
    counting = Counting()
    done = update(corpus, index, counting, vector_index="pq4", questions=["Why?"])
    assert counting.texts == ["Why?"]
    assert done.built is not None
    assert done.built.recall is not None


def test_a_trial_that_was_killed_is_cleared_away(corpus: Path, index: Path) -> None:
    (index / ".trial").mkdir()
    (index / ".trial" / "passages.sqlite").write_bytes(b"x")
    assert not update(corpus, index).needed
    assert not (index / ".trial").exists()


def test_another_kind_of_vector_index_is_a_reason_for_a_version(corpus: Path, index: Path) -> None:
    before = current_version(index).name
    trial = update(corpus, index, vector_index="sq8", dry_run=True)
    assert (trial.version, trial.becomes, trial.changes.any_change) == (before, "sq8", False)
    assert trial.needed
    assert checked(index)[1].vector_index == "fp16"
    done = update(corpus, index, vector_index="sq8")
    assert done.built is not None
    assert done.version == current_version(index).name > before
    assert checked(index)[1].vector_index == "sq8"
    assert not update(corpus, index, vector_index="sq8").needed
    assert not update(corpus, index).needed
    assert update(corpus, index, vector_index="auto").built is not None
    assert checked(index)[1].vector_index == "fp16"


def refused(corpus: Path, index: Path, **options: object) -> str:
    """Return the one line with which an update is refused; nothing has changed."""
    before = files(index)
    with pytest.raises(IndexingError) as caught:
        update(corpus, index, **options)
    assert files(index) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_an_index_there_is_nothing_to_update(corpus: Path, tmp_path: Path) -> None:
    said = refused(corpus, tmp_path / "nowhere")
    assert "is not there: build one with `python -m scripts.build_index --corpus" in said
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    assert "is not an index" in refused(corpus, tmp_path / "empty")


def test_another_encoder(corpus: Path, index: Path) -> None:
    said = refused(corpus, index, encoder="other")
    assert "was built with the encoder fake, and this is other: give --encoder" in said


def test_another_chunker(corpus: Path, index: Path) -> None:
    change_manifest(current_version(index), chunker="sentences/90w/1s/v1")
    assert "was cut by sentences/90w/1s/v1, and this program cuts by" in refused(corpus, index)


def test_an_index_of_a_later_program(corpus: Path, index: Path) -> None:
    change_manifest(current_version(index), format=99, more={})
    said = refused(corpus, index)
    assert "has format 99, and this program reads format" in said
    assert "update the program" in said


def test_an_earlier_version_of_the_chunker(corpus: Path, index: Path) -> None:
    change_manifest(current_version(index), chunker="sentences/120w/1s/v1")
    rewrite(corpus, lambda records: records[1:])
    assert update(corpus, index).needed  # what it cut alike is not embedded again
    assert checked(index)[1].chunker == Chunker().name


def test_a_version_that_is_gone(corpus: Path, index: Path) -> None:
    shutil.rmtree(current_version(index))
    said = refused(corpus, index)
    assert "names the version" in said
    assert "which is not in it: build it again" in said


@pytest.mark.parametrize("name", [PASSAGES, "embeddings.f16", "vectors.faiss", CODES, COUNTS])
def test_vectors_of_a_damaged_version_are_not_taken_over(
    corpus: Path, index: Path, name: str
) -> None:
    path = current_version(index) / name
    turn_a_bit(path)
    assert f"{name} was altered" in refused(corpus, index)
    path.unlink()
    assert f"{name} is missing" in refused(corpus, index)


def test_an_update_while_another_build_runs(corpus: Path, index: Path) -> None:
    with (index / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another build is writing to" in refused(corpus, index)
        assert "another build is writing to" in refused(corpus, index, dry_run=True)


def test_a_lock_that_cannot_be_had_is_no_other_build(
    corpus: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("index.unfinished.fcntl.flock", fail)
    said = f"{index} cannot be written: its lock cannot be taken: No locks available"
    assert refused(corpus, index) == said


def test_a_mistyped_corpus(corpus: Path, index: Path) -> None:
    before = files(index)
    with pytest.raises(CorpusError, match="give --corpus the folder"):
        update(corpus / "mistyped", index)
    assert files(index) == before


def test_a_corpus_without_text(corpus: Path, index: Path) -> None:
    rewrite(corpus, lambda records: records[:0])
    before = everything(index)
    with pytest.raises(IndexingError, match="holds no text to index"):
        update(corpus, index)
    assert everything(index) == before


@pytest.mark.parametrize("size", [0, 50, 2_000, 20_000, 100_000, 200_000])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_full_disk_is_one_error_and_what_was_published_stays(
    corpus: Path, index: Path, built_from_another: dict[str, object], size: int, dry_run: bool
) -> None:
    another_corpus(corpus)
    before = everything(index)
    with largest_file(size), pytest.raises(IndexingError) as caught:
        update(corpus, index, Counting(), dry_run=dry_run)
    assert "\n" not in str(caught.value)
    assert not (dry_run and "--resume" in str(caught.value))
    assert everything(index) == before
    update(corpus, index, Counting(), resume=True)
    assert everything(index) == built_from_another


def made_of(vectors: NDArray[np.float64]) -> Embedded:
    """Return these vectors, and words as there should be."""
    words = encode(["word"] * len(vectors)).words
    return Embedded(vectors.astype(np.float32), words)


def test_an_encoder_that_makes_other_vectors_is_refused(corpus: Path, index: Path) -> None:
    another_corpus(corpus)
    with pytest.raises(IndexingError, match=r"made vectors of shape .* where .* was expected"):
        update(corpus, index, lambda texts: made_of(np.ones((len(texts), DIMENSION + 1))))
    with pytest.raises(IndexingError, match="not numbers"):
        update(corpus, index, lambda texts: made_of(np.full((len(texts), DIMENSION), np.nan)))
    assert checked(index, ENCODER.name)


def without_parses(corpus: Path) -> None:
    shutil.rmtree(corpus / "document_parses")


def without_a_third_of_the_records(corpus: Path) -> None:
    rewrite(corpus, lambda records: records[: 2 * len(records) // 3])


@pytest.mark.parametrize(
    ("lose", "message"),
    [
        (without_parses, r"[\d,]+ of [\d,]+ passages would go; .* that metadata.csv names cannot"),
        (without_a_third_of_the_records, r"23 of 69 papers would go"),
    ],
)
def test_an_update_that_would_lose_much_is_refused_unless_that_is_meant(
    corpus: Path, index: Path, lose: Callable[[Path], None], message: str
) -> None:
    lose(corpus)
    before = everything(index)
    with pytest.raises(IndexingError, match=rf"{message}.* or give --allow-loss"):
        update(corpus, index)
    assert everything(index) == before
    noting = Noting()
    assert update(corpus, index, progress=noting, dry_run=True).built is None
    assert "the update needs --allow-loss" in noting.notes[-1]
    done = update(corpus, index, Counting(), allow_loss=True, resume=True)
    assert done.built is not None
    rewrite(corpus, lambda records: records[1:])  # what was lost before is not lost again
    assert update(corpus, index, Counting()).built is not None


def test_parses_that_were_cut_were_not_lost_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.corpora.cord19.LONGEST_TEXT", 150)
    corpus = write_release(
        tmp_path / "corpus",
        [{"cord_uid": uid, "pdf_json_files": f"{uid}.json"} for uid in "abcd"],
        {f"{uid}.json": parse(sentences(9, uid)) for uid in "abcd"},
    )
    report = build(corpus, tmp_path / "index")
    assert report.corpus.unreadable == {TOO_LONG: 4}
    for uid in "abc":
        (corpus / f"{uid}.json").unlink()
    with pytest.raises(IndexingError, match="; 3 of the 4 parses that metadata"):
        update(corpus, tmp_path / "index")


def test_passages_that_are_cut_anew_are_not_lost(corpus: Path, index: Path) -> None:
    for path in corpus.glob("document_parses/*/*.json"):
        path.write_text(path.read_text().replace('"text": "', '"text": "Word of our own. '))
    found = update(corpus, index, Counting()).changes.passages
    assert found.dropped > 0.2 * (found.dropped + found.kept)
