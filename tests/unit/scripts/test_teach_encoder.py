"""Teaching an encoder end to end: a tiny encoder and a tiny reader on the sample corpus."""

import json
import random
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from index.builder import build_index
from index.embedding import EncoderSpec
from index.manifest import current_version
from index.passages import PassageStore
from index.search import PASSAGES
from models.contracts import ModelError
from models.contrastive import TrainedEncoder
from models.encoder import SentenceEncoder
from models.late import load
from scripts import teach_encoder
from scripts.encoder_pairs import HELD_OUT
from scripts.judged_questions import Asked, Judged, mixed, read_judged
from scripts.judged_training import Learning, chosen
from tests.making_models import HIDDEN, tiny_encoder, tiny_reader
from tests.unit.index.fake_encoder import Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
PAPERS = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with tiny models, an index of the sample corpus, and questions about it."""
    root = tmp_path_factory.mktemp("teaching")
    tiny_reader(root / "reader")
    base = tiny_encoder(root / "base")
    TrainedEncoder(base, 8, ()).head.save(base)
    encoder = SentenceEncoder(base, device="cpu")
    spec = EncoderSpec(encoder.name, HIDDEN, encoder.encode_passages, encoder.word_dimension)
    build_index(SAMPLE, root / "index", spec, Silent(), workers=1, limit=20)
    with closing(PassageStore(current_version(root / "index") / PASSAGES)) as store:
        passages = {passage.cord_uid: passage for passage in store.get(range(store.passages))}
    articles: list[dict[str, Any]] = []
    for number, (cord_uid, passage) in enumerate(list(passages.items())[:PAPERS]):
        words = passage.text.split()
        answer = " ".join(words[3:8])
        place = {"text": answer, "answer_start": passage.text.index(answer)}
        question = f"What is said of {' '.join(words[-5:])}?"
        qa = {"id": str(number), "question": question, "answers": [place]}
        paragraph = {"context": passage.text, "cord_uid": cord_uid, "qas": [qa]}
        articles.append({"paragraphs": [paragraph]})
    (root / "about.json").write_text(json.dumps({"data": articles}))
    first, second, *_ = passages
    (base / HELD_OUT).write_text(json.dumps([second]))
    lines = [
        {"cord_uid": uid, "title": "T", "section": "", "text": passages[uid].text, "questions": [q]}
        for uid, q in ((first, "what is it?"), (second, "is it left out?"))
    ]
    (root / "made.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return root


def command(made: Path, work: Path, *more: str) -> list[str]:
    return [
        *("--index", str(made / "index"), "--base", str(made / "base"), "--device", "cpu"),
        *("--reader", str(made / "reader"), "--output", str(work / "encoder")),
        *("--corpus-questions", f"{made}/about.json", "--made-questions", f"{made}/made.jsonl"),
        *("--work", str(work), "--batch", "3", "--judged", "5", "--learnt", "4", *more),
    ]


def test_judged_and_taught(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert teach_encoder.main(command(made, tmp_path, "--passes", "3", "--rate", "1e-3")) == 0
    judged = read_judged(tmp_path / "judged.jsonl")
    assert len(judged) == PAPERS  # five of people, one made up; two are about a paper left out
    assert "is it left out?" not in {one.question for one in judged}
    for one in judged:
        assert len(one.passages) == len(one.judgements) == len(set(one.passages)) == 5
        assert len(one.rarity) > 0
    assert load(tmp_path / "encoder") is not None
    assert json.loads((tmp_path / "encoder" / HELD_OUT).read_text())
    name = "late_interaction.safetensors"
    before, after = (load_file(folder / name) for folder in (made / "base", tmp_path / "encoder"))
    assert any(not torch.equal(before[key], after[key]) for key in before)
    logged = [
        json.loads(line) for line in (tmp_path / "learning" / "log.jsonl").read_text().splitlines()
    ]
    assert logged[-1]["step"] == logged[-1]["of"] == 6
    assert "step 6 of 6" in capsys.readouterr().out


def test_titles_are_broad_questions_whose_order_is_kept(made: Path, tmp_path: Path) -> None:
    assert teach_encoder.main(command(made, tmp_path, "--keep-titles", "4")) == 0
    judged = read_judged(tmp_path / "judged.jsonl")
    broad = [one for one in judged if one.kept]
    assert (len(broad), len(judged)) == (4, PAPERS + 4)
    with closing(PassageStore(current_version(made / "index") / PASSAGES)) as store:
        papers = {one.cord_uid for one in store.get(range(store.passages))}
        titles = [one.title for one in store.get_papers(sorted(papers)).values()]
    for one in broad:
        assert 3 <= len(one.question.split()) <= 12
        (own,) = {title for title in titles if one.question in title}
        assert not any(text.startswith(own) for text in one.passages)
        assert 2 <= len(one.passages) == len(set(one.passages)) <= 5
        assert max(one.judgements) == one.judgements[0] <= 30
    logged = (tmp_path / "learning" / "log.jsonl").read_text().splitlines()
    assert json.loads(logged[-1])["loss of kept order"] < 0.2  # 2 bits a coordinate make some


def test_what_was_judged_is_not_judged_again(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert teach_encoder.main(command(made, tmp_path, "--judge-only")) == 0
    path = tmp_path / "judged.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rfind(b"\n", 0, -1) + 20])  # as if killed in the last line
    assert teach_encoder.main(command(made, tmp_path, "--judge-only")) == 0
    assert path.read_bytes() == whole
    monkeypatch.setattr("scripts.judged_questions._judged", pytest.fail)
    assert teach_encoder.main(command(made, tmp_path, "--judge-only")) == 0


def test_a_run_that_goes_on_ends_as_one_left_alone(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert teach_encoder.main(command(made, whole, "--passes", "2")) == 0

    def stop(self: Learning, step: int, steps: int, seconds: float) -> float | None:
        return kept(self, step, steps, seconds) if step < 2 else None

    kept = Learning.share
    with monkeypatch.context() as patch:
        patch.setattr(Learning, "share", stop)
        assert teach_encoder.main(command(made, parts, "--passes", "2")) == 0
    assert teach_encoder.main(command(made, parts, "--passes", "2")) == 0
    name = "encoder/model.safetensors"
    one, other = load_file(whole / name), load_file(parts / name)
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--corpus-questions", "absent.json"), "absent.json"),
        (("--reader", "absent/reader"), "neither a folder nor a model"),
    ],
)
def test_what_is_missing_is_said_in_a_line(
    made: Path,
    tmp_path: Path,
    more: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert teach_encoder.main(command(made, tmp_path, *more)) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("teach_encoder: ")
    assert said in line
    assert not (tmp_path / "arguments.json").exists()  # nothing is noted that would refuse a retry


def test_another_learning_from_the_same_judgements(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert teach_encoder.main(command(made, tmp_path, "--judge-only")) == 0
    assert teach_encoder.main(command(made, tmp_path, "--rate", "1e-3")) == 0
    assert teach_encoder.main(command(made, tmp_path, "--rate", "2e-3")) == 1
    assert "learning has another rate" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "learning")
    assert teach_encoder.main(command(made, tmp_path, "--rate", "2e-3")) == 0
    about = json.loads((made / "about.json").read_text())
    other = tmp_path / "other" / "about.json"
    other.parent.mkdir()
    other.write_text(json.dumps({"data": about["data"][:3]}))
    more = ("--corpus-questions", f"{other}")
    arguments = [one for one in command(made, tmp_path) if not one.endswith("about.json")]
    arguments[arguments.index("--corpus-questions") : arguments.index("--made-questions")] = more
    assert teach_encoder.main(arguments) == 1
    assert "has another questions (what the files hold)" in capsys.readouterr().err


def test_a_base_without_words_is_refused_before_anything_is_judged(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tiny_encoder(tmp_path / "bare")
    assert teach_encoder.main([*command(made, tmp_path), "--base", str(bare)]) == 1
    assert "has no vectors of words" in capsys.readouterr().err
    assert not (tmp_path / "judged.jsonl").exists()


def test_no_questions_and_damaged_judgements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        teach_encoder.main(["--output", str(tmp_path / "o"), "--work", str(tmp_path / "w")])
    assert "give at least one" in capsys.readouterr().err
    for text in ("{", '{"question": "q", "rarity": [], "passages": ["a"], "judgements": []}'):
        (tmp_path / "judged.jsonl").write_text(text)
        with pytest.raises(ModelError, match=r"judged\.jsonl is damaged"):
            read_judged(tmp_path / "judged.jsonl")


def test_the_best_liked_wrong_passages_are_learnt_first() -> None:
    one = Judged("q", (), tuple("abcdef"), (9.0, 1.0, 5.0, 4.0, 3.0, 2.0))
    for seed in range(20):
        places = chosen(one, 4, random.Random(seed))
        assert places[0] == 0
        assert len(set(places)) == 4
        assert len({2, 3, 4}.intersection(places)) >= 2
    assert sorted(chosen(one, 9, random.Random(0))) == [0, 1, 2, 3, 4, 5]
    assert chosen(Judged("q", (), ("a",), (1.0,)), 4, random.Random(0)) == [0]


def test_where_the_order_is_kept_any_passage_is_learnt_from() -> None:
    one = Judged("q", (), tuple("abcdef"), (6.0, 5.0, 4.0, 3.0, 2.0, 1.0), kept=True)
    drawn = [chosen(one, 4, random.Random(seed)) for seed in range(30)]
    assert all(len(set(places)) == 4 for places in drawn)
    assert {places[0] for places in drawn} == set(range(6))


def test_sources_are_mixed_by_their_passes() -> None:
    some = [Asked(str(number), ("x",), 1.0) for number in range(10)]
    more = [Asked("made", ("y",), 1.0)]
    found = [one.question for one in mixed([(some, 1.5), (more, 3)], seed=1)]
    assert len(found) == 18
    assert found.count("made") == 3
    assert {str(number) for number in range(10)} < set(found)
    assert mixed([([], 2)], seed=1) == []
