"""Training end to end, with a tiny model on questions about the sample corpus."""

import gzip
import json
import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from index.builder import build_index
from index.embedding import EncoderSpec
from index.hybrid import FEATURES, Question
from index.manifest import current_version
from index.passages import PASSAGES, PassageStore
from index.search import PassageIndex
from models import contrastive, token_table, training
from models.contracts import ModelError
from models.encoder import SentenceEncoder
from models.late import load_head
from models.token_table import Tokens
from scripts import encoder_pairs, encoder_training, train_encoder
from scripts.encoder_training import EncoderLessons
from scripts.training_runs import Source
from tests.making_models import HIDDEN, tiny_encoder
from tests.unit.index.fake_encoder import ENCODER, Silent

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
PAPERS = 10
GONE = ("index", "about.json", "contexts.json", "made.jsonl")
TEXTS = ["How long is the incubation period of the virus?", "Masks protect."]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index of the sample corpus, questions about it and a tiny model."""
    root = tmp_path_factory.mktemp("training")
    build_index(SAMPLE, root / "index", ENCODER, Silent(), workers=1, limit=20)
    with closing(PassageStore(current_version(root / "index") / PASSAGES)) as store:
        passages = {passage.cord_uid: passage for passage in store.get(range(store.passages))}
    data: dict[str, list[dict[str, Any]]] = {"about": [], "contexts": []}
    for number, (cord_uid, passage) in enumerate(list(passages.items())[: PAPERS + 4]):
        words = passage.text.split()
        answer = " ".join(words[3:8])
        qa = {
            "id": str(number),
            "question": f"What is said of {' '.join(words[-5:])}?",
            "answers": [{"text": answer, "answer_start": passage.text.index(answer)}],
        }
        about = number < PAPERS
        paragraph = {"context": passage.text, "qas": [qa]}
        data["about" if about else "contexts"].append(
            {"paragraphs": [paragraph | ({"cord_uid": cord_uid} if about else {})]}
        )
    for name, articles in data.items():
        (root / f"{name}.json").write_text(json.dumps({"data": articles}))
    tiny_encoder(root / "base")
    return root


def command(made: Path, work: Path, *more: str) -> list[str]:
    return [
        *("--index", str(made / "index"), "--base", str(made / "base"), "--device", "cpu"),
        *("--corpus-questions", f"{made}/about.json=2", "--questions", f"{made}/contexts.json"),
        *("--output", str(work / "encoder"), "--work", str(work), "--hold-out", "2"),
        *("--dimension", "8", "--batch", "4", "--rate", "1e-3", *more),
    ]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights that a run ended with."""
    saved = load_file(folder / "checkpoint.safetensors")
    return {name: value for name, value in saved.items() if name.startswith("model.")}


@dataclass(frozen=True)
class Trained:
    """A run that was left alone: its folder, what it asked, and what its model made of TEXTS."""

    folder: Path
    questions: list[str]
    made: contrastive.Encoded


