"""Lists the commands, which lie here among what they share."""

import ast
import sys
from pathlib import Path

_ENDS = "sys.exit(main())\n"  # as every command does


def commands() -> dict[str, str]:
    """Return the first line of each command's description, by its name."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        text = path.read_text(encoding="utf-8")
        if text.endswith(_ENDS):
            found[path.stem] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return found


def main() -> int:
    """Print the commands; return the exit status."""
    for name, does in commands().items():
        print(f"python -m scripts.{name:<18} {does}")
    print("\nWith --help each says what it takes. The other modules here are parts of these.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
