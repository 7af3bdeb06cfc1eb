import fcntl
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from index.builder import expect_to_build
from index.embedding import EncoderSpec, embedding_text
from index.filters import Attributes
from index.keywords import build_keywords
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from index.search import checked
from index.types import CorpusError, IndexingError
from index.vector_files import EMBEDDINGS
from index.word_vectors import WordVectors, quantised
from models.contracts import Embedded
from tests.unit.index.comparing import everything
from tests.unit.index.disk import largest_file
from tests.unit.index.fake_encoder import DIMENSION, Noting, Silent, encode
from tests.unit.index.indexes import SAMPLE, build, passages_of
from tests.unit.index.release import parse, sentences, write_dirty_release, write_release


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.embedding.BLOCK", 32)
    monkeypatch.setattr("index.reading._PAPERS_PER_COMMIT", 10)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    index_dir = tmp_path_factory.mktemp("undisturbed")
    build(SAMPLE, index_dir)
    return index_dir


@pytest.fixture(scope="module")
def calm(undisturbed: Path) -> dict[str, object]:
    """Return what the index of a build that nothing disturbed holds."""
    return everything(undisturbed)


def test_a_table_of_nothing_but_numbers_is_no_passage(tmp_path: Path) -> None:
    numbers = "5.1 ± 2.2* 3.9 ± 1.4# " * 40 + "days"
    body = parse(numbers, ("Discussion", sentences(30)), ("Tables", f"{sentences(1)} {numbers}"))
    record = {"cord_uid": "a1", "title": "Masks", "pdf_json_files": "p.json"}
    corpus = write_release(tmp_path / "corpus", [record], {"p.json": body})
    build(corpus, tmp_path / "index")
    passages = passages_of(tmp_path / "index")
    assert "Results" not in {passage.section for passage in passages}
    (last,) = (passage for passage in passages if passage.section == "Tables")
    assert last.text.startswith(sentences(1))  # its sentence is there


def test_the_sample_corpus(undisturbed: Path) -> None:
    passages = passages_of(undisturbed)
    assert [passage.id for passage in passages] == list(range(len(passages)))
    assert len({passage.cord_uid for passage in passages}) == 69
    _, manifest = checked(undisturbed)
    assert (manifest.papers, manifest.dimension, manifest.encoder) == (69, 8, "fake")
    assert manifest.word_dimension == DIMENSION
    store = PassageStore(current_version(undisturbed) / PASSAGES)
    assert store.skips() == {}
    expected = encode([embedding_text(*row) for row in store.texts(0, store.passages)])
    store.close()
    found = np.fromfile(current_version(undisturbed) / EMBEDDINGS, np.float16)
    # row n is passage n
    expected_rows = expected.vectors.astype(np.float16)
    np.testing.assert_array_equal(found.reshape(-1, DIMENSION), expected_rows)
    words = WordVectors(current_version(undisturbed), DIMENSION)
    assert words.size == len(passages)
    for id_ in range(words.size):
        np.testing.assert_array_equal(words.codes(id_), quantised(expected.words[id_]))
    words.close()


def test_what_the_encoder_sees() -> None:
    assert embedding_text("Masks", "Results", "None fell ill.") == "Masks. Results\nNone fell ill."
    assert embedding_text("Masks", "", "None fell ill.") == "Masks\nNone fell ill."


def test_several_workers_build_the_same(calm: dict[str, object], tmp_path: Path) -> None:
    build(SAMPLE, tmp_path, workers=2)
    assert everything(tmp_path) == calm


def test_every_record_of_a_dirty_corpus_is_accounted_for(tmp_path: Path) -> None:
    corpus, records = write_dirty_release(tmp_path / "corpus")
    report = build(corpus, tmp_path / "index")
    assert (
        report.corpus.records
        == records
        == report.corpus.papers + sum(report.corpus.skipped.values())
    )
    assert report.corpus.skipped == {
        "no abstract and no full text": 5,  # d1, e3, e5, f2, h1
        "merged with another record of the same paper": 2,
        "all its text stands in other papers": 1,
        "no cord_uid": 1,
    }
    assert report.corpus.unreadable == {
        "invalid JSON": 3,
        "leaves the corpus folder; not read": 2,
        "No such file or directory": 1,
        "not a CORD-19 parse": 1,
    }
    passages = passages_of(tmp_path / "index")
    assert {passage.cord_uid for passage in passages} == {
        *("a1", "b1", "c1", "d2", "e1", "e2", "e4", "g1", "h2"),
    }
    for passage in passages:
        assert len(passage.text) == passage.end - passage.start
        assert 5 <= len(passage.text.split()) <= 120
        assert not set(passage.text) & set("\x00\x07")
        assert "secret" not in passage.text
    texts = [passage.text.casefold() for passage in passages]
    assert len(texts) == len(set(texts))


