import os
import platform
import subprocess
import sys

import pytest

from tests.serving import ROOT

THREADS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from service.allocation import few_arenas

if "few" in sys.argv:
    assert few_arenas()
barrier = Barrier(12)

def allocate(_):
    barrier.wait()
    kept = [bytearray(50_000) for _ in range(4)]
    barrier.wait()
    return kept

with ThreadPoolExecutor(12) as pool:
    kept = list(pool.map(allocate, range(12)))
    # an arena is a map of 64 MB that is mostly not to be read or written yet
    sizes = [line.split()[1] for line in Path("/proc/self/smaps").read_text().splitlines()
             if line.startswith("Size:")]
    print(sum(int(size) > 60_000 for size in sizes))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="arenas are glibc's")
def test_threads_share_arenas() -> None:
    arenas = {}
    for how in ("few", "many"):
        command = [sys.executable, "-c", THREADS, how]
        ended = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        arenas[how] = int(ended.stdout)
    assert arenas["few"] <= 2 < arenas["many"]


def test_numpy_is_told_of_its_threads_before_it_is_imported() -> None:
    script = (
        "import os, runpy, sys; runpy.run_path('gunicorn.conf.py');"
        "print(os.environ['OPENBLAS_NUM_THREADS'], 'numpy' in sys.modules)"
    )
    variables = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout == "1 False\n"
