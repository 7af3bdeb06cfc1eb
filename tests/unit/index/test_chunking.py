import random
from itertools import pairwise

import pytest

from index.chunking import Chunker, sentences
from index.words import count_words

CHUNKER = Chunker()


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Fever fell (Li et al. 2020).",
        "See Fig. 3 and Figs. 4 to 6",
        "Drugs, e.g. Remdesivir, i.e. One of them, vs. Placebo.",
        "J. K. Smith and Dr. Ahn agreed.",
        "It was 5.1 days and p = .05 then.",
        "The U.S. Army and St. Mary took ca. 5 days.",
        "E. coli and No. 7 of approx. Ten",
        "It was 2.2 (Li et al. 2020).",
        "IC50 was 7.6 μg/ml at 12.5 M NaCl and 0.655 [3].",
        "Many were ill (41. 5%) and more (see 3. 1) followed.",
        "Salmonella S. Typhimurium is one, E. coli and C. difficile are others.",
        "It was shown by J. B. Smith who, as R. Koch did, wrote.",
        "Treatment vs. The best care (cf. The others, e.g. The last) of St. Vincent.",
        "Ask J. He et al. and B. An and others",
        "Baidu, Inc. Beijing, and Roche Ltd. Basel",
        "in Xiangyang No. Hospital of Dr. Of",
        "Novick, P., C. Field, and R. Schekman, et al. Cell",
        "The U.S. Department of Health and the U.S. Food chain",
        "one sentence without an end",
    ],
)
def test_no_sentence_ends_at_an_abbreviation_or_in_a_number(text: str) -> None:
    assert split(text) == [text]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It fell. Then it rose.", ["It fell.", "Then it rose."]),
        ("Did it? No! Yes.", ["Did it?", "No!", "Yes."]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("It fell.[1,2] Then it rose.", ["It fell.[1,2]", "Then it rose."]),
        ("It fell. 12 Then it rose.", ["It fell. 12", "Then it rose."]),  # 12 is a citation
        ("It fell. 4 28 Then it rose.", ["It fell. 4 28", "Then it rose."]),
        ("It fell. [1] [2] [3] Then it rose.", ["It fell. [1] [2] [3]", "Then it rose."]),
        ("It fell. Then it rose. 12", ["It fell.", "Then it rose. 12"]),  # also at the end
        ("It fell. [3-5] ", ["It fell. [3-5]"]),
        (
            "It fell.\n1. Then it rose.\n2. It ended.",
            ["It fell.", "1. Then it rose.", "2. It ended."],
        ),
        ("It fell in 2020. 2019. Then", ["It fell in 2020.", "2019.", "Then"]),
        ("Mean was 5. 80% rose.", ["Mean was 5.", "80% rose."]),
        ("It fell (in 3). 5% rose.", ["It fell (in 3).", "5% rose."]),
        ("It fell. In 12 it rose.", ["It fell.", "In 12 it rose."]),
        ("Spun for 5 min. Serum was kept.", ["Spun for 5 min.", "Serum was kept."]),
        ("Masks, gowns, etc. The virus fell.", ["Masks, gowns, etc.", "The virus fell."]),
        ("for 24 h. We saw it.", ["for 24 h.", "We saw it."]),
        ("of type B. Besides the genes", ["of type B.", "Besides the genes"]),
        ("Give vitamin D. The dose rose.", ["Give vitamin D.", "The dose rose."]),
        ("at −20°C. Proteins were kept.", ["at −20°C.", "Proteins were kept."]),
        ("up to 0.5 L. Oxygen flow rose.", ["up to 0.5 L.", "Oxygen flow rose."]),
        ("of E1B 55K. E4orf3 has", ["of E1B 55K.", "E4orf3 has"]),
        ("by Zhao et al. We saw it.", ["by Zhao et al.", "We saw it."]),
        ("Aspergillus spp. Cases were few.", ["Aspergillus spp.", "Cases were few."]),
        ("in the U.S. It rose.", ["in the U.S.", "It rose."]),
        ("on 30 Jan. The end", ["on 30 Jan.", "The end"]),
        ("RNase L. A small one", ["RNase L.", "A small one"]),
        ("group A. Surprisingly, B fell", ["group A.", "Surprisingly, B fell"]),
        ("It was 5.1. Then 6.", ["It was 5.1.", "Then 6."]),
        ("A line\nanother line", ["A line", "another line"]),
        ("It fell. Ágnes rose. Ωmega too.", ["It fell.", "Ágnes rose.", "Ωmega too."]),
        ("病毒传播。“患者发烧。”很多人。", ["病毒传播。", "“患者发烧。”", "很多人。"]),
        ("本当？ はい！そう。", ["本当？", "はい！", "そう。"]),
        ("  padded.  Then more.  ", ["padded.", "Then more."]),
        ("", []),
        (" \n\n ", []),
        ("...", ["..."]),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert split(text) == parts


def chunks(text: str, chunker: Chunker = CHUNKER) -> list[str]:
    return [text[start:end] for start, end in chunker.chunks(text)]


def test_passages_are_whole_sentences_with_one_of_overlap() -> None:
    lines = [f"Sentence number {n} has exactly eight words." for n in range(40)]  # 7 words each
    passages = chunks(" ".join(lines))
    found = [split(passage) for passage in passages]
    assert all(sentence in lines for passage in found for sentence in passage)
    assert [len(passage) for passage in found] == [17, 17, 8]  # 17 * 7 words are just below 120
    for before, after in pairwise(found):
        assert before[-1:] == after[:1]
        assert before[-2] not in after


def test_a_long_sentence_is_not_repeated() -> None:
    long = "It " + "very " * 97 + "long."  # 99 words
    passages = chunks(f"It fell. {long} Then it rose. {long}")
    assert [len(passage.split()) for passage in passages] == [2 + 99 + 3, 3 + 99]
    assert passages[1].startswith("Then it rose.")  # the short one is, for context


def test_a_sentence_beyond_the_limit_is_cut() -> None:
    text = " ".join(f"word{n}" for n in range(4_000))
    passages = chunks(text)
    assert " ".join(passages) == text
    assert {len(passage.split()) for passage in passages} == {120, 4_000 % 120}


@pytest.mark.parametrize("text", ["病毒" * 1_000, "ACGT" * 10_000])
def test_text_without_spaces_is_cut_too(text: str) -> None:
    passages = chunks(text)
    assert "".join(passages) == text
    assert max(map(len, passages)) <= 12_000
    assert all(count_words(passage) <= 120 for passage in passages)


def test_short_and_empty_texts() -> None:
    assert chunks("") == chunks(" \n ") == []
    assert chunks("Yes.") == ["Yes."]


PIECES = [
    *[
        "word",
        "Upper",
        "Fig.",
        "et al.",
        "5.1",
        "e.g.",
        "J.",
        "病毒",
        "。",
        "。”",
        "？",
        "😀",
        "é",
        "e\u0301",
    ],
    *[".", "?", "!", ".”", ".[3]", "...", ")", "(", "[", "\n", "\n\n", "\t", "\u2028", "\x00"],
    *["\u3000", " ", " ", " ", " ", "  ", "ש", "\ud800", "\u200d", "A", "x" * 150, "."],
]


def test_passages_of_any_text_cover_it_and_keep_to_the_limits() -> None:
    draw = random.Random(0)
    for _ in range(400):
        chunker = Chunker(
            words=(limit := draw.choice([1, 2, 5, 20, 120])),
            overlap=draw.choice([0, 1, 1, 3]),
            longest_sentence=draw.randint(1, limit),
        )
        text = " ".join(draw.choices([*PIECES, ". The"], k=draw.randint(0, 300)))
        if draw.random() < 0.5:
            text = text.replace("  ", "")
        ranges = list(chunker.chunks(text))
        assert ranges == sorted(set(ranges))
        covered = bytearray(len(text))
        for start, end in ranges:
            assert text[start:end].strip() == text[start:end] != ""
            assert count_words(text[start:end]) <= limit
            covered[start:end] = b"\1" * (end - start)
        assert all(covered[at] for at, character in enumerate(text) if not character.isspace()), (
            text
        )
        ends = [end for _, end in ranges]
        assert ends == sorted(set(ends))  # every passage adds something
        for _, end in sentences(text):  # and none ends within a sentence, unless it is a cut one
            assert any(stop == end or start < end <= stop for start, stop in ranges)


def test_sentences_of_any_text_cover_it_in_order() -> None:
    draw = random.Random(1)
    for _ in range(400):
        text = "".join(draw.choices(PIECES, k=draw.randint(0, 80)))
        ranges = list(sentences(text))
        at = 0
        for start, end in ranges:
            assert text[at:start].strip() == ""
            assert at <= start < end
            at = end
        assert text[at:].strip() == ""


def test_a_passage_has_the_sentences_that_it_was_made_of() -> None:
    text = " ".join(f"Masks were worn by nurses on all wards in winter. {n}" for n in range(11, 40))
    passages = chunks(text)
    for before, after in pairwise(passages):
        assert split(before)[-1] == split(after)[0]


def test_the_name_tells_chunkers_apart() -> None:
    assert len({Chunker(words=w, overlap=o).name for w in (100, 120) for o in (0, 1)}) == 4


def test_no_passage_has_more_characters_than_the_limit() -> None:
    gap = " " * 2_000
    text = f"Masks{gap}were{gap}worn. All{gap}nurses wore{gap}them.{gap * 20}Gowns fell{gap}down."
    chunker = Chunker(characters=5_000)
    ranges = list(chunker.chunks(text))
    assert all(0 < end - start <= 5_000 for start, end in ranges)
    covered = " ".join(text[start:end] for start, end in ranges).split()
    assert list(dict.fromkeys(covered)) == text.split()
    assert list(Chunker(characters=3).chunks("Masks help")) == [(0, 5), (6, 10)]  # whole words
    genome = "ACGT" * 500_000
    assert max(end - start for start, end in Chunker().chunks(genome)) == 12_000


@pytest.mark.parametrize("seed", range(20))
def test_passages_with_gaps_cover_the_text_and_keep_to_the_limits(seed: int) -> None:
    draw = random.Random(seed)
    pieces = ["Masks ", "help. ", " " * 50, " " * 300, "\n", "1. ", "x" * 150, "。"]
    text = "".join(draw.choices(pieces, k=300))
    ranges = list(Chunker(words=20, longest_sentence=10, characters=400).chunks(text))
    covered = bytearray(len(text))
    for start, end in ranges:
        assert end - start <= 400
        assert count_words(text[start:end]) <= 20
        covered[start:end] = b"\1" * (end - start)
    assert all(covered[at] for at, character in enumerate(text) if not character.isspace())
    ends = [end for _, end in ranges]
    assert ends == sorted(set(ends))