def test_passages_do_not_cross_sections(tmp_path: Path) -> None:
    made = parse(("Methods", sentences(3, "methods")), ("Results", sentences(3, "results")))
    write_release(tmp_path / "c", [{"cord_uid": "a", "pdf_json_files": "p"}], {"p": made})
    build(tmp_path / "c", tmp_path / "i")
    assert [(p.section, p.text) for p in passages_of(tmp_path / "i")] == [
        ("Methods", sentences(3, "methods")),
        ("Results", sentences(3, "results")),
    ]


def test_the_limit(tmp_path: Path) -> None:
    report = build(SAMPLE, tmp_path, limit=7)
    assert (report.corpus.records, report.corpus.papers) == (7, 7)


class Interrupting(Silent):
    """Raises at the `after`th call of `advance`."""

    def __init__(self, after: int) -> None:
        self._left = after

    def advance(self, count: int) -> None:
        """Count, or raise."""
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def interrupting(after: int) -> EncoderSpec:
    """Return the fake encoder, raising at its `after`th call."""
    calls = 0

    def encode_or_raise(texts: Sequence[str]) -> Embedded:
        nonlocal calls
        calls += 1
        if calls == after:
            raise KeyboardInterrupt
        return encode(texts)

    return EncoderSpec("fake", DIMENSION, encode_or_raise, DIMENSION)


@pytest.mark.parametrize("after", [1, 11, 12, 69, 70, 72, 83])
def test_a_build_that_was_cut_off_goes_on(
    calm: dict[str, object], tmp_path: Path, after: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path, progress=Interrupting(after))
    with pytest.raises(IndexingError, match="is not an index"):
        checked(tmp_path)
    report = build(SAMPLE, tmp_path, resume=True)
    assert (report.corpus.records, report.corpus.papers, report.corpus.skipped) == (69, 69, {})
    assert everything(tmp_path) == calm


def test_a_build_that_is_cut_off_again_and_again_goes_on(
    calm: dict[str, object], tmp_path: Path
) -> None:
    for after in range(1, 100):
        try:
            build(SAMPLE, tmp_path, encoder=interrupting(min(after, 3)), resume=True)
        except KeyboardInterrupt:
            rows = (tmp_path / ".building" / "embeddings.f16").stat().st_size // (2 * DIMENSION)
            assert rows % 32 == 0
        else:
            break
    assert everything(tmp_path) == calm


def test_a_build_that_goes_on_tells_what_was_read_before(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path, progress=Interrupting(25))
    told: list[tuple[str, int]] = []

    class Telling(Silent):
        def stage(self, name: str, total: int, done: int, unit: str) -> None:
            told.append((name, done))

        def advance(self, count: int) -> None:
            told.append((told[-1][0], count))

    build(SAMPLE, tmp_path, progress=Telling(), resume=True)
    assert [count for name, count in told if name == "reading papers"] == [20] + 49 * [1]


def test_only_what_is_missing_is_embedded(calm: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path, encoder=interrupting(after=6))
    with (tmp_path / ".building" / "embeddings.f16").open("ab") as file:
        file.write(b"half a block" * 9)  # what a kill leaves
    seen: list[str] = []
    counting = EncoderSpec(
        "fake", DIMENSION, lambda texts: (seen.extend(texts), encode(texts))[1], DIMENSION
    )
    report = build(SAMPLE, tmp_path, encoder=counting, resume=True)
    assert len(seen) == report.corpus.passages - 5 * 32
    assert everything(tmp_path) == calm


