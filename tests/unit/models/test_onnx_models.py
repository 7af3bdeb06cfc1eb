"""The two Protocols on ONNX Runtime, with tiny models in integers."""

import json
import shutil
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from files.checksums import sha256
from models.backends import check_files
from models.contracts import (
    ENCODER,
    READER,
    Embedded,
    Encoder,
    FloatArray,
    ModelError,
    Reader,
    Span,
)
from models.encoder import SentenceEncoder
from models.late import LateInteraction
from models.late_config import CONFIG, LateConfig
from models.loading import identity, max_positions, read_config
from models.onnx import making, parity
from models.onnx.encoder import OnnxEncoder
from models.onnx.files import GRAPH, RECORD, Record
from models.onnx.reader import OnnxReader
from models.pooling import longest_text, pooling_of
from models.reader import TransformersReader
from scripts.indexing import load_named_encoder
from tests.making_models import tiny_encoder

QUESTION = "What is the incubation period of the virus?"
PASSAGES = [
    "It is 5.1 days, and 97% of patients show fever within 12 days. " * 6,  # several windows
    "Remdesivir shortened recovery.",
    "It binds to angiotensin-converting enzyme 2 (ACE2), the receptor of SARS-CoV-2 " * 3,
    "👩‍🔬 says: fièvre 发烧 שלום in 97% of e\u0301te\u0301s\0.",
]
ASKED = [(QUESTION, passage) for passage in PASSAGES * 2]
HALVES = (ASKED[::2], ASKED[1::2])


