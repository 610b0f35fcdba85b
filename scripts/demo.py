"""Do the main jobs on the samples of this repository, and hold the results against the truth.

    python scripts/demo.py [--out out/demo]

Compares the sample surveys and watches the sample street clip. Both samples are computed, so all
that happened in them is known. Then a service takes both in, findings are reviewed through its API,
and become cases of a case system. Each part leaves its results in a folder of its own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.errors import ModelError
from scripts import demo_camera, demo_service, demo_survey
from vision.errors import CityEyeError, InputError

ROOT = Path(__file__).resolve().parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        options: dict[str, Any] = {"errors": "replace"}
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(**options)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / "out" / "demo", help="folder for the results"
    )
    args = parser.parse_args(argv)
    try:
        demo_survey.run(args.out / "survey")
        print()
        demo_camera.run(args.out / "camera")
        print()
        demo_service.run(args.out / "service")
    except (InputError, ModelError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 3
    except CityEyeError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
