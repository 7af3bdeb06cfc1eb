"""Samples questions from a generator, token by token, for many passages at once (torch).

A passage is read once: its keys and values are kept, for all the questions that are written to it.
What is kept, and how tokens are drawn, is that of any language model (Holtzman et al., "The curious
case of neural text degeneration", 2020, for the nucleus).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.contracts import IntArray
from models.fused import heads_of
from models.question_generation import (
    BEGIN,
    END,
    PAD,
    QUESTION_TOKENS,
    QuestionGenerator,
    after_attention,
    columns_for,
    padded_left,
    padding_of,
)
from models.tensors import on_device

_CANDIDATES = 64  # the likeliest tokens: sorting all of them takes longer than computing them
_READ_TOKENS = 65_536  # of passages that are read in one forward pass
_LOOK = 8  # tokens from one look to the next whether all questions have ended
_FEWEST_TOKENS = 4  # of a question, before its end
_FEWEST_WORDS = 4
_UNWRITTEN = ("[UNK]", "<unk>", "<mask>", "<pad>", "<s>")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn: a temperature, 0 for the likeliest, and the nucleus `top_p`."""

    temperature: float = 0.8
    top_p: float = 0.95


@dataclass(frozen=True, slots=True)
class KeyValueCache:
    """What was read of n passages: keys and values, each (layers, n, heads, columns, size).

    The last of their columns, from `passage` on, are for the question. `padding` is that of
    `padding_of`.
    """

    keys: Tensor
    values: Tensor
    padding: Tensor
    passage: int


@torch.inference_mode()
def sampled(
    model: QuestionGenerator,
    passages: Sequence[IntArray],
    times: int,
    sampling: Sampling,
    chance: torch.Generator,
) -> list[IntArray]:
    """Return `times` questions for each of n passages, arrays of shape (n, QUESTION_TOKENS).

    After its END, which the last of its tokens may lack, a question has END only. Passages are
    tokens without special ones, at most `model.passage_tokens`; `chance` is on the model's device.
    """
    cache = read_passages(model, passages)
    written = [write_question(model, cache, sampling, chance) for _ in range(times)]
    return [tokens.cpu().numpy() for tokens in written]


def read_passages(model: QuestionGenerator, passages: Sequence[IntArray]) -> KeyValueCache:
    """Read n passages, some of them at a time."""
    device = model.bias.device
    ids = on_device(torch.from_numpy(padded_left(passages)), device)
    passage = ids.shape[1]
    padding = padding_of(ids, passage)
    config = model.backbone.config
    heads = config.num_attention_heads
    shape = (
        *(config.num_hidden_layers, len(passages), heads),
        *(passage + columns_for(QUESTION_TOKENS), config.hidden_size // heads),
    )
    # zeros, not uninitialised memory: masked columns get weight 0, and 0 x NaN would be NaN
    keys, values = (torch.zeros(shape, dtype=model.bias.dtype, device=device) for _ in range(2))
    columns = torch.arange(passage, device=device)
    unhidden = torch.zeros(1, passage, dtype=torch.bool, device=device)
    rows = max(1, _READ_TOKENS // passage)
    for at in range(0, len(passages), rows):
        some = slice(at, at + rows)
        mask = model.mask(columns, padding[some], unhidden.expand(passage, -1))
        hidden = model.embedded(ids[some], padding[some], 0)
        for number, (key, value) in enumerate(model.layers(hidden, mask, keep=True)[1]):
            keys[number, some, :, :passage] = key
            values[number, some, :, :passage] = value
    return KeyValueCache(keys, values, padding, passage)


def write_question(
    model: QuestionGenerator, cache: KeyValueCache, sampling: Sampling, chance: torch.Generator
) -> Tensor:
    """Write one question to each of n passages; int64 of shape (n, QUESTION_TOKENS)."""
    count = len(cache.padding)
    device = cache.padding.device
    unwritten = [model.tokenizer.token_to_id(token) for token in _UNWRITTEN]
    never = torch.zeros(len(model.bias), dtype=torch.bool, device=device)
    never[[BEGIN, PAD, *(one for one in unwritten if one is not None)]] = True
    not_yet = never.clone()
    not_yet[END] = True
    written = torch.full((count, QUESTION_TOKENS), END, device=device)
    last = written[:, :1]
    ended = torch.zeros(count, dtype=torch.bool, device=device)
    for place in range(QUESTION_TOKENS):
        logits = next_logits(model, cache, last, place)
        logits = logits.masked_fill(not_yet if place < _FEWEST_TOKENS else never, float("-inf"))
        token = drawn_tokens(logits, sampling, chance).masked_fill(ended, END)
        written[:, place] = token
        ended |= token == END
        last = token[:, None]
        if place % _LOOK == _LOOK - 1 and bool(ended.all()):
            break
    return written


def next_logits(model: QuestionGenerator, cache: KeyValueCache, last: Tensor, place: int) -> Tensor:
    """Return the logits of token `place` of each question; keep what was read of the one before.

    `last`, shape (n, 1), is the token before, END for `place` 0. They have shape (n, vocabulary).
    """
    column = cache.passage + place
    used = cache.passage + columns_for(place + 1)
    columns = torch.arange(used, device=last.device)
    mask = model.mask(columns[column : column + 1], cache.padding, (columns > column)[None])
    hidden = model.embedded(last, cache.padding, column)
    for number, layer in enumerate(model.backbone.encoder.layer):
        query, key, value = heads_of(layer.attention.attn, hidden)
        keys, values = cache.keys[number, :, :, :used], cache.values[number, :, :, :used]
        keys[:, :, column : column + 1] = key
        values[:, :, column : column + 1] = value
        found = nn.functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        hidden = after_attention(layer, hidden, found)
    return model.logits(hidden[:, 0])


def drawn_tokens(logits: Tensor, sampling: Sampling, chance: torch.Generator) -> Tensor:
    """Return one token for each row of logits of shape (n, vocabulary); int64 of shape (n,).

    The nucleus is made of the likeliest tokens alone: those whose likelier ones have not `top_p`
    together. A draw is the greatest of probabilities over exponential variates.
    """
    if sampling.temperature == 0:
        return logits.argmax(-1)
    best, tokens = logits.topk(min(_CANDIDATES, logits.shape[-1]))
    likely = torch.softmax(best / sampling.temperature, dim=-1)
    likely = likely.masked_fill(likely.cumsum(-1) - likely >= sampling.top_p, 0.0)
    waits = torch.empty_like(likely).exponential_(generator=chance)
    return tokens.gather(-1, (likely / waits).argmax(-1, keepdim=True))[:, 0]


def question_texts(model: QuestionGenerator, written: IntArray) -> list[str]:
    """Return the text of each of n questions, "" for one without an end."""
    rows = [row[: int((row == END).argmax())].tolist() for row in written]
    return [str(text) for text in model.tokenizer.decode_batch(rows)]


def worth_keeping(questions: Sequence[str]) -> Iterator[str]:
    """Yield those of a passage's questions that read as one, each once.

    >>> list(worth_keeping(["what is it?", "1 2 3 4", "what does it do?", "what does it do?"]))
    ['what does it do?']
    """
    for question in dict.fromkeys(questions):
        if len(question.split()) >= _FEWEST_WORDS and re.search(r"[^\W\d_]", question):
            yield question
