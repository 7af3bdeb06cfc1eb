from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import BertConfig, BertForQuestionAnswering

from models.reader import TransformersReader
from scripts import average_readers
from tests.making_models import tiny_reader


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp("readers")
    return [tiny_reader(root / str(seed), seed) for seed in (1, 2, 3)]


def test_the_mean_of_three_readers_has_their_shares(readers: list[Path], tmp_path: Path) -> None:
    parts = [f"{folder}={share}" for folder, share in zip(readers, (0.5, 0.2, 0.3), strict=True)]
    assert average_readers.main([*parts, "--output", str(tmp_path / "mean")]) == 0
    one, two, three = (load_file(folder / "model.safetensors") for folder in readers)
    for name, found in load_file(tmp_path / "mean" / "model.safetensors").items():
        expected = 0.5 * one[name] + 0.2 * two[name] + 0.3 * three[name]
        torch.testing.assert_close(found.float(), expected, atol=2e-3, rtol=2e-3)
    reader = TransformersReader(tmp_path / "mean", device="cpu")
    assert reader.read("Which?", ["The virus spreads in closed rooms."])


def test_what_has_no_mean_is_one_line(
    readers: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny_reader(tmp_path / "other")
    config = BertConfig.from_pretrained(other)
    config.intermediate_size = 48
    BertForQuestionAnswering(config).save_pretrained(other)
    output = ["--output", str(tmp_path / "mean")]
    assert average_readers.main([f"{readers[0]}=0.5", f"{other}=0.5", *output]) == 1
    assert "another architecture" in capsys.readouterr().err
    assert average_readers.main([f"{readers[0]}=0.5", "./nowhere=0.5", *output]) == 1
    assert "nowhere" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize("shares", [("0.5", "0.4"), ("0", "1"), ("half", "0.5"), ("", "0.5")])
def test_shares_that_make_no_mean_are_refused(
    readers: list[Path], tmp_path: Path, shares: tuple[str, str]
) -> None:
    parts = [f"{folder}={share}" for folder, share in zip(readers, shares, strict=False)]
    with pytest.raises(SystemExit) as ended:
        average_readers.main([*parts, "--output", str(tmp_path)])
    assert ended.value.code == 2


def test_readers_of_other_tokens_have_no_mean(
    readers: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tiny_reader(tmp_path / "other")
    path = other / "tokenizer.json"
    path.write_text(path.read_text().replace('"fever"', '"?"').replace('"virus"', '"fever"'))
    arguments = [f"{readers[0]}=0.5", f"{other}=0.5", "--output", str(tmp_path / "mean")]
    assert average_readers.main(arguments) == 1
    assert "cuts texts into other tokens" in capsys.readouterr().err
    path.rename(other / "vocab.txt")
    assert average_readers.main(arguments) == 1
    assert "has no tokenizer.json" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()
