"""What chooses among a reader's best spans: features of spans, and the linear model over them."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.contracts import ModelError
from models.span_choice import SPAN_CHOICE, SpanChoice
from models.span_features import FEATURES, span_features
from models.spans import Logits, SpanCandidate, best_span, candidates
from models.windows import Window

TEXT = "The virus was found in Wuhan in December 2019. It spreads by droplets (and by touch)."


def of(part: str, score: float) -> SpanCandidate:
    start = TEXT.index(part)
    return SpanCandidate(start, start + len(part), score / 2, score / 2, score)


def row(question: str, *found: SpanCandidate, at: int = 0) -> dict[str, float]:
    values = span_features(question, TEXT, found)
    assert values.shape == (len(found), len(FEATURES))
    return dict(zip(FEATURES, values[at].tolist(), strict=True))


def test_features_tell_what_a_span_is_like() -> None:
    best, longer = of("December 2019", 9), of("in December 2019", 8)
    place = of("Wuhan", 7)
    first = row("When was the virus found?", best, longer, place)
    assert (first["best"], first["score below best"], first["words"]) == (1, 0, 0.2)
    assert (first["digit"], first["first capital"], first["last number"]) == (1, 1, 1)
    assert (first["before in"], first["after mark"], first["then ."]) == (1, 1, 1)
    assert first["when: digit"] == 1
    assert first["who: digit"] == 0
    assert first["in others"] == pytest.approx(np.exp(-1) / (1 + np.exp(-1) + np.exp(-2)))
    second = row("When was the virus found?", best, longer, place, at=1)
    assert (second["best"], second["score below best"], second["contains best"]) == (0, -1, 1)
    assert (second["ends as best"], second["begins as best"]) == (1, 0)
    assert (second["first in"], second["when: preposition"]) == (1, 1)
    third = row("When was the virus found?", best, longer, place, at=2)
    assert (third["apart from best"], third["one word"], third["digit"]) == (1, 1, 0)


def test_features_tell_where_the_questions_words_are() -> None:
    near, far = of("Wuhan", 5), of("droplets", 4)
    first, second = (row("Where was the virus found?", near, far, at=at) for at in (0, 1))
    assert first["sentence"] == pytest.approx(1)  # "virus" and "found"
    assert second["sentence"] == 0
    assert first["nearest"] < second["nearest"]
    assert (first["right before"], first["pairs"]) == (1, 0)
    assert row("Is Wuhan it?", near)["only asked words"] == 1


def test_any_text_has_finite_features() -> None:
    pieces = [
        *'a5 .,-–%°C$()[]"“”«»\n\0',
        "新",
        "e\u0301",
        "👩\u200d🔬",
        "ש",
        "\ud800",
        "the ",
        "which ",
    ]
    draw = random.Random(0)
    for _ in range(300):
        text = "".join(draw.choices(pieces, k=draw.randint(1, 40)))
        found = []
        for score in range(draw.randint(1, 6), 0, -1):
            start = draw.randrange(len(text))
            end = draw.randint(start + 1, len(text))
            found.append(SpanCandidate(start, end, 1.0, 1.0, float(score)))
        question = "".join(draw.choices(pieces, k=draw.randint(0, 20)))
        assert np.isfinite(span_features(question, text, found)).all()


def choice(**weights: float) -> SpanChoice:
    given = {name.replace("_", " "): value for name, value in weights.items()}
    return SpanChoice("reader", tuple(given.get(name, 0.0) for name in FEATURES), ((0.0,) * 4,) * 3)


def test_the_weights_choose() -> None:
    found = [of("December 2019", 9), of("in December 2019", 8), of("Wuhan", 7)]
    assert choice().best("When?", TEXT, found) == found[0]  # of equals the reader's best
    assert choice(contains_best=1).best("When?", TEXT, found) == found[1]
    assert choice(one_word=1, contains_best=0.5).best("When?", TEXT, found) == found[2]
    assert choice(one_word=1).best("When?", TEXT, found[:1]) == found[0]


def test_states_choose_with_the_features() -> None:
    found = [of("December 2019", 9), of("in December 2019", 8), of("Wuhan", 7)]
    draw = np.random.default_rng(4)
    hidden = draw.normal(size=(3, 3, 4)).astype(np.float32)  # spans, places, width
    weights = draw.normal(size=(3, 4))
    one = replace(choice(contains_best=0.5), states=tuple(map(tuple, weights.tolist())))
    assert one.projection.shape == (4, 3)
    projected = [
        replace(span, states=states @ one.projection)
        for span, states in zip(found, hidden, strict=True)
    ]
    wanted = (hidden * weights).sum((1, 2)) + np.array([0, 0.5, 0])
    assert one.best("When?", TEXT, projected) == found[wanted.argmax()]
    assert wanted.argmax() != 0


def test_a_candidate_has_the_states_of_its_own_tokens() -> None:
    words, begin = 5, 2
    text = " ".join(f"word{chr(97 + n)}" for n in range(words))
    start, end = (np.zeros(words + 3, np.float32) for _ in range(2))
    start[begin + 1] = end[begin + 3] = 5
    states = np.arange((words + 3) * 2, dtype=np.float32).reshape(-1, 2)
    window = [windows_of(words, begin)]
    found = candidates(text, window, [Logits(start, end, states)], max_answer_tokens=4, most=8)
    assert text[found[0].start : found[0].end] == "wordb wordc wordd"
    assert found[0].states is not None
    own = states[begin + 1 : begin + 4]
    assert found[0].states.tolist() == [own[0].tolist(), own[2].tolist(), own.mean(0).tolist()]
    without = candidates(text, window, [Logits(start, end)], max_answer_tokens=4, most=8)
    assert without == found
    assert without[0].states is None


def test_spans_with_the_same_edges_take_no_others_place() -> None:
    text = "Wuhan, China"
    offsets = np.array([(0, 5), (5, 6), (7, 12)], np.int64)
    window = Window(0, np.zeros(5, np.int64), np.zeros(5, np.int64), 1, offsets)
    start = np.array([0, 9, -9, 0, 0], np.float32)
    end = np.array([0, 6, 5, 0, 0], np.float32)  # the two best are "Wuhan" and "Wuhan,"
    found = candidates(text, [window], [Logits(start, end)], max_answer_tokens=3, most=2)
    assert [text[one.start : one.end] for one in found] == ["Wuhan", "Wuhan, China"]


def test_a_choice_is_kept_in_the_readers_folder(tmp_path: Path) -> None:
    assert SpanChoice.load(tmp_path, "reader", 4) is None
    states = tuple(tuple(place + n / 8 for n in range(4)) for place in range(3))
    one = replace(choice(one_word=0.25, score_below_best=1), states=states)
    one.save(tmp_path)
    assert SpanChoice.load(tmp_path, "reader", 4) == one
    assert SpanChoice.load(tmp_path, "reader", None) == one
    content = json.loads((tmp_path / SPAN_CHOICE).read_text())
    (tmp_path / SPAN_CHOICE).write_text(json.dumps(content | {"least": 0.0}))  # older files
    assert SpanChoice.load(tmp_path, "reader", 4) == one
    with pytest.raises(ModelError, match="was fitted to the reader reader, and this is another"):
        SpanChoice.load(tmp_path, "another", 4)
    with pytest.raises(ModelError, match=r"has 4 weights for each place, and .* have 384 numbers"):
        SpanChoice.load(tmp_path, "reader", 384)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.pop("model"),
        lambda content: content["weights"].pop("one word"),
        lambda content: content.update(weights=[1, 2]),
        lambda content: content["weights"].update({"one word": "much"}),
        lambda content: content["weights"].update({"one word": float("nan")}),
        lambda content: content.pop("states"),
        lambda content: content["states"].pop("mean"),
        lambda content: content["states"].update(first="1 2"),
        lambda content: content["states"].update(first=[1, 2, 3, 4]),
        lambda content: content["states"].update(last="1 2 3 much"),
        lambda content: content["states"].update(last="1 2 3 nan"),
    ],
)
def test_a_damaged_choice_is_an_error(tmp_path: Path, change: object) -> None:
    choice().save(tmp_path)
    content = json.loads((tmp_path / SPAN_CHOICE).read_text())
    change(content)  # type: ignore[operator] # a function of the list above
    (tmp_path / SPAN_CHOICE).write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"span_choice\.json"):
        SpanChoice.load(tmp_path, "reader", 4)


def windows_of(words: int, begin: int = 2) -> Window:
    offsets = np.array([(6 * n, 6 * n + 5) for n in range(words)], np.int64)
    ids = np.zeros(begin + words + 1, np.int64)
    return Window(0, ids, ids, begin, offsets)


def test_candidates_are_the_best_spans_of_all_windows() -> None:
    draw = np.random.default_rng(5)
    words = 12
    text = " ".join(f"word{chr(97 + n)}" for n in range(words))
    windows = [windows_of(words)] * 2
    logits = [Logits(*draw.normal(size=(2, words + 3)).astype(np.float32)) for _ in windows]
    found = candidates(text, windows, logits, max_answer_tokens=4, most=8)
    spans = {
        (6 * i, 6 * j + 5): max(
            float(one.start[2 + i] + one.end[2 + j] - one.start[0] - one.end[0]) for one in logits
        )
        for i in range(words)
        for j in range(i, min(words, i + 4))
    }
    wanted = sorted(spans.items(), key=lambda item: -item[1])[:8]
    assert [(one.start, one.end) for one in found] == [edges for edges, _ in wanted]
    assert [one.score for one in found] == pytest.approx([score for _, score in wanted], abs=1e-5)
    best = best_span(text, windows, logits, max_answer_tokens=4)
    assert (found[0].start, found[0].end) == (best.start, best.end)
    assert candidates("", [], [], max_answer_tokens=4, most=8) == []
    blank = Window(0, np.zeros(4, np.int64), np.zeros(4, np.int64), 2, np.array([(0, 0)]))
    one = Logits(*np.ones((2, 4), np.float32))
    assert candidates(" ", [blank], [one], max_answer_tokens=4, most=8) == []


def test_small_weights_keep_their_digits(tmp_path: Path) -> None:
    made = choice()
    small = replace(made, states=((3.25e-6,), (-123456.0,), (0.0,)))
    small.save(tmp_path)
    assert SpanChoice.load(tmp_path, small.model, 1) == small
    with pytest.raises(ModelError, match="has weights that are no numbers"):
        replace(small, weights=(float("nan"),) * len(FEATURES)).save(tmp_path)
    assert SpanChoice.load(tmp_path, small.model, 1) == small  # as it was
    assert [path.name for path in tmp_path.iterdir()] == [SPAN_CHOICE]
