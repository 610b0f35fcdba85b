"""Make the sample survey pair: two procedural drone surveys with known changes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from datasets.village.writer import SAMPLE_SEED, write_sample  # noqa: E402
from vision.errors import CityEyeError  # noqa: E402


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "datasets" / "samples" / "survey",
        help="folder to write to (default: the committed sample)",
    )
    parser.add_argument("--seed", type=int, default=SAMPLE_SEED, help="scene seed, 0 or more")
    parser.add_argument(
        "--scale",
        type=float,
        default=1.0,
        help="coarser by this factor: 1 for the sample, 4 for a quick sketch",
    )
    args = parser.parse_args(argv)
    if args.seed < 0 or not 1.0 <= args.scale <= 8.0:
        parser.error("--seed must be 0 or more, --scale between 1 and 8")
    try:
        paths = write_sample(args.out, seed=args.seed, scale=args.scale)
    except CityEyeError as error:
        sys.stderr.write(f"{error}\n")
        return 4
    for path in paths:
        sys.stdout.write(f"{path}  {path.stat().st_size / 1e6:.2f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
