"""Stored files: the same on a folder and on S3."""

import hashlib
import os
import threading

import pytest

from serve.errors import NotFound, StorageError
from serve.storage import CHUNK_BYTES, Storage
from tests.serve.s3 import new_bucket, s3_server


@pytest.fixture(scope="module")
def s3():
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture(params=["folder", "s3"])
def storage(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return Storage("", folder=tmp_path / "files")
    bucket, environment = new_bucket(request.getfixturevalue("s3"))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Storage(f"s3://{bucket}/city", folder=tmp_path / "unused")


def test_what_is_put_comes_back(storage):
    storage.put("surveys/1/ortho.tif", b"picture", media_type="image/tiff")
    assert storage.get("surveys/1/ortho.tif") == b"picture"
    assert storage.head("surveys/1/ortho.tif").size_bytes == 7
    assert storage.get_range("surveys/1/ortho.tif", 2, 3) == b"ctu"
    assert [found.key for found in storage.list("surveys/1")] == ["surveys/1/ortho.tif"]


def test_a_file_larger_than_a_chunk_is_streamed_and_fetched(storage, tmp_path):
    content = os.urandom(CHUNK_BYTES * 4 + 17)
    (tmp_path / "big").write_bytes(content)
    storage.put("surveys/2/ortho.tif", tmp_path / "big")
    assert b"".join(storage.stream("surveys/2/ortho.tif", 5)) == content[5:]
    digest = storage.fetch("surveys/2/ortho.tif", tmp_path / "again")
    assert digest == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "again").read_bytes() == content


def test_putting_again_replaces(storage):
    storage.put("a/b", b"one")
    storage.put("a/b", b"two")
    assert storage.get("a/b") == b"two"


def test_what_is_not_there_is_not_found_and_deleting_it_is_no_error(storage):
    with pytest.raises(NotFound, match="a/none"):
        storage.get("a/none")
    assert not storage.exists("a/none")
    storage.delete("a/none")


@pytest.mark.parametrize(
    "key", ["", "a", "/etc/passwd", "a/../b", "a/..", "../a/b", "a//b", "a/b\0", "a/.hidden", "A/b"]
)
def test_only_our_own_keys_are_keys(storage, key):
    for action in (storage.get, storage.delete, storage.head, lambda k: storage.put(k, b"")):
        with pytest.raises(StorageError):
            action(key)


def test_many_threads_write_their_own(storage):
    def write(number):
        storage.put(f"t/{number}", str(number).encode())

    threads = [threading.Thread(target=write, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {storage.get(f"t/{n}") for n in range(20)} == {str(n).encode() for n in range(20)}
