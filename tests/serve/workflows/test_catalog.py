"""All workflows and steps have names of their own: the engine would mix up two of one name."""

import subprocess
import sys


def test_no_two_steps_share_a_name():
    done = subprocess.run(
        [sys.executable, "-c", "import serve.workflows.catalog"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == ""
