import numpy as np
import pytest
from tokenizers import Tokenizer, processors

from models.contracts import ModelError
from models.pieces import without_surrogates
from models.windows import Window, Windower, batches


def _windower(tokenizer: Tokenizer, **options: int) -> Windower:
    return Windower(tokenizer, **{"max_length": 10, "stride": 2, **options})


def test_a_short_context_is_one_window(word_tokenizer: Tokenizer) -> None:
    [window] = _windower(word_tokenizer).split("a b", ["c  d"])
    assert window.ids.tolist() == [1, 10, 11, 2, 12, 13, 2]  # [CLS] a b [SEP] c d [SEP]
    assert window.type_ids.tolist() == [0, 0, 0, 0, 1, 1, 1]  # BERT: the context is segment 1
    assert window.begin == 4  # c
    assert window.offsets.tolist() == [[0, 1], [3, 4]]  # two spaces between


def test_windows_overlap_by_the_stride(word_tokenizer: Tokenizer) -> None:
    windows = _windower(word_tokenizer).split("a b", ["c d e f g h i"])
    parts = [window.ids[window.begin : -1].tolist() for window in windows]
    assert parts == [
        [12, 13, 14, 15, 16],  # 10 tokens less 3 special ones and the question leave 5: c to g
        [15, 16, 17, 18],  # f and g again, then h i
    ]
    assert windows[1].offsets[0].tolist() == [6, 7]  # offsets are those of the whole context


def test_a_context_that_fills_its_window_is_not_read_twice(word_tokenizer: Tokenizer) -> None:
    assert len(_windower(word_tokenizer).split("a b", ["c d e f g"])) == 1


def test_the_stride_is_at_most_half_of_the_room(word_tokenizer: Tokenizer) -> None:
    windows = _windower(word_tokenizer, stride=100).split("a b", ["c d e f g h i"])
    assert [len(window.offsets) for window in windows] == [5, 4]  # steps of 5 - 5 // 2 = 3


def test_windows_know_their_context(word_tokenizer: Tokenizer) -> None:
    windows = _windower(word_tokenizer).split("a b", ["c d e f g h i", "", " \n ", "c"])
    assert [window.context for window in windows] == [0, 0, 3]  # no tokens, no window
    assert _windower(word_tokenizer).split("a", []) == []


def test_a_long_question_leaves_half_of_the_room(word_tokenizer: Tokenizer) -> None:
    [window] = _windower(word_tokenizer).split("a b c d e f g h i j", ["j"])
    assert window.ids.tolist() == [1, 10, 11, 12, 2, 19, 2]  # 7 // 2 = 3 tokens of the question
    [window] = _windower(word_tokenizer, max_length=200).split("a " * 70, ["j"])
    assert window.ids.tolist() == [1, *[10] * 64, 2, 19, 2]  # and no more than 64


def test_special_tokens_in_a_paper_are_text(word_tokenizer: Tokenizer) -> None:
    [window] = _windower(word_tokenizer).split("a", ["b [SEP] c"])
    assert window.ids.tolist() == [1, 10, 2, 11, 3, 3, 3, 12, 2]  # three [UNK], no separator


def test_the_given_tokenizer_is_left_alone(word_tokenizer: Tokenizer) -> None:
    tokenizer = Tokenizer.from_str(word_tokenizer.to_str())
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=20)
    [window] = _windower(tokenizer).split("a", ["b c d"])
    assert window.ids.tolist() == [1, 10, 2, 11, 12, 13, 2]  # neither cut nor padded
    assert tokenizer.truncation["max_length"] == 2
    assert tokenizer.padding["length"] == 20


def test_a_template_with_two_separators(word_tokenizer: Tokenizer) -> None:
    tokenizer = Tokenizer.from_str(word_tokenizer.to_str())
    tokenizer.post_processor = processors.RobertaProcessing(("[SEP]", 2), ("[CLS]", 1))
    [window] = _windower(tokenizer).split("a", ["b"])
    assert window.ids.tolist() == [1, 10, 2, 2, 11, 2]  # <s> q </s></s> c </s>
    assert window.type_ids.tolist() == [0] * 6


def test_a_tokenizer_without_a_template_is_refused(word_tokenizer: Tokenizer) -> None:
    tokenizer = Tokenizer.from_str(word_tokenizer.to_str())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A [SEP] $B", special_tokens=[("[SEP]", 2)]
    )
    with pytest.raises(ModelError, match="the tokenizer of a/folder has no template"):
        _windower(tokenizer, of="a/folder")


def test_windows_too_short_for_text_are_refused(word_tokenizer: Tokenizer) -> None:
    with pytest.raises(ModelError, match="no room for text"):
        _windower(word_tokenizer, max_length=4)
    [window] = _windower(word_tokenizer, max_length=5, stride=0).split("a b", ["c"])
    assert window.ids.tolist() == [1, 10, 2, 12, 2]


def test_lone_surrogates_are_replaced_one_for_one(word_tokenizer: Tokenizer) -> None:
    assert without_surrogates("a\ud800b\udfff😀") == "a\ufffdb\ufffd😀"  # a real pair is one point
    [window] = _windower(word_tokenizer).split("\ud800", ["\udc00 b"])
    assert window.offsets.tolist() == [[0, 1], [2, 3]]


def _of_lengths(*lengths: int) -> list[Window]:
    return [
        Window(0, np.arange(1, n + 1), np.ones(n, np.int64), 0, np.zeros((0, 2), np.int64))
        for n in lengths
    ]


def test_batches_hold_similar_lengths_within_the_bound() -> None:
    found = list(batches(_of_lengths(2, 5, 3, 5, 1), max_tokens=10, pad_id=9))
    assert [batch.members for batch in found] == [[1, 3], [2, 0, 4]]  # 2 x 5, then 3 x 3
    assert found[1].ids.tolist() == [[1, 2, 3], [1, 2, 9], [1, 9, 9]]
    assert found[1].mask.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert found[1].type_ids.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0]]


def test_a_window_over_the_bound_is_its_own_batch() -> None:
    found = list(batches(_of_lengths(4, 4), max_tokens=3, pad_id=0))
    assert [batch.members for batch in found] == [[0], [1]]
    assert list(batches([], max_tokens=3, pad_id=0)) == []


def test_enough_tokens_are_not_padded_to_be_more() -> None:
    lengths = _of_lengths(10, 9, 9, 8, 5, 5, 4)
    found = list(batches(lengths, max_tokens=1000, pad_id=0, enough_tokens=20))
    # 3 x 10, of which a window of 8 would be a fifth padding; 3 x 8, which is enough before 5; 4
    assert [batch.members for batch in found] == [[0, 1, 2], [3, 4, 5], [6]]
    [one] = batches(lengths, max_tokens=1000, pad_id=0, enough_tokens=1000)
    assert one.ids.shape == (7, 10)
