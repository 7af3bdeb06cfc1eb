"""The question generator, with a tiny MPNet: its masks, its loss, its cache and its draws."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from models import question_sampling
from models.contracts import IntArray, ModelError
from models.question_generation import (
    BEGIN,
    END,
    HEAD,
    PAD,
    QUESTION_TOKENS,
    QuestionGenerator,
    padded_left,
    padding_of,
)
from models.question_learning import batch_of, question_loss
from models.question_sampling import Sampling, drawn_tokens, question_texts, sampled, worth_keeping
from models.training import adamw
from tests.making_models import tiny_mpnet

TEXTS = [
    "The incubation period of the virus is five days, and most patients show fever within twelve.",
    "Remdesivir shortened recovery; dexamethasone lowered mortality in ventilated patients.",
    "It binds to the receptor ACE2.",
]
QUESTIONS = ["How long is the incubation period?", "What lowered mortality?", "What is ACE2?"]
GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_mpnet(tmp_path_factory.mktemp("generator") / "mpnet", [*TEXTS, *QUESTIONS])


@pytest.fixture
def model(folder: Path) -> QuestionGenerator:
    torch.manual_seed(11)
    made = QuestionGenerator.load(folder)
    torch.nn.init.normal_(made.dense.weight, std=0.3)
    torch.nn.init.ones_(made.norm.weight)
    return made.eval()


def passages(model: QuestionGenerator) -> list[IntArray]:
    return model.tokens_of(TEXTS, model.passage_tokens)


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def logits_of(model: QuestionGenerator, passage: IntArray, question: IntArray) -> torch.Tensor:
    """Return the logits of one question's tokens, read all at once and without any padding."""
    ids = np.concatenate([[BEGIN], passage, [END, END], question])
    hidden = model(torch.from_numpy(ids)[None], len(passage) + 2)
    return model.logits(hidden[0, len(passage) + 2 :])


