"""Tiny models, made on the spot: real architectures and tokenizers, random weights."""

from pathlib import Path

import pytest
import torch
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AutoModel,
    AutoModelForQuestionAnswering,
    BertConfig,
    DistilBertConfig,
    ElectraConfig,
    MPNetConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
)

from tests.making_models import word_pieces

TEXT = [
    "The incubation period of SARS-CoV-2 is 5.1 days, and 97% of patients show fever within 12.",
    "Remdesivir shortened recovery; dexamethasone lowered mortality in ventilated patients.",
    "What is the receptor of the virus? It binds to angiotensin-converting enzyme 2 (ACE2).",
]
NAMES = ["bert", "distilbert", "electra", "mpnet", "roberta"]
POSITIONS = 64

torch.set_num_threads(1)


def _bert_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = word_pieces(TEXT, ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], 120)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def _mpnet_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = word_pieces(TEXT, ["<s>", "<pad>", "</s>", "[UNK]"], 120)
    return _without_types(tokenizer, unk_token="[UNK]")


def _roberta_tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return _without_types(tokenizer)


def _without_types(tokenizer: Tokenizer, **more: str) -> PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
        **more,
    )


def _config(name: str, vocab_size: int) -> PreTrainedConfig:
    if name == "distilbert":
        return DistilBertConfig(
            vocab_size=vocab_size,
            dim=32,
            n_layers=2,
            n_heads=2,
            hidden_dim=64,
            max_position_embeddings=POSITIONS,
            initializer_range=0.3,
            attention_dropout=0.0,
            dropout=0.0,
        )
    kinds = {
        "bert": BertConfig,
        "electra": ElectraConfig,
        "mpnet": MPNetConfig,
        "roberta": RobertaConfig,
    }
    padded = name in {"mpnet", "roberta"}  # they count positions from pad_token_id + 1
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2} if padded else {}
    if name == "roberta":
        special["type_vocab_size"] = 1
    if name == "electra":
        special["embedding_size"] = 16
    return kinds[name](
        vocab_size=vocab_size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS + 2 * padded,
        initializer_range=0.3,  # ten times the usual: logits far enough apart to have one best
        **special,
    )


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the folder of a tiny question-answering model per architecture in NAMES."""
    tokenizers = {
        "bert": _bert_tokenizer(),
        "distilbert": _bert_tokenizer(),
        "electra": _bert_tokenizer(),
        "mpnet": _mpnet_tokenizer(),
        "roberta": _roberta_tokenizer(),
    }
    root = tmp_path_factory.mktemp("checkpoints")
    for name in NAMES:
        torch.manual_seed(7)
        config = _config(name, len(tokenizers[name]))
        AutoModelForQuestionAnswering.from_config(config).save_pretrained(root / name)
        tokenizers[name].save_pretrained(root / name)
    return {name: root / name for name in NAMES}


@pytest.fixture(scope="session")
def plain_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny BERT without a head: an encoder, not a reader."""
    folder = tmp_path_factory.mktemp("plain") / "bert"
    tokenizer = _bert_tokenizer()
    torch.manual_seed(7)
    AutoModel.from_config(_config("bert", len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def word_tokenizer() -> Tokenizer:
    """Return a tokenizer of whole words: [CLS] is 1, [SEP] 2, a to j are 10 to 19."""
    vocabulary = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3}
    vocabulary |= {letter: 10 + place for place, letter in enumerate("abcdefghij")}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["[PAD]", "[CLS]", "[SEP]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return tokenizer
