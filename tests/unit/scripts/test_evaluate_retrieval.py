import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ir_measures import Qrel

from index.corpora.squad import GoldQuestion
from index.hybrid import FEATURES, Candidates, Question
from index.types import CorpusError, Hit, Passage
from scripts import evaluate, evaluate_retrieval
from scripts.evaluate_retrieval import (
    of_questions,
    of_topics,
    read_judgments,
    read_topics,
    table,
)
from scripts.pairs import gold_passages
from service.types import Source

TEXTS = ["alpha one", "beta", "alpha two", "gamma", "delta", "epsilon"]
"""Passages 0 and 1 are of paper p0, 2 and 3 of p1, 4 and 5 of p2."""
DENSE = [0, 3, 2, 1, 4, 5]
BM25 = [2, 1, 0]
HYBRID = [3, 2, 5]


def passage(id_: int) -> Passage:
    return Passage(id_, f"p{id_ // 2}", "", TEXTS[id_], 0, len(TEXTS[id_]))


class FakeIndex:
    """Finds the same for every question, in the orders above."""

    def __init__(self) -> None:
        self.depths: set[int] = set()

    def by_meaning(self, question: Question, k: int) -> list[Hit]:
        self.depths.add(k)
        return [Hit(id_, -float(place)) for place, id_ in enumerate(DENSE)][:k]

    def by_words(self, question: Question, k: int) -> list[Hit]:
        return [Hit(id_, -float(place)) for place, id_ in enumerate(BM25)][:k]

    def candidates(self, question: Question) -> Candidates:
        return Candidates(np.array(sorted(HYBRID)), np.zeros((3, len(FEATURES))))

    def of_paper(self, cord_uid: str) -> list[Passage]:
        return [passage(n) for n in range(len(TEXTS)) if passage(n).cord_uid == cord_uid]

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        return [passage(id_) for id_ in ids]


class FakeAnswerer:
    source = Source("v1", 3, 6, "encoder", "reader", "cpu")

    def __init__(self) -> None:
        self.index = FakeIndex()

    def encode(self, question: str) -> Question:
        return Question(question, np.zeros(2, np.float32), np.zeros((0, 4), np.float32))

    def best(self, _: Question, found: Candidates, most: int) -> tuple[list[int], list[float]]:
        places = [found.ids.tolist().index(id_) for id_ in HYBRID]
        return places[:most], [0.5] * len(places[:most])


def gold(answer: str, cord_uid: str) -> GoldQuestion:
    return GoldQuestion(answer, f"What about {answer}?", "", (answer,), (0,), cord_uid)


def test_the_right_passages_are_the_papers_own_with_the_answer() -> None:
    answerer = FakeAnswerer()
    assert gold_passages(answerer, gold("Alpha", "p1")) == [2]  # type: ignore[arg-type] # all it calls
    assert gold_passages(answerer, gold("alpha", "p2")) == []  # type: ignore[arg-type]
    assert gold_passages(answerer, gold("alph", "p0")) == []  # type: ignore[arg-type]
    assert gold_passages(answerer, gold("alpha", "p9")) == []  # type: ignore[arg-type]


def test_figures_of_one_question_are_its_passages_rank() -> None:
    figures = of_questions(FakeAnswerer(), [gold("alpha", "p1")])  # type: ignore[arg-type]
    assert (figures.n, figures.what) == (1, "questions")
    assert (figures.index_version, figures.encoder) == ("v1", "encoder")
    # passage 2 is third by meaning, first by words, second by both
    dense, bm25, hybrid = (figures.modes[mode] for mode in ("dense", "bm25", "hybrid"))
    assert [m["recall@1"] for m in (dense, bm25, hybrid)] == [0, 1, 0]
    assert [m["recall@5"] for m in (dense, bm25, hybrid)] == [1, 1, 1]
    # one right passage at rank r: 1 / log2(r + 1) of the best there could be
    assert dense["nDCG@10"] == pytest.approx(1 / math.log2(4))
    assert bm25["nDCG@10"] == 1
    assert hybrid["nDCG@10"] == pytest.approx(1 / math.log2(3), abs=1e-4)


def test_a_question_without_a_right_passage_counts_as_missed() -> None:
    asked = [gold("alpha", "p1"), gold("omega", "p1"), gold("alpha", "p9"), gold("beta", "p0")]
    figures = of_questions(FakeAnswerer(), asked)  # type: ignore[arg-type]
    assert (figures.n, figures.answerable) == (4, 2)
    # two of four can be found at all; beta is fourth by meaning and second by words
    assert figures.modes["dense"]["recall@1"] == 0
    assert figures.modes["dense"]["recall@100"] == 0.5
    assert figures.modes["bm25"]["recall@1"] == 0.25
    assert figures.modes["bm25"]["recall@5"] == 0.5
    assert figures.modes["hybrid"]["recall@100"] == 0.25  # beta is not among its candidates
    assert figures.modes["bm25"]["nDCG@10"] == pytest.approx((1 + 1 / math.log2(3)) / 4, abs=1e-4)
    assert figures.median_ms.keys() == {"dense", "bm25", "hybrid"}


