"""Work of workers that die, freeze or are stopped is finished by others, on both databases."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa

from serve.db.tables import Worker, utc_now
from serve.service import Service
from serve.workflows import processes
from serve.workflows.runtime import HEARTBEAT_S, POLL_S, SILENT_S
from tests.serve.conftest import settings_for
from tests.serve.processes import ROOT, Process, environment_for, wait_until

TAKEN_OVER_WITHIN_S = 60
"""What is promised. A test may take longer where others keep the machine busy."""


class Workers:
    """Counting workers that share a database, and the file that says what they did."""

    def __init__(self, folder, database_url):
        self.folder, self.url = folder, database_url
        self.effects = folder / "effects.txt"
        self.effects.touch()
        self.running = []

    def begin(self, *words):
        process = Process(
            [sys.executable, str(ROOT / "tests/serve/counting_worker.py"), str(self.effects),
             *map(str, words)],
            log=self.folder / f"worker-{len(self.running)}.log",
            environment=environment_for(self.folder, database_url=self.url),
        )  # fmt: skip
        self.running.append(process)
        self.wait_for(f"up {process.popen.pid}", 90, alive=process)
        return process

    def begin_and_hold(self, workflow, number, *words):
        """One that begins a workflow and is in its step of that number until `let_go`."""
        self._hold(workflow, number).touch()
        process = self.begin("--start", workflow, *words)
        self.wait_for(f"begin {workflow} {number} {process.popen.pid}", 60)
        return process

    def let_go(self, workflow, number):
        self._hold(workflow, number).unlink()

    def _hold(self, workflow, number):
        return self.effects.with_name(f"hold-{workflow}-{number}")

    @property
    def lines(self):
        return self.effects.read_text().splitlines()

    def said(self, beginning):
        return [line for line in self.lines if line.startswith(beginning)]

    def wait_for(self, beginning, timeout_s, *, alive=None):
        def there():
            assert alive is None or alive.alive(), alive.output
            return self.said(beginning)

        return wait_until(there, timeout_s)

    def end(self):
        for process in self.running:
            process.kill(signal.SIGCONT)
            process.kill()
            process.end()


@pytest.fixture
def workers(tmp_path, any_database_url):
    made = Workers(tmp_path, any_database_url)
    yield made
    made.end()


def test_a_worker_is_missed_within_a_minute():
    """Its silence, the beat of whoever notices, and a look at the queue."""
    assert SILENT_S + 2 * HEARTBEAT_S + POLL_S < TAKEN_OVER_WITHIN_S


def done_by(workers, workflow, number):
    return [int(line.split()[-1]) for line in workers.said(f"done {workflow} {number} ")]


@pytest.mark.parametrize("words", [(), ("--direct",)], ids=["queued", "direct"])
def test_a_killed_worker_s_work_is_finished_by_another_each_step_once(workers, words):
    first = workers.begin_and_hold("w", 1, "--steps", 4, "--step-s", 0.5, *words)
    second = workers.begin()
    first.kill()
    first.wait()
    workers.let_go("w", 1)
    workers.wait_for("end w 6", TAKEN_OVER_WITHIN_S)
    for number in range(4):
        assert len(done_by(workers, "w", number)) == 1, workers.lines
    assert done_by(workers, "w", 0) == [first.popen.pid]
    assert done_by(workers, "w", 3) == [second.popen.pid]


def test_a_worker_that_was_killed_elsewhere_is_noticed_by_its_silence(workers):
    first = workers.begin_and_hold("w", 1, "--steps", 3, "--step-s", 0.5)
    service = Service(settings_for(workers.folder, database_url=workers.url))
    with service.database.write() as session:
        # As if it ran on another machine, where its process cannot be looked for.
        session.execute(sa.update(Worker).values(place="another machine"))
    service.close()
    first.kill()
    first.wait()
    killed = time.monotonic()
    workers.let_go("w", 1)
    workers.begin()
    workers.wait_for("end w 3", TAKEN_OVER_WITHIN_S)
    # Not before it had been silent: it might have lived.
    assert SILENT_S * 0.5 < time.monotonic() - killed
    assert [len(done_by(workers, "w", number)) for number in range(3)] == [1, 1, 1]


def test_a_worker_that_was_frozen_and_wakes_does_no_harm(workers):
    first = workers.begin_and_hold("w", 1, "--steps", 4, "--step-s", 1)
    second = workers.begin()
    first.kill(signal.SIGSTOP)
    workers.let_go("w", 1)
    workers.wait_for("end w 6", TAKEN_OVER_WITHIN_S)
    first.kill(signal.SIGCONT)
    # It may finish the step it was in; the next, for which there is time, it must leave alone.
    workers.wait_for(f"done w 1 {first.popen.pid}", 30)
    time.sleep(4)
    assert first.alive(), first.output
    assert {number: done_by(workers, "w", number) for number in (2, 3)} == {
        2: [second.popen.pid], 3: [second.popen.pid],
    }  # fmt: skip
    assert len(workers.said("end w 6")) == 1
    # And it works again.
    second.kill()
    second.wait()
    workers.begin("--start", "x", "--steps", 1, "--step-s", 0.1)
    workers.wait_for("end x 0", TAKEN_OVER_WITHIN_S)


def test_the_only_worker_started_anew_goes_on_at_once(workers):
    first = workers.begin_and_hold("w", 1, "--steps", 3, "--step-s", 0.5)
    first.kill()
    first.wait()
    workers.let_go("w", 1)
    service = Service(settings_for(workers.folder, database_url=workers.url))
    with service.database.write() as session:
        # By its silence it would not be missed for an hour; by its process it is at once.
        session.execute(sa.update(Worker).values(heard_at=utc_now() + timedelta(hours=1)))
    service.close()
    second = workers.begin()
    workers.wait_for(f"begin w 1 {second.popen.pid}", 30)
    workers.wait_for("end w 3", 30)
    assert [len(done_by(workers, "w", number)) for number in range(3)] == [1, 1, 1]


def test_a_worker_that_is_told_to_stop_ends_soon_and_leaves_its_work_to_others(workers):
    first = workers.begin("--start", "w", "--steps", 40, "--step-s", 1)
    workers.wait_for("begin w 1 ", 60)
    first.kill(signal.SIGTERM)
    assert first.wait(30) == 0, first.output
    second = workers.begin()
    workers.wait_for(f"done w 3 {second.popen.pid}", TAKEN_OVER_WITHIN_S)


def test_workers_that_start_at_the_same_moment_share_an_empty_database(workers):
    names = [f"w{number}" for number in range(4)]
    started = [
        subprocess.Popen(  # noqa: S603
            [sys.executable, str(ROOT / "tests/serve/counting_worker.py"), str(workers.effects),
             "--start", *names, "--steps", "2", "--step-s", "0.2"],
            env={**os.environ, **environment_for(workers.folder, database_url=workers.url)},
            cwd=workers.folder,
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        for name in names:
            workers.wait_for(f"end {name} 1", 120)
        for process in started:
            assert process.poll() is None
            workers.wait_for(f"up {process.pid}", 60)
        for name in names:
            assert [len(done_by(workers, name, number)) for number in range(2)] == [1, 1]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_process_is_told_by_when_it_was_started():
    own = processes.started(os.getpid())
    assert own
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert processes.started(other.pid) not in ("", own)
    finally:
        other.kill()
        # Until it is collected its number is taken, and yet it does not live.
        wait_until(lambda: processes.started(other.pid) == "", 10)
        other.wait()
        other.stdin.close()
    assert processes.started(other.pid) == ""


def test_no_two_workflows_or_steps_share_a_name():
    """The engine would take one for the other, and only says so on the way."""
    done = subprocess.run(
        [sys.executable, "-c", "import serve.workflows.catalog"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert "Duplicate" not in done.stderr + done.stdout
