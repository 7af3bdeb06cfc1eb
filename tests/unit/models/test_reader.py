import random
import shutil
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from models.boundaries import tidy, trimmed
from models.contracts import ModelError, Reader, Span
from models.reader import TransformersReader
from models.windows import Batch, batches

NAMES = ["bert", "distilbert", "electra", "mpnet", "roberta"]
QUESTION = "What is the incubation period of the virus?"
CONTEXTS = [
    "It is 5.1 days, and 97% of patients show fever within 12 days. " * 6,  # several windows
    "Remdesivir shortened recovery.",
    "",
    "It binds to angiotensin-converting enzyme 2 (ACE2), the receptor of SARS-CoV-2 " * 3,
    "👩‍🔬 says: fièvre 发烧 שלום in 97% of e\u0301te\u0301s\0.",
]

ReaderOf = Callable[[str], TransformersReader]


@pytest.fixture(scope="module")
def reader_of(checkpoints: dict[str, Path]) -> ReaderOf:
    def make(name: str) -> TransformersReader:
        return TransformersReader(checkpoints[name], device="cpu")

    return make


@cache
def _parts(folder: Path) -> tuple[Any, Any]:
    """Return the tokenizer and the model of a folder."""
    model = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float32)
    return AutoTokenizer.from_pretrained(folder), model.eval()


def _reference(folder: Path, question: str, context: str, longest: int) -> Span:
    """Read one window at a time, as transformers' own tokenizer cuts them, and try every pair."""
    tokenizer, model = _parts(folder)
    asked = len(tokenizer(question, add_special_tokens=False)["input_ids"])
    room = 64 - asked - tokenizer.num_special_tokens_to_add(pair=True)
    encoded = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=64,
        stride=room // 2,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    best = Span(0, 0, -np.inf)
    for place, ids in enumerate(encoded["input_ids"]):
        inputs = {"input_ids": torch.tensor([ids])}
        if "token_type_ids" in encoded and not folder.name.startswith("distil"):
            inputs["token_type_ids"] = torch.tensor([encoded["token_type_ids"][place]])
        with torch.no_grad():
            output = model(**inputs)
        starts, ends = output.start_logits[0].tolist(), output.end_logits[0].tolist()
        offsets = encoded["offset_mapping"][place]
        inside = [
            i
            for i, text in enumerate(encoded.sequence_ids(place))
            if text == 1 and offsets[i][0] < offsets[i][1]
        ]
        null = starts[0] + ends[0]
        for first, last in product(inside, inside):
            score = starts[first] + ends[last] - null
            if first <= last < first + longest and score > best.score:
                best = Span(offsets[first][0], offsets[last][1], score)
    if best.start == best.end:
        return best
    edges = trimmed(context, *tidy(context, best.start, best.end))
    return Span(*edges, best.score)


