"""A real worker process with one workflow of slow steps; each step says what it did, in a file.

A step does not end while a file ``hold-WORKFLOW-STEP`` lies beside that one.

python tests/serve/counting_worker.py EFFECTS [--start ID --steps N --step-s S] [--direct]
"""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from dbos import DBOS, SetWorkflowID  # noqa: E402

from serve import logs  # noqa: E402
from serve.service import Service  # noqa: E402
from serve.settings import Settings  # noqa: E402
from serve.workflows import queues  # noqa: E402
from serve.workflows.runtime import Runtime  # noqa: E402

EFFECTS = Path(sys.argv[1])


def say(text):
    with EFFECTS.open("a", encoding="utf-8") as file:
        file.write(f"{text} {os.getpid()}\n")


@DBOS.step()
def count(workflow, number, step_s):
    say(f"begin {workflow} {number}")
    time.sleep(step_s)
    while EFFECTS.with_name(f"hold-{workflow}-{number}").exists():
        time.sleep(0.05)
    say(f"done {workflow} {number}")
    return number


@DBOS.workflow()
def count_up(workflow, steps, step_s):
    total = sum(count(workflow, number, step_s) for number in range(steps))
    say(f"end {workflow} {total}")
    return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("effects")
    parser.add_argument("--start", nargs="*", default=[])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--step-s", type=float, default=1.0)
    parser.add_argument("--direct", action="store_true", help="in this process, on no queue")
    chosen = parser.parse_args()
    settings = Settings()
    logs.configure(settings)
    service = Service(settings)
    runtime = Runtime(service)
    runtime.launch()
    for name in chosen.start:
        if chosen.direct:
            with SetWorkflowID(name):
                DBOS.start_workflow(count_up, name, chosen.steps, chosen.step_s)
        else:
            queues.start(
                queues.WorkQueue.EXPORT, count_up, name, chosen.steps, chosen.step_s,
                workflow_id=name,
            )  # fmt: skip
    say("up")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    runtime.close()
    service.close()
    say("closed")


if __name__ == "__main__":
    main()
