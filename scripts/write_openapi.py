"""Write the description of the API, from which clients are generated (our own UI's types are).

python scripts/write_openapi.py FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from serve.app import describe_api


def main(argv: list[str]) -> int:
    """Run the command line; return the exit status."""
    if len(argv) != 1:
        print((__doc__ or "").strip(), file=sys.stderr)
        return 2
    Path(argv[0]).write_text(json.dumps(describe_api(), indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
