"""Makes tiny models: a real tokenizer and architecture, random weights."""

import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertForQuestionAnswering, BertModel

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
