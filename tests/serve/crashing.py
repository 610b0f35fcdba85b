"""Run ``cityeye`` so that it is killed, as by ``kill -9``, at one chosen point of what it writes.

    python tests/serve/crashing.py --at 7 --when before --trace points.txt -- serve --dev

The points are every commit of our database, every object put into or deleted from the storage, and
every step that the workflow engine records. Heartbeats and the noting of when somebody was last
seen are none: they come whenever they like. A test walks the numbers until one is beyond the last
point, and so has died everywhere once.
"""

import argparse
import os
import signal
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))


class Points:
    """Counts the points and dies at the chosen one."""

    def __init__(self, *, at, when, trace):
        self.at, self.when, self.trace = at, when, trace
        self.passed = 0
        self.lock = threading.Lock()

    def reach(self, name):
        """Say that a point is about to be passed; returns its number, none where it is none."""
        if threading.current_thread().name == "heartbeat":
            return None
        with self.lock:
            self.passed += 1
            number = self.passed
            if self.trace:
                with open(self.trace, "a", encoding="utf-8") as file:
                    file.write(f"{number} {name}\n")
        self.die(number, "before")
        return number

    def die(self, number, when):
        if number is not None and number == self.at and when == self.when:
            os.kill(os.getpid(), signal.SIGKILL)


def install(points):
    """Make the service pass the points."""
    import obstore
    from dbos._sys_db import SystemDatabase

    from serve.db.engine import Database

    write = Database.write

    @contextmanager
    def counted_write(self):
        number = None
        with write(self) as session:
            yield session
            changed = [type(o).__tablename__ for o in (*session.new, *session.dirty)]
            caller = sys._getframe(2).f_code.co_qualname
            if caller.rsplit(".", 1)[-1] not in ("_identify", "_say_alive", "authorise"):
                number = points.reach(f"commit {caller} {','.join(sorted(set(changed)))}")
        points.die(number, "after")

    Database.write = counted_write

    def counted(module, name):
        original = getattr(module, name)

        def call(*args, **more):
            number = points.reach(f"{name} {args[1] if len(args) > 1 else ''}")
            answer = original(*args, **more)
            points.die(number, "after")
            return answer

        setattr(module, name, call)

    for name in ("put", "delete"):
        counted(obstore, name)

    put_async = obstore.put_async

    async def counted_put_async(*args, **more):
        number = points.reach(f"put_async {args[1]}")
        answer = await put_async(*args, **more)
        points.die(number, "after")
        return answer

    obstore.put_async = counted_put_async
    counted(SystemDatabase, "record_operation_result")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--at", type=int, required=True)
    parser.add_argument("--when", choices=("before", "after"), default="before")
    parser.add_argument("--trace")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    chosen = parser.parse_args()
    install(Points(at=chosen.at, when=chosen.when, trace=chosen.trace))
    from serve.cli import app

    words = chosen.command[1:] if chosen.command[:1] == ["--"] else chosen.command
    app(words, prog_name="cityeye")


if __name__ == "__main__":
    main()
