"""A server of the S3 protocol for tests, and buckets in it."""

import os
from contextlib import contextmanager

import httpx
from moto.server import ThreadedMotoServer


@contextmanager
def s3_server():
    """A server that runs; its address."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def new_bucket(endpoint):
    """Make a bucket; return its name and the environment that leads to it."""
    bucket = f"b{os.urandom(6).hex()}"
    assert httpx.put(f"{endpoint}/{bucket}").status_code == 200
    return bucket, {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
    }  # fmt: skip
