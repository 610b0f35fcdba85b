"""Serve the pages on the data that the demo made (`make demo` first).

Usage: python scripts/serve_demo.py [--port 8300] [--data out/demo/service]
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scripts.demo_service import LOGINS

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8300)
    parser.add_argument("--data", type=Path, default=ROOT / "out" / "demo" / "service")
    args = parser.parse_args()
    logins = args.data / LOGINS
    if not logins.exists():
        print(f"serve: {args.data} holds no data of the demo; run make demo first", file=sys.stderr)
        return 3
    names, password = logins.read_text("utf-8").splitlines()
    print(f"http://127.0.0.1:{args.port} (Ctrl-C ends it)\nusers: {names}\npassword: {password}")
    sys.stdout.flush()
    os.environ["CITYEYE_DATA_DIR"] = str(args.data / "data")
    os.environ["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "serve.cli", "serve", "--dev", "--port", str(args.port)]
    os.execv(sys.executable, command)  # noqa: S606 - our own program, in our place


if __name__ == "__main__":
    sys.exit(main())
