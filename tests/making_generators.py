"""Makes tiny MPNets: a real tokenizer and architecture, random weights."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import MPNetConfig, MPNetModel, PreTrainedTokenizerFast


def word_pieces(texts: Sequence[str], special: Sequence[str], size: int) -> Tokenizer:
    """Make a tokenizer of so many word pieces, learnt from `texts`, the special ones first."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(special), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
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