@torch.no_grad()
def test_the_states_of_passages_are_those_of_transformers(model: QuestionGenerator) -> None:
    ids = torch.from_numpy(padded_left(passages(model)))
    padding = padding_of(ids, ids.shape[1])
    unhidden = torch.zeros(ids.shape[1], ids.shape[1], dtype=torch.bool)
    mask = model.mask(torch.arange(ids.shape[1]), padding, unhidden)
    found, _ = model.layers(model.embedded(ids, padding, 0), mask)
    assert padding.any()
    for row, tokens in enumerate(passages(model)):
        alone = torch.tensor([[BEGIN, *tokens, END]])
        expected = model.backbone(input_ids=alone).last_hidden_state[0]
        torch.testing.assert_close(found[row, -len(expected) :], expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_no_token_sees_a_later_one_of_its_question(model: QuestionGenerator) -> None:
    passage = passages(model)[0]
    question, other = model.tokens_of(QUESTIONS[:2], QUESTION_TOKENS)
    changed = question.copy()
    changed[3:] = other[0]
    before, after = (logits_of(model, passage, tokens) for tokens in (question, changed))
    torch.testing.assert_close(before[:4], after[:4])  # END and three tokens that are the same
    assert (before[4:] - after[4:]).abs().max() > 0.01


@torch.no_grad()
def test_no_passage_sees_its_question(model: QuestionGenerator) -> None:
    question = model.tokens_of(QUESTIONS[:1], QUESTION_TOKENS)
    batch = batch_of(passages(model)[:1], question)
    ids = torch.from_numpy(batch.ids)
    changed = ids.clone()
    changed[:, batch.passage + 1 :] = 9
    before, after = (model(one, batch.passage)[:, : batch.passage] for one in (ids, changed))
    torch.testing.assert_close(before, after)


@torch.no_grad()
def test_a_question_sees_its_passage(model: QuestionGenerator) -> None:
    (question,) = model.tokens_of(QUESTIONS[:1], QUESTION_TOKENS)
    first, second = (logits_of(model, passage, question) for passage in passages(model)[:2])
    assert (first - second).abs().max() > 0.01


@torch.no_grad()
def test_padding_is_not_seen(model: QuestionGenerator) -> None:
    questions = model.tokens_of(QUESTIONS, QUESTION_TOKENS)
    batch = batch_of(passages(model), questions)
    assert (batch.ids[:, 0] == PAD).any()
    assert (batch.ids[:, -1] == PAD).any()
    hidden = model(torch.from_numpy(batch.ids), batch.passage).flatten(0, 1)
    together = model.logits(hidden[torch.from_numpy(batch.places)])
    alone = [
        logits_of(model, passage, question)
        for passage, question in zip(passages(model), questions, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_each_token_of_a_question_is_foretold_and_its_end() -> None:
    batch = batch_of([np.array([7, 8]), np.array([9])], [np.array([5]), np.array([6, 4])])
    assert batch.ids.tolist() == [
        [PAD, PAD, PAD, PAD, BEGIN, 7, 8, END, END, 5, *[PAD] * 6],
        [PAD, PAD, PAD, PAD, PAD, BEGIN, 9, END, END, 6, 4, *[PAD] * 5],
    ]
    assert batch.passage == 8
    assert batch.places.tolist() == [8, 9, 24, 25, 26]
    assert batch.labels.tolist() == [5, END, 6, 4, END]


def test_the_head_begins_with_how_often_tokens_come(model: QuestionGenerator) -> None:
    model.start_head(np.array([5, 5, 5, 6]))
    assert model.bias[5] > model.bias[6] > model.bias[7]
    assert float(model.bias.detach().exp().sum()) == pytest.approx(1)


def test_it_learns_questions_by_heart_then_writes_them(model: QuestionGenerator) -> None:
    batch = batch_of(passages(model), model.tokens_of(QUESTIONS, QUESTION_TOKENS))
    kept = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = adamw(model, 3e-3, body="backbone.")
    losses = []
    for _ in range(80):
        loss = question_loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    (written,) = sampled(model, passages(model), 1, GREEDY, chance())
    assert question_texts(model, written) == [question.lower() for question in QUESTIONS]
    for name in ("backbone.embeddings.word_embeddings.weight", "bias"):
        assert torch.equal(model.state_dict()[name], kept[name]) == (name != "bias")


@torch.no_grad()
def test_what_is_kept_of_passages_changes_no_word(model: QuestionGenerator) -> None:
    (written,) = sampled(model, passages(model), 1, GREEDY, chance())
    for row, passage in zip(written, passages(model), strict=True):
        question = np.array([], dtype=np.int64)
        while len(question) < QUESTION_TOKENS and END not in question:
            logits = logits_of(model, passage, question)[-1]
            logits[[BEGIN, PAD, *map(model.tokenizer.token_to_id, ("[UNK]", "<mask>"))]] = -1e9
            if len(question) < question_sampling._FEWEST_TOKENS:
                logits[END] = -1e9
            question = np.append(question, int(logits.argmax()))
        assert row[: len(question)].tolist() == question.tolist()


def test_questions_differ_and_the_same_seed_writes_the_same(model: QuestionGenerator) -> None:
    hot = Sampling(temperature=1.5, top_p=1)
    first, second = sampled(model, passages(model), 2, hot, chance(4))
    assert (first != second).any()
    again, _ = sampled(model, passages(model), 2, hot, chance(4))
    assert np.array_equal(first, again)


def test_reading_in_parts_is_reading(
    model: QuestionGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = sampled(model, passages(model), 1, GREEDY, chance())
    monkeypatch.setattr("models.question_sampling._READ_TOKENS", 1)
    (parts,) = sampled(model, passages(model), 1, GREEDY, chance())
    assert np.array_equal(whole, parts)


def test_a_question_has_tokens_that_mean_something(model: QuestionGenerator) -> None:
    unknown = model.tokenizer.token_to_id("[UNK]")
    with torch.no_grad():
        model.bias[[BEGIN, PAD, unknown]] = 100.0
        model.bias[END] = 50.0
    (written,) = sampled(model, passages(model), 1, Sampling(), chance())
    assert not np.isin(written, [BEGIN, PAD, unknown]).any()
    assert (
        (written != END).sum(1) == question_sampling._FEWEST_TOKENS
    ).all()  # and then the end, at once


def test_the_nucleus_leaves_out_the_unlikely() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().repeat(500, 1)
    nucleus = Sampling(temperature=1, top_p=0.75)
    found = drawn_tokens(logits, nucleus, chance()).bincount(minlength=4)
    assert found[2:].tolist() == [0, 0]  # the first two have 0.8 together, the first alone 0.5
    assert found[0] / 500 == pytest.approx(0.5 / 0.8, abs=0.06)
    every = drawn_tokens(logits, Sampling(temperature=1, top_p=1), chance()).bincount(minlength=4)
    assert (every / 500).tolist() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.06)


def test_a_question_without_an_end_is_none(model: QuestionGenerator) -> None:
    (question,) = model.tokens_of(QUESTIONS[:1], QUESTION_TOKENS)
    ended = np.full(QUESTION_TOKENS, END)
    ended[: len(question)] = question
    endless = np.full(QUESTION_TOKENS, question[0])
    assert question_texts(model, np.stack([ended, endless])) == [QUESTIONS[0].lower(), ""]


def test_bad_questions_are_left_out() -> None:
    good = "what does it bind to?"
    assert list(worth_keeping([good, "what is it?", good, "", "? ? ? ?", "12 % of 3"])) == [
        good,
        "12 % of 3",
    ]


def test_what_is_saved_writes_the_same(model: QuestionGenerator, tmp_path: Path) -> None:
    assert not model.has_trained_head
    model.save(tmp_path)
    again = QuestionGenerator.load(tmp_path)
    assert again.has_trained_head
    first, second = (sampled(one, passages(model), 1, GREEDY, chance()) for one in (model, again))
    assert np.array_equal(first, second)


def test_a_model_that_cannot_write_is_refused(
    folder: Path, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="type 'bert': only an MPNet"):
        QuestionGenerator.load(checkpoints["bert"])
    with pytest.raises(ModelError, match=r"config.json can't be read"):
        QuestionGenerator.load(tmp_path)
    weights = load_file(folder / "model.safetensors")
    weights.pop("encoder.layer.1.attention.attn.q.weight")
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"no trained weights for encoder.layer.1"):
        QuestionGenerator.load(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="can't be loaded"):
        QuestionGenerator.load(tmp_path)
    assert not (folder / HEAD).exists()


def test_a_head_that_is_damaged_or_of_another_model_is_refused(
    model: QuestionGenerator, tmp_path: Path
) -> None:
    model.save(tmp_path)
    head = load_file(tmp_path / HEAD)
    (tmp_path / HEAD).write_bytes((tmp_path / HEAD).read_bytes()[:-9])
    with pytest.raises(ModelError, match=rf"{HEAD} is damaged or another model's"):
        QuestionGenerator.load(tmp_path)
    save_file(head | {"bias": head["bias"][1:].clone()}, tmp_path / HEAD)
    with pytest.raises(ModelError, match=rf"{HEAD} is damaged or another model's"):
        QuestionGenerator.load(tmp_path)
    save_file({"bias": head["bias"]}, tmp_path / HEAD)
    with pytest.raises(ModelError, match=r"another model's: see its dense.bias, dense.weight"):
        QuestionGenerator.load(tmp_path)
    save_file(head | {"more": head["bias"].clone()}, tmp_path / HEAD)
    with pytest.raises(ModelError, match=r"another model's: see its more"):
        QuestionGenerator.load(tmp_path)


def test_a_tokenizer_that_numbers_otherwise_is_refused(folder: Path, tmp_path: Path) -> None:
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    changed = json.loads((folder / "tokenizer.json").read_text())
    changed["added_tokens"] = []
    changed["model"]["vocab"] = {"[UNK]": 0, "a": 1}
    (tmp_path / "tokenizer.json").write_text(json.dumps(changed))
    with pytest.raises(ModelError, match="not as an MPNet"):
        QuestionGenerator.load(tmp_path)