def test_papers_stand_where_their_best_passage_does() -> None:
    answerer = FakeAnswerer()
    topics = [("7", "What about alpha?"), ("9", "And beta?")]
    judged = [Qrel("7", "p1", 1), Qrel("7", "p0", 0), Qrel("9", "p0", 2), Qrel("9", "p8", 1)]
    judged.append(Qrel("8", "p0", 1))  # of a topic that was not asked
    figures = of_topics(answerer, topics, judged)  # type: ignore[arg-type]
    assert (figures.n, figures.what) == (2, "topics")
    # dense: p0, p1, p2; of topic 7 p1 is relevant, of topic 9 p0 and p8, which is nowhere
    dense = figures.modes["dense"]
    assert dense["recall@1"] == pytest.approx((0 + 0.5) / 2)
    assert dense["recall@5"] == pytest.approx((1 + 0.5) / 2)
    ideal = 2 + 1 / math.log2(3)  # grades 2 and 1 at ranks 1 and 2
    assert dense["nDCG@10"] == pytest.approx((1 / math.log2(3) + 2 / ideal) / 2, abs=1e-4)
    # p2 was never judged: of topic 9 p1 neither
    assert dense["judged@10"] == pytest.approx((2 / 3 + 1 / 3) / 2, abs=1e-4)
    assert dense["nDCG'@10"] == dense["nDCG@10"]  # what was judged comes first, in both
    # bm25: p1 (passage 2), p0
    bm25 = figures.modes["bm25"]
    assert bm25["nDCG@10"] == pytest.approx((1 + 2 / math.log2(3) / ideal) / 2, abs=1e-4)
    assert bm25["nDCG'@10"] == pytest.approx((1 + 2 / ideal) / 2, abs=1e-4)  # p1 is left out
    assert figures.modes["bm25"]["recall@1"] == pytest.approx((1 + 0) / 2)
    assert answerer.index.depths == {1000}  # ten passages for each of a hundred papers


def test_the_table_has_a_line_a_mode() -> None:
    figures = of_questions(FakeAnswerer(), [gold("alpha", "p1")])  # type: ignore[arg-type]
    head, *lines, last = table(figures).splitlines()
    assert last == "1 of them have a right passage in the index"
    assert head.startswith("1 questions")
    assert "recall@100" in head
    assert [line.split()[0] for line in lines] == ["dense", "bm25", "hybrid"]
    assert len({len(line) for line in (head, *lines)}) == 1


def test_topics_are_read(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text("topic\tquery\tquestion\n1\tmasks\tDo masks help?\n2\tx\tWhy?\n")
    assert read_topics(path) == [("1", "Do masks help?"), ("2", "Why?")]


@pytest.mark.parametrize(
    "content", [b"topic,question\n1,Why?\n", b"topic\tquestion\n1\n", b"\xff\xfe", b"{}\n[]\n"]
)
def test_bad_topics_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.tsv"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match="with the columns topic and question is expected"):
        read_topics(path)
    with pytest.raises(CorpusError, match="cannot be read: No such file"):
        read_topics(tmp_path / "none")


def test_judgments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "q"
    path.write_text("1 0 p0 2\n1 0 p1 0\n")
    found = [(q.query_id, q.doc_id, q.relevance) for q in read_judgments(path)]
    assert found == [("1", "p0", 2), ("1", "p1", 0)]


@pytest.mark.parametrize("content", [b"1 0 p0\n", b"1 0 p0 often\n", b"\xff\n"])
def test_bad_judgments_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "q"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match="is not a file of TREC judgments"):
        read_judgments(path)
    with pytest.raises(CorpusError, match="cannot be read: No such file"):
        read_judgments(tmp_path / "none")


@pytest.mark.parametrize(
    "given", [(), ("topics",), ("qrels",), ("questions", "topics", "qrels"), ("questions", "qrels")]
)
def test_questions_or_topics_with_judgments_must_be_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...]
) -> None:
    arguments = [word for name in given for word in (f"--{name}", str(tmp_path / name))]
    assert evaluate.main(["retrieval", *arguments]) == 1
    said = capsys.readouterr().err
    assert said == "evaluate: give --questions, or --topics together with --qrels\n"


def test_files_that_have_nothing_to_ask_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "q.json").write_text('{"data": []}')
    assert evaluate.main(["retrieval", "--questions", str(tmp_path / "q.json")]) == 1
    assert capsys.readouterr().err.endswith("q.json has no question with an answer\n")
    (tmp_path / "t").write_text("topic\tquestion\n1\tWhy?\n")
    (tmp_path / "j").write_text("2 0 p0 1\n")
    arguments = ["--topics", str(tmp_path / "t"), "--qrels", str(tmp_path / "j")]
    assert evaluate.main(["retrieval", *arguments]) == 1
    assert f"judges none of the topics in {tmp_path}/t\n" in capsys.readouterr().err


def test_figures_can_be_read_by_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate_retrieval, "load_answerer", lambda _: FakeAnswerer())
    qas = [
        {"id": str(n), "question": "?", "answers": [{"text": "alpha", "answer_start": 0}]}
        for n in range(3)
    ]
    paragraph = {"context": "alpha", "cord_uid": "p1", "qas": qas}
    (tmp_path / "q.json").write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    arguments = ["--questions", str(tmp_path / "q.json"), "--limit", "2", "--json"]
    assert evaluate.main(["retrieval", *arguments]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["n"], figures["modes"]["bm25"]["recall@1"]) == (2, 1.0)
