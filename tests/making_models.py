"""Makes a tiny encoder: a real tokenizer and architecture, random weights."""

import shutil
from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from models.loading import encoder_folder

HIDDEN = 16


def tiny_encoder(folder: Path) -> Path:
    """Write a BERT of one layer, with the stock encoder's tokenizer, into a new `folder`."""
    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(encoder_folder("stock") / name, folder / name)
    torch.manual_seed(5)
    config = BertConfig(
        vocab_size=30_522,
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=256,
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder)
    return folder