@pytest.mark.parametrize(
    "step",
    [
        *("build_faiss", "build_keywords", "describe", "Manifest.write", "publish"),
        "manifest.Path.rename",
    ],
)
def test_no_vector_is_lost_by_a_failure_to_publish(
    calm: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The last seconds of a build must not cost the hours before."""
    build(SAMPLE, tmp_path, limit=2)
    before = current_version(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        name = f"index.{step}" if step.startswith("manifest") else f"index.builder.{step}"
        patch.setattr(name, fail)
        with pytest.raises(IndexingError, match=r"stopped: No space left on device.*--resume"):
            build(SAMPLE, tmp_path)
    assert checked(tmp_path)[0] == before
    nothing = EncoderSpec("fake", DIMENSION, lambda _: pytest.fail("embedded again"), DIMENSION)
    build(SAMPLE, tmp_path, encoder=nothing, resume=True)
    assert everything(tmp_path) == calm
    assert {path.name for path in tmp_path.iterdir()} == {
        *(before.name, current_version(tmp_path).name, "CURRENT", ".lock"),
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 3}, "has another limit: give the same arguments, or leave out --resume"),
        ({"encoder": EncoderSpec("other", DIMENSION, encode, DIMENSION)}, "has another encoder"),
    ],
)
def test_resuming_with_other_arguments_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path, encoder=interrupting(after=3))
    with pytest.raises(IndexingError, match=message):
        build(SAMPLE, tmp_path, resume=True, **changes)
    build(SAMPLE, tmp_path, resume=True)


def test_a_build_goes_on_with_a_corpus_that_was_moved_or_looked_at(tmp_path: Path) -> None:
    corpus = Path(shutil.copytree(SAMPLE, tmp_path / "corpus"))
    with pytest.raises(KeyboardInterrupt):
        build(corpus, tmp_path / "i", limit=9, encoder=interrupting(after=1))
    (corpus / "document_parses" / ".DS_Store").touch()
    noting = Noting()
    moved = corpus.rename(tmp_path / "moved")
    build(moved, tmp_path / "i", progress=noting, limit=9, resume=True)
    assert noting.notes == []


def test_it_says_that_there_is_nothing_to_resume_and_what_is_thrown_away(tmp_path: Path) -> None:
    noting = Noting()
    build(SAMPLE, tmp_path, progress=noting, limit=2, resume=True)
    assert "no unfinished build is in" in noting.notes.pop()
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path, encoder=interrupting(after=2))
    done = (tmp_path / ".building" / "embedded").read_text().strip()
    build(SAMPLE, tmp_path, progress=noting, limit=2)
    assert f"an unfinished build with {done} embedded passages is thrown away" in noting.notes[0]


@pytest.mark.parametrize("content", ["", "[1]", "{", "3"])
def test_a_damaged_state_is_refused_and_can_be_left_behind(tmp_path: Path, content: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path, limit=5, encoder=interrupting(after=1))
    (tmp_path / ".building" / "build.json").write_text(content)
    with pytest.raises(IndexingError, match="leave out --resume to start afresh"):
        build(SAMPLE, tmp_path, limit=5, resume=True)
    build(SAMPLE, tmp_path, limit=5)


def test_a_damaged_unfinished_build_is_one_error(tmp_path: Path) -> None:
    for name in ("plan.sqlite", PASSAGES):
        with pytest.raises(KeyboardInterrupt):
            build(SAMPLE, tmp_path, limit=5, encoder=interrupting(after=1))
        path = tmp_path / ".building" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + bytes(len(whole) - 100))
        with pytest.raises(IndexingError, match="leave it out to start afresh"):
            build(SAMPLE, tmp_path, limit=5, resume=True)
    build(SAMPLE, tmp_path, limit=5)


def test_resuming_without_an_unfinished_build_starts_one(tmp_path: Path) -> None:
    assert build(SAMPLE, tmp_path, limit=2, resume=True).corpus.papers == 2
    assert build(SAMPLE, tmp_path, limit=3, resume=True).corpus.papers == 3


def test_two_builds_do_not_write_to_one_index(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(IndexingError, match="another build is writing"):
            build(SAMPLE, tmp_path)
    build(SAMPLE, tmp_path, limit=2)


def broken_vectors(texts: Sequence[str]) -> Embedded:
    made = encode(texts)
    return Embedded(made.vectors[:, :5], made.words)


def not_numbers(texts: Sequence[str]) -> Embedded:
    made = encode(texts)
    return Embedded(made.vectors * np.float32(np.nan), made.words)


def too_few(texts: Sequence[str]) -> Embedded:
    made = encode(texts)
    return Embedded(made.vectors[1:], made.words[1:])


def broken_words(texts: Sequence[str]) -> Embedded:
    made = encode(texts)
    return Embedded(made.vectors, tuple(words[:, :4] for words in made.words))


def words_of_too_few(texts: Sequence[str]) -> Embedded:
    made = encode(texts)
    return Embedded(made.vectors, made.words[1:])


def words_that_are_not_numbers(texts: Sequence[str]) -> Embedded:
    made = encode(texts)
    return Embedded(made.vectors, tuple(words * np.float32(np.nan) for words in made.words))


@pytest.mark.parametrize(
    "wrong",
    [
        *(broken_vectors, not_numbers, too_few),
        *(broken_words, words_of_too_few, words_that_are_not_numbers),
    ],
)
def test_an_encoder_that_makes_other_vectors_is_refused(
    tmp_path: Path, wrong: Callable[[Sequence[str]], Embedded]
) -> None:
    with pytest.raises(IndexingError, match="the encoder made"):
        build(SAMPLE, tmp_path, limit=3, encoder=EncoderSpec("fake", DIMENSION, wrong, DIMENSION))
    with pytest.raises(IndexingError, match="is not an index"):
        checked(tmp_path)


def test_a_corpus_without_text(tmp_path: Path) -> None:
    write_release(tmp_path / "c", [{"cord_uid": "a"}])
    with pytest.raises(IndexingError, match="holds no text to index"):
        build(tmp_path / "c", tmp_path / "i")
    write_release(tmp_path / "c", [])
    with pytest.raises(IndexingError, match="holds no text to index"):
        build(tmp_path / "c", tmp_path / "i")


def test_a_mistyped_corpus_costs_nothing(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="give --corpus the folder"):
        build(tmp_path / "corpus", tmp_path / "index")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path / "index", encoder=interrupting(after=3))
    before = sorted((tmp_path / "index").rglob("*"))
    with pytest.raises(CorpusError):
        build(tmp_path / "corpus", tmp_path / "index")
    assert sorted((tmp_path / "index").rglob("*")) == before


def test_nothing_is_built_in_a_version_of_an_index(tmp_path: Path) -> None:
    build(SAMPLE, tmp_path, limit=2)
    version = current_version(tmp_path)
    before = everything(tmp_path), sorted(tmp_path.rglob("*"))
    for start in (lambda: build(SAMPLE, version), lambda: expect_to_build(SAMPLE, version)):
        with pytest.raises(IndexingError, match=f"one version of an index: give .* {tmp_path}$"):
            start()
    assert (everything(tmp_path), sorted(tmp_path.rglob("*"))) == before


def test_an_index_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "index", tmp_path / "file"):
        with pytest.raises(IndexingError, match="cannot be written: ") as caught:
            build(SAMPLE, path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 50, 2_000, 20_000, 100_000, 200_000])
def test_a_full_disk_is_one_error_and_what_was_done_is_kept(
    calm: dict[str, object], tmp_path: Path, size: int
) -> None:
    build(SAMPLE, tmp_path, limit=2)
    before = checked(tmp_path)
    with largest_file(size), pytest.raises(IndexingError) as caught:
        build(SAMPLE, tmp_path)
    assert "\n" not in str(caught.value)
    assert checked(tmp_path) == before
    build(SAMPLE, tmp_path, resume=True)
    assert everything(tmp_path) == calm


@pytest.mark.parametrize("size", [0, 1_000, 10_000])
def test_a_keyword_index_that_cannot_be_written(tmp_path: Path, size: int) -> None:
    texts = [
        (f"Title {n}", "", f"word{n} and some words " * 30, Attributes()) for n in range(2_000)
    ]
    with largest_file(size), pytest.raises(IndexingError, match="is the disk full"):
        build_keywords(texts, tmp_path / "keywords")


def test_the_state_names_what_must_stay_the_same(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(SAMPLE, tmp_path, limit=5, encoder=interrupting(after=1))
    state = json.loads((tmp_path / ".building" / "build.json").read_text())
    assert set(state) == {
        *("format", "reading", "command", "metadata.csv", "document_parses"),
        *("limit", "encoder", "chunker"),
    }


def test_parses_that_came_after_the_papers_were_read(tmp_path: Path) -> None:
    path = "document_parses/pdf_json/1.json"
    records = [{"cord_uid": "a", "abstract": sentences(2), "pdf_json_files": path}]
    corpus, index_dir = write_release(tmp_path / "c", records), tmp_path / "i"
    parses = [{path: parse(sentences(60))}, {"document_parses/pdf_json/2.json": parse("Two.")}]
    for more in parses:
        with pytest.raises(KeyboardInterrupt):
            build(corpus, index_dir, encoder=interrupting(after=1))
        write_release(tmp_path / "c", records, more)
        with pytest.raises(IndexingError, match=r"parses came or went.* restore what was"):
            build(corpus, index_dir, resume=True)
    with pytest.raises(KeyboardInterrupt):
        build(corpus, index_dir, encoder=interrupting(after=1))
    assert build(corpus, index_dir, resume=True).corpus.passages > 1


def test_a_kind_that_does_not_fit_is_refused_before_anything_is_embedded(tmp_path: Path) -> None:
    nothing = EncoderSpec("fake", DIMENSION, lambda _: pytest.fail("embedded"), DIMENSION)
    with pytest.raises(IndexingError, match="of the kind ivfpq needs 9,984 passages"):
        build(SAMPLE, tmp_path, limit=3, encoder=nothing, vector_index="ivfpq")
    assert build(SAMPLE, tmp_path, limit=3, resume=True).vector_index == "fp16"


def test_embedding_tells_how_far_it_is_within_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calm: dict[str, object]
) -> None:
    monkeypatch.setattr("index.embedding._AT_ONCE", 8)
    steps: list[int] = []

    class Stepping(Silent):
        def stage(self, name: str, total: int, done: int, unit: str) -> None:
            self.embedding = name == "embedding"

        def advance(self, count: int) -> None:
            steps.extend([count] if self.embedding else [])

    report = build(SAMPLE, tmp_path, progress=Stepping())
    assert (sum(steps), max(steps)) == (report.corpus.passages, 8)
    assert everything(tmp_path) == calm
