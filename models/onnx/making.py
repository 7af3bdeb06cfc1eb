"""Makes and verifies the ONNX files of a model."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import onnx

from files.checksums import sha256
from files.reading import one_line
from models.contracts import ENCODER, READER, ModelError, Span
from models.encoder import SentenceEncoder
from models.loading import longest_window, read_config, weights_identity
from models.onnx.calibrating import calibrate
from models.onnx.encoder import OnnxEncoder
from models.onnx.exporting import encoder_graph, reader_graph
from models.onnx.files import GRAPH, RECORD, TOKENIZER, Record
from models.onnx.parity import check, span_parity, vector_parity
from models.onnx.quantising import quantised
from models.onnx.reader import OnnxReader
from models.onnx.session import Feed
from models.reader import TransformersReader
from models.span_choice import SPAN_CHOICE, SpanChoice
from models.tokenizer import load_tokenizer
from models.windows import Windower

Question: TypeAlias = tuple[str, str]
"""A question and a passage to read."""

Report: TypeAlias = Callable[[str], None]
Measure: TypeAlias = Callable[[Sequence[str], Sequence[str]], dict[str, float]]
"""Compares answers of ONNX Runtime and of torch with gold ones: further figures of parity."""

_WEIGHTS = {".safetensors", ".bin", ".onnx"}


def make_reader(
    source: Path,
    target: Path,
    calibrating: Sequence[Question],
    checking: Sequence[Question],
    say: Report,
    *,
    measure: Measure | None = None,
    finer: bool = False,
) -> Record:
    """Write a reader's ONNX files into `target`, a folder, and return their record.

    The passages of `calibrating` tell how to round, those of `checking`, which should be others,
    whether that did harm. With `finer`, the products of each layer's widest values, which rounding
    harms most, are rounded by blocks.

    Raises ModelError where the model can't be loaded, or reads worse than it should; nothing is
    left in `target` then.
    """
    with _expected_to_run(source):
        graph = reader_graph(source)
        say(f"exported; looking at {len(calibrating)} passages")
        seen = calibrate(graph, _windows(source, calibrating))
    if finer:
        narrowest = min(len(one.least) for one in seen.values())
        seen = {name: one for name, one in seen.items() if len(one.least) == narrowest}
    model = quantised(graph, seen)

    def figures(folder: Path) -> dict[str, float]:
        onnx_reader = OnnxReader(folder, choosing=False)
        torch_reader = TransformersReader(source, device="cpu", choosing=False)
        found, expected = (
            [reader.read(question, [passage])[0] for question, passage in checking]
            for reader in (onnx_reader, torch_reader)
        )
        further = (
            measure(_answers(found, checking), _answers(expected, checking)) if measure else {}
        )
        return span_parity(found, expected) | further

    return _write(model, say, figures, kind=READER, source=source, target=target)


def make_encoder(source: Path, target: Path, asked: Sequence[Question], say: Report) -> Record:
    """Write an encoder's ONNX files into `target`, as `make_reader` does; all texts are for checks.

    Raises ModelError as `make_reader` does.
    """
    with _expected_to_run(source):
        model = quantised(encoder_graph(source), {})
    questions = list(dict.fromkeys(question for question, _ in asked))
    passages = [passage for _, passage in asked]

    def figures(folder: Path) -> dict[str, float]:
        onnx_encoder, torch_encoder = OnnxEncoder(folder), SentenceEncoder(source, device="cpu")
        return vector_parity(
            (onnx_encoder.encode_questions(questions), torch_encoder.encode_questions(questions)),
            (onnx_encoder.encode_passages(passages), torch_encoder.encode_passages(passages)),
        )

    return _write(model, say, figures, kind=ENCODER, source=source, target=target)


def _write(
    model: onnx.ModelProto,
    say: Report,
    figures: Callable[[Path], dict[str, float]],
    *,
    kind: str,
    source: Path,
    target: Path,
) -> Record:
    """Write a graph into a copy of its folder, measure it there, and then put it in place."""
    name = weights_identity(source)
    if name is None:
        raise ModelError(f"{source} has no weights (model.safetensors) to make an ONNX file of")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        trial = Path(work) / "model"
        _copy(source, trial, target)
        onnx.save(model, trial / GRAPH)
        say(f"rounded to {(trial / GRAPH).stat().st_size / 1e6:.1f} MB; comparing with torch")
        record = Record(kind, name, sha256(trial / GRAPH), tokenizer=sha256(trial / TOKENIZER))
        record.write(trial)
        with _expected_to_run(source):
            parity = figures(trial)
        for figure, value in parity.items():
            say(f"  {figure:<24}{value:g}")
        check(parity)
        record = replace(record, parity=parity)
        record.write(trial)
        _put_in_place(trial, target, record, all_files=target.resolve() != source.resolve())
    return record


def _put_in_place(trial: Path, target: Path, record: Record, *, all_files: bool) -> None:
    """Move the two ONNX files to where they serve, or all files; the record is the last.

    A choice among spans that was fitted to another model, which lay there, does not stay.
    """
    files = [GRAPH]
    (target / RECORD).unlink(missing_ok=True)  # so that it never describes another graph
    if all_files:
        files = [str(path.relative_to(trial)) for path in trial.rglob("*") if path.is_file()]
        files.remove(RECORD)
        try:
            SpanChoice.load(target, record.model, None)
        except ModelError:
            (target / SPAN_CHOICE).unlink()
    for file in (*files, RECORD):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (trial / file).replace(target / file)


@contextmanager
def _expected_to_run(source: Path) -> Iterator[None]:
    """Raise ModelError where torch can't export a model, or ONNX Runtime not run what it made."""
    try:
        yield
    except Exception as error:  # what both raise has no common type but this
        if not type(error).__module__.startswith(("onnxruntime.", "torch.onnx")):
            raise
        raise ModelError(
            f"ONNX Runtime can't run {source} ({one_line(error)[:200]}): serve this model with "
            "COVIDQUEST_BACKEND=torch"
        ) from error


def _copy(source: Path, trial: Path, target: Path) -> None:
    """Copy a folder's files, but not their permissions: the source may be there to be read only.

    `trial` may lie in it, and so may `target`, which is not copied then.
    """
    inner = target.resolve()
    within = source.resolve() in inner.parents
    for path in list(source.rglob("*")):
        made = within and path.resolve().is_relative_to(inner)
        if path.is_file() and not (made or _not_copied(path)):
            place = trial / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def _not_copied(path: Path) -> bool:
    """Tell whether a model's file does not go where only the ONNX files go."""
    return path.suffix in _WEIGHTS or path.name == RECORD


def _answers(spans: Sequence[Span], asked: Sequence[Question]) -> list[str]:
    return [passage[span.start : span.end] for span, (_, passage) in zip(spans, asked, strict=True)]


def _windows(source: Path, asked: Sequence[Question]) -> list[Feed]:
    windower = Windower(load_tokenizer(source), max_length=longest_window(read_config(source)))
    return [
        {"input_ids": window.ids[None], "token_type_ids": window.type_ids[None]}
        for question, passage in asked
        for window in windower.split(question, [passage])
    ]
