"""Opening an index that a build has published, and refusing what it should not serve."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from files.checksums import sha256
from index.embedding import EncoderSpec
from index.filters import NO_FILTERS, Filters
from index.hybrid import FEATURES, PLAIN_FEATURES, Question
from index.keywords import KEYWORDS
from index.manifest import current_version, describe
from index.passages import PASSAGES
from index.search import PassageIndex, checked
from index.types import IndexingError, ShortageError
from index.vector_files import EMBEDDINGS
from index.vectors import VECTORS
from index.word_vectors import CODES, COUNTS
from tests.unit.index.disk import few_files
from tests.unit.index.fake_encoder import ENCODER, encode
from tests.unit.index.indexes import build, change_manifest
from tests.unit.index.release import parse, sentences, write_release

TEXT = "Who wore masks in hospital?"
MADE = encode([TEXT])
QUESTION = Question(TEXT, MADE.vectors[0], MADE.words[0] / len(MADE.words[0]))


def release(root: Path) -> Path:
    records = [
        {"cord_uid": uid, "title": f"Masks in {about}", "pdf_json_files": f"{uid}.json"}
        for uid, about in [("u1", "hospital"), ("u2", "school")]
    ]
    parses = {f"u{n}.json": parse(sentences(60, f"place{n}")) for n in (1, 2)}
    return write_release(root, records, parses)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("opening")
    build(release(root / "corpus"), root / "index")
    return root / "index"


@pytest.fixture
def index_dir(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "index"))


def test_an_index_that_was_copied_answers(index_dir: Path) -> None:
    index = PassageIndex.open(index_dir, "fake")
    found = index.candidates(QUESTION)
    candidates = index.fetch(found, range(len(found.ids)))
    assert [candidate.passage.id for candidate in candidates] == found.ids.tolist()
    assert [candidate.features for candidate in candidates] == list(map(tuple, found.features))
    assert {candidate.paper.cord_uid for candidate in candidates} == {"u1", "u2"}
    assert len(candidates) == index.manifest.passages
    for candidate in candidates:
        passage = candidate.passage
        assert len(passage.text) == passage.end - passage.start
        assert len(candidate.features) == len(index.features) == len(FEATURES)
        assert np.isfinite(candidate.features).all()


def test_opening_and_searching_leave_every_file_as_it_was(index_dir: Path) -> None:
    def files() -> dict[Path, str]:
        return {path: sha256(path) for path in index_dir.rglob("*") if path.is_file()}

    before = files()
    PassageIndex.open(index_dir, "fake").candidates(QUESTION)
    assert files() == before


def test_another_encoder_is_refused(index_dir: Path) -> None:
    with pytest.raises(IndexingError, match=r"built with the encoder fake.*embedded with other"):
        checked(index_dir, "other")
    assert checked(index_dir)[1].encoder == "fake"


@pytest.mark.parametrize(
    "name", [PASSAGES, VECTORS, EMBEDDINGS, CODES, COUNTS, f"{KEYWORDS}/meta.json", "manifest.json"]
)
@pytest.mark.parametrize("damage", ["missing", "truncated", "altered"])
def test_a_damaged_index_is_refused(index_dir: Path, name: str, damage: str) -> None:
    path = current_version(index_dir) / name
    content = path.read_bytes()
    middle = len(content) // 2
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[:middle])
    else:
        at = 0 if name == "manifest.json" else middle  # elsewhere it holds other files' checksums
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with pytest.raises(IndexingError, match=name) as caught:
        PassageIndex.open(index_dir, "fake")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [PASSAGES, VECTORS, KEYWORDS, CODES, COUNTS])
def test_a_manifest_that_does_not_name_a_part_is_refused(index_dir: Path, part: str) -> None:
    folder = current_version(index_dir)
    path = folder / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    change_manifest(folder, files=describe(folder))
    with pytest.raises(IndexingError, match=f"has no {part}: build it again"):
        checked(index_dir)


@pytest.mark.parametrize("name", ["papers", "passages", "dimension"])
def test_parts_that_do_not_belong_together_are_refused(index_dir: Path, name: str) -> None:
    change_manifest(current_version(index_dir), **{name: 1})
    with pytest.raises(IndexingError, match="do not belong together: build it again"):
        PassageIndex.open(index_dir)


@pytest.mark.parametrize("names", [(VECTORS,), (CODES,), (COUNTS,), (CODES, COUNTS)])
def test_a_part_of_another_index_is_refused(
    index_dir: Path, tmp_path: Path, names: tuple[str, ...]
) -> None:
    other = tmp_path / "other"
    build(release(tmp_path / "corpus"), other, limit=1)
    folder = current_version(index_dir)
    for name in names:
        shutil.copy(current_version(other) / name, folder / name)
    with pytest.raises(IndexingError, match=names[-1]):
        PassageIndex.open(index_dir)
    change_manifest(folder, files=describe(folder))
    with pytest.raises(IndexingError, match="do not belong together"):
        PassageIndex.open(index_dir)


def test_an_index_of_an_encoder_without_words_has_none(tmp_path: Path) -> None:
    plain = EncoderSpec("plain", ENCODER.dimension, encode)
    build(release(tmp_path / "corpus"), tmp_path / "index", encoder=plain)
    folder, manifest = checked(tmp_path / "index")
    assert manifest.word_dimension == 0
    assert not {CODES, COUNTS} & {path.name for path in folder.iterdir()}
    index = PassageIndex.open(tmp_path / "index", "plain")
    assert index.features == PLAIN_FEATURES
    found = index.candidates(Question(TEXT, QUESTION.vector, np.empty((0, 0), np.float32)))
    assert found.features.shape == (manifest.passages, len(PLAIN_FEATURES))


@pytest.mark.parametrize("left", range(4))
def test_too_few_files_are_not_taken_for_damage(index_dir: Path, left: int) -> None:
    """Whichever file it is that the system does not open."""
    PassageIndex.open(index_dir)  # all that is imported at the first use
    with (
        few_files(left),
        pytest.raises(ShortageError, match=r"cannot be opened \(Too many open files\): free some"),
    ):
        PassageIndex.open(index_dir)
    PassageIndex.open(index_dir)


def test_a_paper_whose_date_is_none_is_served_and_matches_no_date(index_dir: Path) -> None:
    """An index that was made elsewhere may say anything; one paper's date must not stop it all."""
    folder = current_version(index_dir)
    with closing(sqlite3.connect(folder / PASSAGES)) as db:
        for uid, date in (("u1", "2020-03"), ("u2", "20 March 2020")):
            db.execute("UPDATE papers SET publish_time = ? WHERE cord_uid = ?", (date, uid))
        db.commit()
    change_manifest(folder, files=describe(folder))
    index = PassageIndex.open(index_dir)
    dated = len(index.of_paper("u1"))
    assert 0 < dated < index.searched(NO_FILTERS)
    assert index.searched(Filters(published_from="1900")) == dated
    assert index.searched(Filters(published_to="2030")) == dated
    (paper,) = index.papers(["u2"]).values()
    assert paper.publish_time == "20 March 2020"


def test_both_searches_alone(index_dir: Path) -> None:
    index = PassageIndex.open(index_dir)
    meaning = index.by_meaning(QUESTION, 3)
    words = index.by_words(QUESTION, 3)
    assert [len(meaning), len(words)] == [3, 3]
    for hits in (meaning, words):
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True)
    ids = [hit.passage_id for hit in meaning]
    assert [passage.id for passage in index.passages(ids)] == ids
    assert {passage.cord_uid for passage in index.of_paper("u2")} == {"u2"}
    assert index.of_paper("u3") == []
    assert index.by_words(Question("zebra", QUESTION.vector, QUESTION.words), 3) == []
