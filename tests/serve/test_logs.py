"""Logs are JSON lines, and no secret stands in them, whoever writes them."""

import io
import json
import logging

import pytest
import structlog

from serve import logs
from serve.settings import Settings


@pytest.fixture
def lines():
    root, engine = logging.getLogger(), logging.getLogger("dbos")
    kept = root.handlers[:], root.level, engine.handlers[:], engine.propagate
    stream = io.StringIO()
    logs.configure(Settings(_env_file=None), stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], engine.handlers[:] = kept[0], kept[2]
    root.setLevel(kept[1])
    engine.propagate = kept[3]
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()


@pytest.mark.parametrize("name", ["uvicorn.error", "dbos", "serve.some"])
def test_whoever_logs_the_line_has_the_same_form(lines, name):
    logging.getLogger(name).warning("it %s", "happened")
    (line,) = lines()
    assert line["event"] == "it happened"
    assert line["level"] == "warning"
    assert line["logger"] == name
    assert line["at"].endswith("Z")


def test_what_is_bound_to_the_request_stands_in_every_line(lines):
    structlog.contextvars.bind_contextvars(request_id="r-1", caller="wang")
    structlog.get_logger().info("ours", count=3)
    logging.getLogger("other").warning("theirs")
    ours, theirs = lines()
    assert ours["count"] == 3
    assert [line["request_id"] for line in (ours, theirs)] == ["r-1", "r-1"]
    assert theirs["caller"] == "wang"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("open rtsp://admin:HUNTER2@10.0.0.9/Streaming/101 failed", "open rtsp://"),
        ("open rtsp://10.0.0.9/user=admin_password=HUNTER2_channel=1.sdp", "open rtsp://"),
        ("postgresql+psycopg://city:HUNTER2@db/cityeye", "@db/cityeye"),
        ("GET /x?token=HUNTER2&limit=5", "limit=5"),
        ("GET /x?X-Amz-Signature=HUNTER2", "GET /x"),
        ("Authorization: Bearer HUNTER2abc", "Bearer"),
        ("{'password': 'HUNTER2', 'name': 'wang'}", "'name': 'wang'"),
        ('{"client_secret": "HUNTER2"}', "client_secret"),
        ("Cookie: cityeye_session=HUNTER2; other=HUNTER2", "Cookie"),
        ("token cityeye_HUNTER2HUNTER2HUNTER2HUNTER2 was used", "was used"),
    ],
)
def test_a_secret_in_a_text_is_masked_and_the_rest_stays(lines, text, left):
    logging.getLogger("any").warning(text)
    structlog.get_logger().warning("an_event", detail=text, parts=[text], inner={"x": text})
    written = json.dumps(lines(), ensure_ascii=False)
    assert "HUNTER2" not in written
    for line in lines():
        assert left in (line.get("detail") or line["event"]).replace('\\"', '"')


@pytest.mark.parametrize(
    "key", ["password", "new_password", "Authorization", "set_cookie", "csrf", "api_key",
            "access_token", "sealed_address", "address", "client_secret"],
)  # fmt: skip
def test_a_value_under_a_secret_name_is_masked(lines, key):
    structlog.get_logger().info("an_event", **{key: "HUNTER2"}, inner={key: "HUNTER2"})
    assert "HUNTER2" not in json.dumps(lines())


def test_a_secret_in_a_traceback_is_masked(lines):
    try:
        raise OSError("cannot open rtsp://admin:HUNTER2@camera/1")
    except OSError:
        structlog.get_logger().exception("failed")
        logging.getLogger("any").exception("failed")
    assert "HUNTER2" not in json.dumps(lines())
    assert all("OSError" in line["exception"] for line in lines())


def test_less_severe_lines_are_left_out(lines):
    structlog.get_logger("x").debug("not_this")
    structlog.get_logger("x").info("this")
    assert [line["event"] for line in lines()] == ["this"]
