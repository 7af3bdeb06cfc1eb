"""Becomes a process of an image: `unshare --mount python enter.py JSON`, as root.

The root file system is read-only but for /dev/shm and what is mounted from outside, as
`docker run --read-only` has it. It stays the process that it was started as, so that signals and
exit statuses go straight to the image's own command.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

_DEVICES = ("null", "zero", "full", "random", "urandom")


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main() -> None:
    """Enter the image's files, give up root, and run the command."""
    told = json.loads(sys.argv[1])
    root = told["root"]
    if told["cgroup"]:
        Path(told["cgroup"], "cgroup.procs").write_text(str(os.getpid()))
    mount("--make-rprivate", "/")
    mount("--bind", root, root)
    mount("-o", "remount,bind,ro", root)
    mount("-t", "proc", "proc", f"{root}/proc")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", f"{root}/dev")
    Path(f"{root}/dev/shm").mkdir()
    mount("-t", "tmpfs", "-o", "mode=1777,size=64m", "tmpfs", f"{root}/dev/shm")
    for device in _DEVICES:
        Path(f"{root}/dev/{device}").touch()
        mount("--bind", f"/dev/{device}", f"{root}/dev/{device}")
    for source, target in told["mounts"].items():
        mount("--bind", source, root + target)
    os.chroot(root)
    os.chdir(told["folder"])
    os.setgroups([])
    os.setgid(told["group"])
    os.setuid(told["user"])
    command = told["command"]
    os.execvpe(command[0], command, told["environment"])


if __name__ == "__main__":
    main()
