"""The service's own gunicorn.conf.py; a worker that ends writes which modules it had imported."""

import os
import runpy
import sys
from pathlib import Path

globals().update(runpy.run_path(str(Path(__file__).parents[1] / "gunicorn.conf.py")))


def worker_exit(_server: object, _worker: object) -> None:
    Path(os.environ["MODULES_FILE"]).write_text("\n".join(sys.modules), encoding="utf-8")