@pytest.fixture(scope="module")
def straight(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("straight")
    seen: list[str] = []
    found: list[contrastive.Encoded] = []
    original = encoder_training.train

    def watched(model: contrastive.TrainedEncoder, lessons: EncoderLessons, *args: Any) -> None:
        seen.extend(pair.question for pairs in lessons._pairs for pair in pairs)
        original(model, lessons, *args)
        with torch.no_grad():
            found.append(model.eval()(model.tables()[0].of(TEXTS)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoder_training, "train", watched)
        assert train_encoder.main(command(made, folder)) == 0
    return Trained(folder, seen, found[0])


def test_papers_that_are_held_out_are_never_asked_about(made: Path, straight: Trained) -> None:
    # 10 papers less 2, and 4 contexts
    held_out = json.loads((straight.folder / "encoder" / "held_out.json").read_text())
    assert len(set(held_out)) == 2
    about = json.loads((made / "about.json").read_text())["data"]
    paragraphs = [article["paragraphs"][0] for article in about]
    left_out = {p["qas"][0]["question"] for p in paragraphs if p["cord_uid"] in held_out}
    asked = set(straight.questions)
    assert len(left_out) == 2
    assert not left_out & asked
    assert len(straight.questions) == len(asked) == PAPERS - 2 + 4


def test_what_the_base_was_not_trained_on_stays_left_out(made: Path, tmp_path: Path) -> None:
    sources = [Source(made / "about.json", 1.0, corpus=True)]
    drawn = encoder_pairs.left_out(tmp_path, sources, 2, seed=0)
    assert drawn == encoder_pairs.drawn_papers(sources, 2, 0)
    (tmp_path / "held_out.json").write_text(json.dumps(["u3", "u1"]))
    assert encoder_pairs.left_out(tmp_path, sources, 0, seed=1) == ["u1", "u3"]
    (tmp_path / "held_out.json").write_text("{")
    with pytest.raises(ModelError, match=r"held_out.json is not a list of papers"):
        encoder_pairs.left_out(tmp_path, sources, 2, seed=0)


def test_the_log_tells_of_every_step(straight: Trained) -> None:
    # 8 questions twice are 4 batches of 4, and the contexts are one more
    rows = [json.loads(line) for line in (straight.folder / "log.jsonl").read_text().splitlines()]
    assert [(row["step"], row["of"]) for row in rows] == [(5, 5)]
    assert 0 < rows[0]["loss of vectors"] < 50
    assert 0 < rows[0]["loss of words"] < 50


def test_a_run_goes_on_only_with_its_own_arguments(
    made: Path, straight: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_encoder.main(command(made, straight.folder, "--seed", "7")) == 1
    assert "has another seed: give the same arguments" in capsys.readouterr().err
    published = (straight.folder / "encoder" / "model.safetensors").read_bytes()
    assert train_encoder.main(command(made, straight.folder)) == 0  # it was done: the same again
    assert (straight.folder / "encoder" / "model.safetensors").read_bytes() == published
    assert not list(straight.folder.glob("*encoder?*"))


def test_what_is_published_serves_as_it_was_trained(straight: Trained) -> None:
    head = load_head(straight.folder / "encoder")
    assert head is not None
    assert (head.config.dimension, head.config.hidden) == (8, HIDDEN)
    assert "the" in head.config.left_out
    encoder = SentenceEncoder(straight.folder / "encoder", device="cpu")
    assert (encoder.dimension, encoder.word_dimension) == (HIDDEN, 8)
    found = encoder.encode_questions(TEXTS)
    # trained in bfloat16 and stored in half precision: the same but for that
    np.testing.assert_allclose(found.vectors, straight.made.vectors.numpy(), atol=0.02)
    for row, words in enumerate(found.words):
        weighted = straight.made.words[row] * straight.made.weights[row, :, None]
        np.testing.assert_allclose(words, weighted[: len(words)].numpy(), atol=0.02)
        assert not weighted[len(words) :].any()


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    made: Path, straight: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_CHECKPOINT_SECONDS", -1)  # after every step
    stopped = tmp_path / "stopped"
    calls = 0
    original = contrastive.batch_loss

    def interrupted(*args: Any) -> tuple[torch.Tensor, ...]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return original(*args)

    with monkeypatch.context() as patch:
        patch.setattr(contrastive, "batch_loss", interrupted)
        assert train_encoder.main(command(made, stopped)) == 130
    assert not (stopped / "encoder").exists()
    counted: list[Tokens] = []

    def counting(model: Any, questions: Tokens, *args: Any) -> Any:
        counted.append(questions)
        return original(model, questions, *args)

    monkeypatch.setattr(contrastive, "batch_loss", counting)
    assert train_encoder.main(command(made, stopped)) == 0
    assert len(counted) == 3  # of 5 steps, 2 were done
    expected = weights(straight.folder)
    assert weights(stopped).keys() == expected.keys()
    for name, value in weights(stopped).items():
        assert torch.equal(value, expected[name]), name
    for name in ("model.safetensors", "late_interaction.safetensors"):
        one, other = (folder / "encoder" / name for folder in (straight.folder, stopped))
        assert one.read_bytes() == other.read_bytes()


def test_an_anchor_keeps_the_vectors_near(made: Path, straight: Trained, tmp_path: Path) -> None:
    more = ("--anchor", str(made / "base"), "--anchor-weight", "1000")
    assert train_encoder.main(command(made, tmp_path, *more)) == 0
    free, kept = (
        json.loads((folder / "log.jsonl").read_text().splitlines()[-1])["distance from the anchor"]
        for folder in (straight.folder, tmp_path)
    )
    assert free == 0  # without an anchor
    assert kept > 0
    base, *others = (
        SentenceEncoder(folder, device="cpu").encode_questions(TEXTS).vectors
        for folder in (made / "base", straight.folder / "encoder", tmp_path / "encoder")
    )
    free, kept = (float((base * other).sum(1).mean()) for other in others)
    assert kept > free


def at_scale(made: Path, work: Path, *more: str) -> list[str]:
    """Return what trains on made-up questions too, with wrong passages of the model's own."""
    made_up = ("--made-questions", str(made / "made.jsonl"), "--dense-negatives", "6")
    return command(made, work, *made_up, *more)


def elsewhere(made: Path, work: Path, *more: str) -> list[str]:
    """Return the command of a machine without index and questions, whose names it has."""
    there = [part.replace(str(made), str(work.parent)) for part in at_scale(made, work, *more)[2:]]
    there[there.index("--base") + 1] = str(made / "base")
    assert not any((work.parent / name).exists() for name in GONE)
    return there


@pytest.fixture(scope="module")
def scaled(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with made-up questions."""
    with closing(PassageStore(current_version(made / "index") / PASSAGES)) as store:
        count = store.passages
        passages = store.get(range(0, count, 4))
        rows = [
            {
                "cord_uid": passage.cord_uid,
                **dict(zip(("title", "section", "text"), texts, strict=True)),
                "questions": [f"What of {passage.text[:30]}?"],
            }
            for passage, texts in zip(passages, store.texts(0, count)[::4], strict=True)
        ]
    (made / "made.jsonl").write_text("\n".join(map(json.dumps, rows)))
    folder = tmp_path_factory.mktemp("scaled")
    assert train_encoder.main(at_scale(made, folder)) == 0
    return folder


def test_made_up_questions_are_trained_on_but_those_about_what_is_held_out(
    made: Path, scaled: Path
) -> None:
    held_out = set(json.loads((scaled / "encoder" / "held_out.json").read_text()))
    rows = [json.loads(line) for line in (made / "made.jsonl").read_text().splitlines()]
    kept = [row for row in rows if row["cord_uid"] not in held_out]
    assert 0 < len(kept) < len(rows)
    with gzip.open(scaled / "mined.json.gz", "rt") as file:
        content = json.load(file)
    assert [row[0] for row in content["sets"][2]] == [q for row in kept for q in row["questions"]]
    last = json.loads((scaled / "log.jsonl").read_text().splitlines()[-1])
    assert last["step"] == last["of"] == 5 + len(range(0, len(kept) - 1, 4))


def test_the_folder_trains_where_there_is_neither_index_nor_question(
    made: Path, scaled: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert train_encoder.main(at_scale(made, here, "--mine-only", "--dimension", "16")) == 0
    here.rename(there)  # the pairs alone
    assert train_encoder.main(elsewhere(made, there)) == 0
    expected = weights(scaled)
    assert all(torch.equal(value, expected[name]) for name, value in weights(there).items())


def test_a_run_goes_on_on_another_machine(
    made: Path, scaled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    shutil.copytree(scaled, there, ignore=shutil.ignore_patterns("encoder"))
    monkeypatch.setattr(contrastive, "batch_loss", None)  # not to be called: it was done
    assert train_encoder.main(elsewhere(made, there, "--num-workers", "1")) == 0
    for name in ("model.safetensors", "late_interaction.safetensors"):
        one, other = (folder / "encoder" / name for folder in (scaled, there))
        assert one.read_bytes() == other.read_bytes()


def test_a_name_that_was_mistyped_begins_no_run(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = [part.replace("about.json", "abuot.json") for part in command(made, tmp_path / "w")]
    assert train_encoder.main(wrong) == 1
    assert "abuot.json cannot be read" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()


def test_a_base_with_a_head_keeps_its_dimension(
    made: Path, straight: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--base", str(straight.folder / "encoder"), "--dimension", "16"]
    assert train_encoder.main(command(made, tmp_path, *more)) == 1
    assert "has a head whose vectors are of 8 numbers: do without" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--dense-negatives", "3"], "--dense-negatives needs --made-questions"),
        (["--anchor-weight", "3"], "--anchor-weight: of no use without --anchor"),
        (["--rate", "nan"], "'nan' is not a number above 0"),
        (["--rate", "-1"], "'-1' is not a number above 0"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    with pytest.raises(SystemExit) as ended:
        train_encoder.main(command(made, tmp_path, *more))
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_processes_that_cut_texts_change_nothing(
    made: Path, scaled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_table, "_PART", 16)
    assert train_encoder.main(at_scale(made, tmp_path, "--num-workers", "2")) == 0
    expected = weights(scaled)
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path).items())


def test_pairs_can_be_found_first(made: Path, straight: Trained, tmp_path: Path) -> None:
    assert train_encoder.main(command(made, tmp_path, "--mine-only")) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"mined.json.gz"}
    assert train_encoder.main(command(made, tmp_path)) == 0
    expected = weights(straight.folder)
    assert all(torch.equal(value, expected[name]) for name, value in weights(tmp_path).items())


def test_a_run_ends_with_its_time(made: Path, tmp_path: Path) -> None:
    assert train_encoder.main(command(made, tmp_path, "--minutes", "0.00001")) == 0
    (row,) = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    assert row["step"] == 1
    assert row["of"] == 5
    done = load_file(tmp_path / "checkpoint.safetensors")
    assert done["progress.step"] == 1
    assert train_encoder.main(command(made, tmp_path, "--minutes", "0.00001")) == 0  # it was done
    again = load_file(tmp_path / "checkpoint.safetensors")
    assert again["progress.step"] == 1
    assert load_head(tmp_path / "encoder") is not None


def test_an_index_of_the_trained_encoder_answers(straight: Trained, tmp_path: Path) -> None:
    encoder = SentenceEncoder(straight.folder / "encoder", device="cpu")
    spec = EncoderSpec(encoder.name, HIDDEN, encoder.encode_passages, encoder.word_dimension)
    build_index(SAMPLE, tmp_path / "index", spec, Silent(), workers=1, limit=2)
    index = PassageIndex.open(tmp_path / "index", encoder.name)
    assert index.features == FEATURES
    asked = encoder.encode_questions(TEXTS[:1])
    found = index.candidates(Question(TEXTS[0], asked.vectors[0], asked.words[0]))
    assert found.features.shape == (index.manifest.passages, 9)
    assert np.abs(found.features[:, FEATURES.index("late interaction")]).max() > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "is not in the SQuAD format"),
        ('{"data": []}', "no question has a passage that answers it"),
    ],
)
def test_bad_questions_are_one_line(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    message: str,
) -> None:
    path = tmp_path / "q.json"
    if content is not None:
        path.write_text(content)
    arguments = ["--index", str(made / "index"), "--questions", str(path)]
    arguments += ["--output", str(tmp_path / "o"), "--work", str(tmp_path / "w")]
    assert train_encoder.main([*arguments, "--base", str(made / "base")]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("train_encoder: ")
    assert message in error


def test_an_index_that_is_not_there_is_one_line(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = command(made, tmp_path)
    arguments[1] = str(tmp_path / "nowhere")
    assert train_encoder.main(arguments) == 1
    assert "is not there: build one with" in capsys.readouterr().err.splitlines()[-1]