@pytest.fixture(scope="module", autouse=True)
def _lenient() -> Iterator[None]:
    """Accept what rounding does to random weights, which is more than to trained ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parity, "AT_LEAST", {"overlap_mean": 0.3, "passage_cosine_min": 0.98})
        patch.setattr(parity, "AT_MOST", {"score_difference_mean": 2.0})
        yield


@pytest.fixture(scope="module")
def readers(
    checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Return the folders of tiny readers with nothing but ONNX files for weights."""
    root = tmp_path_factory.mktemp("onnx")
    for name in ("bert", "roberta"):  # with token types and without
        making.make_reader(checkpoints[name], root / name, *HALVES, print)
    return {name: root / name for name in ("bert", "roberta")}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny encoder with vectors of words, its weights and ONNX files."""
    folder = tiny_encoder(tmp_path_factory.mktemp("encoder") / "encoder")
    torch.manual_seed(11)
    head = LateInteraction(LateConfig(16, 8, ("the", "of", "is")))
    torch.nn.init.normal_(head.importance.weight, std=0.2)
    head.save(folder)
    making.make_encoder(folder, folder, ASKED, print)
    return folder


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_reader_without_weights_reads_as_they_would(
    checkpoints: dict[str, Path], readers: dict[str, Path], name: str
) -> None:
    assert not list(readers[name].glob("*.safetensors"))
    reader: Reader = OnnxReader(readers[name], threads=2)
    assert reader.name == identity(checkpoints[name]) == identity(readers[name])
    found = reader.read(QUESTION, PASSAGES)
    expected = TransformersReader(checkpoints[name], device="cpu").read(QUESTION, PASSAGES)
    for one, right, passage in zip(found, expected, PASSAGES, strict=True):
        assert passage[one.start : one.end].strip()
        assert one.score == pytest.approx(right.score, abs=1.0)


def test_a_passage_is_read_alike_alone_and_among_others(readers: dict[str, Path]) -> None:
    reader = OnnxReader(readers["bert"], threads=2)
    together = reader.read(QUESTION, PASSAGES)
    assert [reader.read(QUESTION, [passage])[0] for passage in PASSAGES] == together
    assert OnnxReader(readers["bert"], threads=1).read(QUESTION, PASSAGES) == together
    assert reader.read(QUESTION, []) == []
    assert reader.read(QUESTION, ["", " \n"]) == [Span(0, 0, -np.inf)] * 2


def _cosines(one: FloatArray, other: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray((one * other).sum(1) / lengths, np.float32)


@pytest.mark.parametrize("kind", ["questions", "passages"])
def test_an_encoder_makes_the_vectors_that_torch_makes(encoder: Path, kind: str) -> None:
    texts = [QUESTION, *PASSAGES, "mortality mortality", "The, of!", "", "\ud800 x", "mask " * 400]

    def made(by: Encoder) -> Embedded:
        return by.encode_questions(texts) if kind == "questions" else by.encode_passages(texts)

    onnx_encoder = OnnxEncoder(encoder, threads=2)
    right = SentenceEncoder(encoder, device="cpu")
    assert (onnx_encoder.name, onnx_encoder.dimension) == (right.name, right.dimension)
    assert onnx_encoder.word_dimension == right.word_dimension == 8
    found, expected = made(onnx_encoder), made(right)
    assert found.vectors.dtype == np.float32
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert _cosines(found.vectors, expected.vectors).min() > 0.99
    assert len(found.ranges) == len(expected.ranges)
    for ours, theirs in zip(found.ranges, expected.ranges, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(found.words, expected.words, strict=True):
        assert ours.shape == theirs.shape
        assert _cosines(ours, theirs).min(initial=1) > 0.97
        np.testing.assert_allclose(
            np.linalg.norm(ours, axis=1), np.linalg.norm(theirs, axis=1), atol=0.02
        )


def test_an_encoder_of_nothing(encoder: Path) -> None:
    made = OnnxEncoder(encoder).encode_questions([])
    assert made.vectors.shape == (0, 16)
    assert made.words == ()


def test_an_encoder_without_a_head_has_no_vectors_of_words(
    plain_bert: Path, tmp_path: Path
) -> None:
    making.make_encoder(plain_bert, tmp_path / "plain", ASKED, print)
    made = OnnxEncoder(tmp_path / "plain").encode_questions([QUESTION])
    assert [words.shape for words in made.words] == [(0, 0)]
    expected = SentenceEncoder(plain_bert, device="cpu").encode_questions([QUESTION])
    assert _cosines(made.vectors, expected.vectors).min() > 0.99


def test_an_encoder_that_pools_by_its_first_token(plain_bert: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(plain_bert, tmp_path / "cls"))
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "pool", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "pool").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode_cls_token": True}
    (folder / "pool" / "config.json").write_text(json.dumps(pooling))
    making.make_encoder(folder, folder, ASKED, print)
    (folder / "pool" / "config.json").write_text(json.dumps(pooling | {"pooling_mode_max": True}))
    with pytest.raises(
        ModelError, match="pools by cls and pooling_mode_max, and only the mean and"
    ):
        making.make_encoder(folder, folder, ASKED, print)


def _cut(folder: Path) -> None:
    whole = (folder / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(whole[: len(whole) // 2])


def _cut_with_record(folder: Path) -> None:
    _cut(folder)
    _record(folder, sha256=sha256(folder / GRAPH))


def _record(folder: Path, **changes: object) -> None:
    fields = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(json.dumps(fields | changes))


def _of_a_later_format(folder: Path) -> None:
    model = onnx.load(folder / GRAPH)
    model.ir_version = 99
    onnx.save(model, folder / GRAPH)
    _record(folder, sha256=sha256(folder / GRAPH))


def _of_a_later_opset(folder: Path) -> None:
    model = onnx.load(folder / GRAPH)
    model.opset_import[0].version = 99
    onnx.save(model, folder / GRAPH)
    _record(folder, sha256=sha256(folder / GRAPH))


def _of_other_words(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / GRAPH).unlink(), "has no weights|has no model.int8.onnx"),
        (lambda folder: (folder / RECORD).unlink(), "has no model.int8.json: export"),
        (lambda folder: (folder / RECORD).write_text("{"), "is no record of an ONNX file"),
        (lambda folder: (folder / RECORD).write_text("[]"), r"\(it is no JSON object\): export"),
        (lambda folder: (folder / RECORD).write_text('{"a": 1}'), "is no record of an ONNX file"),
        (lambda folder: _record(folder, kind="writer"), "names no reader or encoder"),
        (lambda folder: _record(folder, kind=ENCODER), "is of an encoder, and a reader is needed"),
        (lambda folder: _record(folder, kind=[]), "names no reader or encoder"),
        (lambda folder: _record(folder, parity=None), "holds no figures of parity"),
        (lambda folder: _record(folder, parity={"agreement": "1"}), "holds no figures of parity"),
        (lambda folder: _record(folder, opset=99), "opset 99, and this program reads"),
        (lambda folder: _record(folder, format=2), "format 2"),
        (_cut, "is not the file that model.int8.json describes"),
        (_cut_with_record, "ONNX Runtime can't run .*export the model again"),
        (_of_a_later_format, "ONNX Runtime can't run .*export the model again"),
        (_of_a_later_opset, "ONNX Runtime can't run .*export the model again"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "has no tokenizer"),
        (_of_other_words, "tokenizer.json is not the one that model.int8.json describes"),
        (
            lambda folder: (_of_other_words(folder), _record(folder, tokenizer="")),
            "tokenizer .* can't be loaded",
        ),
    ],
)
def test_damaged_files_are_model_errors(
    readers: dict[str, Path], tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    folder = Path(shutil.copytree(readers["bert"], tmp_path / "reader"))
    damage(folder)
    with pytest.raises(ModelError, match=message):
        OnnxReader(folder)


def test_a_graph_of_other_weights_is_refused(encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "encoder"))
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelError, match=r"was made from bert-1x16@.* beside it are bert-1x16@"):
        OnnxEncoder(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("sentence_bert_config.json", "[]", "is no JSON object"),
        ("tokenizer_config.json", "7", "is no JSON object"),
        ("sentence_bert_config.json", '{"max_seq_length": -1}', "leaves no token of a text"),
        ("modules.json", '[{"type": "x.Pooling"}]', "names no modules"),
        ("modules.json", "7", "names no modules"),
    ],
)
def test_what_an_encoder_says_of_itself_may_be_damaged(
    encoder: Path, tmp_path: Path, name: str, content: str, message: str
) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "encoder"))
    (folder / name).write_text(content)
    with pytest.raises(ModelError, match=message):
        _ = pooling_of(folder), longest_text(folder)
    if name != "modules.json":  # how it pools is in the graph
        with pytest.raises(ModelError, match=message):
            check_files(ENCODER, folder, backend="onnx")


def test_a_text_is_never_longer_than_the_model_reads(encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "encoder"))
    most = max_positions(read_config(folder))
    for said, longest in ((2000, most), (10**30, most), (5, 5)):
        for name, key in (
            ("sentence_bert_config.json", "max_seq_length"),
            ("tokenizer_config.json", "model_max_length"),
        ):
            (folder / "sentence_bert_config.json").unlink(missing_ok=True)
            (folder / name).write_text(json.dumps({key: said}))
            assert longest_text(folder) == longest
    assert OnnxEncoder(folder).encode_passages(["fever " * 3000]).vectors.shape == (1, 16)


def test_an_encoder_without_its_list_of_words_is_refused(encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(encoder, folder, ignore=shutil.ignore_patterns("*.safetensors", CONFIG))
    with pytest.raises(ModelError, match=rf"{CONFIG} can't be read"):
        OnnxEncoder(folder)


def test_a_model_too_far_from_its_weights_is_not_kept(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "AT_MOST", {"score_difference_mean": 1e-9, "f1_lost_at_least": 0.5})
    folder = Path(shutil.copytree(checkpoints["bert"], tmp_path / "bert"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ModelError, match=r"score_difference_mean is .*f1_lost_at_least is 2"):
        making.make_reader(
            folder, folder, *HALVES, print, measure=lambda *_: {"f1_lost_at_least": 2.0}
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_model_that_was_found_too_far_from_its_weights_does_not_serve(
    readers: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(readers["bert"], tmp_path / "bert"))
    _record(folder, parity={"score_difference_mean": 2.5})
    with pytest.raises(ModelError, match=rf"{GRAPH} is too far from the weights \(score_differ"):
        OnnxReader(folder)


def test_a_finer_reader_rounds_its_widest_products_by_blocks(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    making.make_reader(checkpoints["bert"], tmp_path / "finer", *HALVES, print, finer=True)
    kinds = [node.op_type for node in onnx.load(tmp_path / "finer" / GRAPH).graph.node]
    assert kinds.count("MatMulNBits") == 2  # one in each layer, of six
    assert kinds.count("MatMulIntegerToFloat") == 10


def test_an_index_is_built_with_it_where_the_weights_are_not(encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(encoder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    options = Namespace(encoder=str(folder), device="auto", batch_size=None)
    assert isinstance(load_named_encoder(options), OnnxEncoder)
    options.encoder = str(encoder)
    assert isinstance(load_named_encoder(options), SentenceEncoder)


def test_a_record_tells_where_a_graph_comes_from(encoder: Path) -> None:
    record = Record.read(encoder)
    assert (record.kind, record.model) == (ENCODER, identity(encoder))
    assert record.sha256 == sha256(encoder / GRAPH)
    assert record.parity["question_cosine_min"] > 0.98
    assert record.kind != READER
