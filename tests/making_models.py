"""Makes tiny models: a real tokenizer and architecture, random weights."""

import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedTokenizerFast,
)

from models.loading import encoder_folder

HIDDEN = 16


def tiny_encoder(folder: Path) -> Path:
    """Write a BERT of one layer, with the stock encoder's tokenizer, into a new `folder`."""
    _tokenizer(folder)
    torch.manual_seed(5)
    BertModel(_config()).save_pretrained(folder)
    return folder


def tiny_reader(folder: Path, seed: int = 5) -> Path:
    """Write a reader of one layer, with the stock encoder's tokenizer, into a new `folder`."""
    _tokenizer(folder)
    torch.manual_seed(seed)
    BertForQuestionAnswering(_config()).save_pretrained(folder)
    return folder


def _tokenizer(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(encoder_folder("stock") / name, folder / name)


def _config() -> BertConfig:
    return BertConfig(
        vocab_size=30_522,
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        initializer_range=0.3,
    )


def word_pieces(texts: Sequence[str], special: Sequence[str], size: int) -> Tokenizer:
    """Make a tokenizer of so many word pieces at most, always the same of the same texts.

    They are the special ones, each character at a word's beginning and within it, then the words
    that are the most frequent in `texts`. (The library's trainer draws among equals.)
    """
    normalizer, words = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    counts = Counter(
        word for text in texts for word, _ in words.pre_tokenize_str(normalizer.normalize_str(text))
    )
    characters = sorted(set("".join(counts)))
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    pieces = dict.fromkeys([*special, *characters, *(f"##{c}" for c in characters), *frequent])
    vocabulary = {piece: place for place, piece in enumerate(islice(pieces, size))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = words
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def tiny_mpnet(folder: Path, texts: Sequence[str], positions: int = 256) -> Path:
    """Write an MPNet of two layers, with word pieces learnt from `texts`, into a new `folder`."""
    tokenizer = word_pieces(texts, ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"], 400)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", cls_token="<s>", sep_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(3)
    config = MPNetConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions + 2,
        initializer_range=0.3,  # ten times the usual: tokens that are told apart
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    MPNetModel(config).save_pretrained(folder)
    return folder