def _assert_same(found: Span, expected: Span) -> None:
    assert (found.start, found.end) == (expected.start, expected.end)
    assert found.score == pytest.approx(expected.score, abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("longest", [4, 60])
def test_spans_are_those_of_the_reference(
    checkpoints: dict[str, Path],
    reader_of: ReaderOf,
    name: str,
    longest: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("models.reading._FUNCTION_WORDS", frozenset())  # the reference has no such
    monkeypatch.setattr("models.reading._MOST_TOKENS", longest)
    found = reader_of(name).read(QUESTION, CONTEXTS)
    assert len(found) == len(CONTEXTS)
    for span, context in zip(found, CONTEXTS, strict=True):
        _assert_same(span, _reference(checkpoints[name], QUESTION, context, longest))


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_changes_nothing(reader_of: ReaderOf, name: str) -> None:
    reader = reader_of(name)
    together = reader.read(QUESTION, CONTEXTS)
    reader._max_batch_tokens = 1
    one_window_at_a_time = reader.read(QUESTION, CONTEXTS)
    reader._max_batch_tokens = 150
    for place, context in enumerate(CONTEXTS):
        [alone] = reader.read(QUESTION, [context])
        _assert_same(together[place], alone)
        _assert_same(together[place], one_window_at_a_time[place])


def test_questions_share_a_batch_and_keep_their_answers(reader_of: ReaderOf) -> None:
    reader = reader_of("bert")
    questions = [QUESTION, "Which drug?", QUESTION, "", "Which drug?"]
    pairs = list(zip(questions, CONTEXTS, strict=True))
    together = reader.read_pairs(pairs)
    for (question, context), span in zip(pairs, together, strict=True):
        [alone] = reader.read(question, [context])
        _assert_same(span, alone)
    assert reader.read_pairs([]) == []


@pytest.mark.parametrize("name", ["bert", "distilbert", "electra", "roberta"])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_padding_is_not_seen(
    reader_of: ReaderOf, name: str, attention: str, dtype: torch.dtype
) -> None:
    """As a GPU reads: in half precision, many windows of unequal lengths in one batch."""
    reader = reader_of(name)
    reader._model.set_attn_implementation(attention)
    reader._model.to(dtype)
    windows = reader.windower.split(QUESTION, CONTEXTS)
    [together] = batches(windows, max_tokens=65_536, pad_id=0, enough_tokens=65_536)
    assert not together.mask.all()
    tolerance = {torch.float32: 1e-4, torch.float16: 0.05, torch.bfloat16: 0.3}[dtype]
    logits = reader._forward(together)
    for row, place in enumerate(together.members):
        [alone] = batches(windows[place : place + 1], max_tokens=1, pad_id=0)
        assert alone.mask.all()
        for some, own in zip(logits, reader._forward(alone), strict=True):
            assert some.dtype == own.dtype == np.float32
            assert some[row, : own.shape[1]] == pytest.approx(own[0], abs=tolerance)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_any_text_is_read_without_harm(reader_of: ReaderOf, name: str) -> None:
    pieces = [
        *"aB5 .,-%()\n\t\0\u200b\ufeff",
        "新型",
        "e\u0301",
        "👩\u200d🔬",
        "שלום",
        "\ud83d",
        "\udc00",
    ]
    pieces += ["[SEP]", "</s>", "ﬁ", "İ", "ß", "\U0001f1e9\U0001f1ea", "\xa0", "virus "]
    draw = random.Random(1)
    texts = ["".join(draw.choices(pieces, k=draw.randint(0, 90))) for _ in range(150)]
    reader = reader_of(name)
    for place in range(0, 150, 50):
        spans = reader.read(texts[place], texts[place : place + 50])
        for text, span in zip(texts[place : place + 50], spans, strict=True):
            assert 0 <= span.start <= span.end <= len(text)
            if span.start == span.end:
                assert span == Span(0, 0, -np.inf)
            else:
                assert text[span.start : span.end].strip()
                assert np.isfinite(span.score)


@pytest.mark.parametrize("name", NAMES)
def test_offsets_are_code_points(reader_of: ReaderOf, name: str) -> None:
    plain = "fever or cough or virus " * 4
    strange = plain.strip().replace(
        " or ", " 👩🏽\ud800\U0001d11e "
    )  # outside the basic plane, and broken
    windows = reader_of(name).windower.split("q", [strange])
    covered = {strange[a:b] for window in windows for a, b in window.offsets}
    words = "".join(sorted("".join(covered)))
    assert all(letter in words for letter in "fevercoughvirus")
    for window in windows:
        assert (window.offsets[:, 0] <= window.offsets[:, 1]).all()
        assert window.offsets.max() <= len(strange)
    ends = [int(window.offsets[-1, 1]) for window in windows]
    assert ends[-1] == len(strange)  # bytes or UTF-16 units would point past the end


def test_empty_input(reader_of: ReaderOf) -> None:
    reader = reader_of("bert")
    assert reader.read(QUESTION, []) == []
    assert reader.read(QUESTION, ["", " \n"]) == [Span(0, 0, -np.inf)] * 2
    [span] = reader.read("", ["fever"])  # the service refuses it; here it just has no crash
    assert (span.start, span.end) == (0, 5)
    assert len(reader.read("why " * 500, ["fever"])) == 1  # cut, not refused


def test_logits_that_are_not_numbers_are_an_error(reader_of: ReaderOf) -> None:
    reader = reader_of("bert")
    with torch.no_grad():
        reader._model.qa_outputs.bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="not finite"):
        reader.read(QUESTION, CONTEXTS)


def test_half_precision_weights_are_read_in_single(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(checkpoints["bert"], tmp_path / "half"))
    model = AutoModelForQuestionAnswering.from_pretrained(folder, dtype=torch.float16)
    model.save_pretrained(folder)
    reader = TransformersReader(folder, device="cpu")
    assert reader._model.dtype == torch.float32
    batch = Batch([0], *(np.ones((1, 8), dtype=np.int64) for _ in range(3)))
    assert reader._forward(batch)[0].dtype == np.float32


def test_a_model_without_a_trained_head_is_refused(plain_bert: Path) -> None:
    with pytest.raises(ModelError, match="no trained weights for qa_outputs"):
        TransformersReader(plain_bert, device="cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model.safetensors", "can't be loaded: "),
        ("tokenizer.json", "tokenizer in .* can't be loaded"),
        ("config.json", "config.json can't be read"),
    ],
)
def test_damaged_files_are_model_errors(
    checkpoints: dict[str, Path], tmp_path: Path, name: str, message: str
) -> None:
    folder = Path(shutil.copytree(checkpoints["bert"], tmp_path / "damaged"))
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(ModelError, match=message):
        TransformersReader(folder, device="cpu")


@pytest.fixture(scope="module")
def shipped() -> TransformersReader:
    return TransformersReader(device="cpu")


PASSAGE = (
    "Fever was seen in 83% of patients. The median incubation period was estimated to be 5.1 days "
    "(95% CI 4.5 to 5.8). The virus enters cells by binding to angiotensin-converting enzyme 2 "
    "(ACE2). In the trial, dexamethasone lowered mortality among ventilated patients."
)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many patients had fever?", "83%"),
        ("What is the median incubation period?", "5.1 days"),
        ("Which receptor does the virus bind to?", "angiotensin-converting enzyme 2"),
        ("Which drug lowered mortality?", "dexamethasone"),
    ],
)
def test_the_shipped_reader_finds_facts(
    shipped: TransformersReader, question: str, answer: str
) -> None:
    contract: Reader = shipped
    other = "Schools were closed in March, and shops reopened in May."
    right, wrong = contract.read(question, [PASSAGE, other])
    assert PASSAGE[right.start : right.end] == answer
    assert right.score > max(0, wrong.score)
