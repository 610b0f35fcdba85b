"""The ledger: appended by many at once, checked offline, time-stamped by a real authority."""

import http.server
import json
import shutil
import subprocess
import threading

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from serve import der, ledger
from serve.cli_ledger import app as ledger_app
from serve.db.tables import LedgerEntry, LedgerStamp
from serve.errors import Unavailable
from serve.ledger_check import export, verify_database, verify_file
from serve.ledger_stamps import BadStamp, check_token, request_stamp
from serve.service import Service
from serve.workflows.stamps import stamp_head
from tests.serve.conftest import settings_for
from vision.errors import InputError


def fill(service, count=6):
    for number in range(count):
        with service.database.write() as session:
            ledger.append(
                session, actor="王", action="thing.made", subject_type="thing",
                subject=f"t{number}", detail={"number": number, "名": "事"},
            )  # fmt: skip


@pytest.fixture
def filled(tmp_path, any_database_url):
    service = Service(settings_for(tmp_path, database_url=any_database_url))
    fill(service)
    yield service
    service.close()


def execute(service, statement):
    with service.database.write() as session:
        session.execute(statement)


def test_many_writers_at_once_leave_one_chain(tmp_path, any_database_url):
    service = Service(settings_for(tmp_path, database_url=any_database_url))
    ready = threading.Barrier(8)

    def write(name):
        ready.wait()
        for number in range(15):
            with service.database.write() as session:
                ledger.append(
                    session, actor=name, action="thing.made", subject_type="thing",
                    subject=str(number),
                )  # fmt: skip

    threads = [threading.Thread(target=write, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = verify_database(service.database)
    assert found.holds, found.breaks
    assert found.entries == found.head_number == 120
    service.close()


def test_what_was_taken_back_leaves_no_gap(filled):
    with pytest.raises(RuntimeError), filled.database.write() as session:
        ledger.append(session, actor="a", action="b", subject_type="c", subject="d")
        raise RuntimeError
    fill(filled, 1)
    found = verify_database(filled.database)
    assert found.holds
    assert found.entries == 7


def drop(number):
    return [sa.delete(LedgerEntry).where(LedgerEntry.number == number)]


def change(number, **values):
    return [sa.update(LedgerEntry).where(LedgerEntry.number == number).values(**values)]


def swap(one, other):
    return [
        sa.update(LedgerEntry).where(LedgerEntry.number == a).values(number=b)
        for a, b in ((one, 99), (other, one), (99, other))
    ]


@pytest.mark.parametrize(
    ("statements", "numbers"),
    [
        (drop(3), {3}), (drop(1), {1}), (drop(3) + drop(4), {3}),
        (change(2, detail='{"number":7}'), {2}), (change(5, actor="李"), {5}),
        (change(4, at="2020-01-01T00:00:00.000000+00:00"), {4}),
        (change(6, subject="x"), {6}), (change(2, previous_sha256="0" * 64), {2}),
        (swap(2, 3), {2, 3, 4}),
    ],
)  # fmt: skip
def test_each_way_to_falsify_shows_at_its_number(filled, statements, numbers):
    for statement in statements:
        execute(filled, statement)
    found = verify_database(filled.database)
    assert {each.number for each in found.breaks} == numbers, found.breaks


def test_an_entry_that_was_made_anew_with_its_hash_shows_in_the_next(filled):
    with filled.database.write() as session:
        entry = session.get(LedgerEntry, 3)
        entry.actor = "somebody else"
        entry.sha256 = ledger.digest_of(entry)
    assert [each.number for each in verify_database(filled.database).breaks] == [4]


def test_a_cut_off_end_shows_against_a_noted_head(filled):
    head = verify_database(filled.database)
    execute(filled, drop(6)[0])
    assert verify_database(filled.database).holds
    noted = verify_database(filled.database, expected=(head.head_number, head.head_sha256))
    assert [each.number for each in noted.breaks] == [6]
    fill(filled, 1)
    other = verify_database(filled.database, expected=(head.head_number, head.head_sha256))
    assert [each.number for each in other.breaks] == [6]


# exported


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_an_export_is_checked_without_the_database(filled, tmp_path):
    path = tmp_path / "ledger.jsonl"
    assert export(filled.database, path) == 6
    found = verify_file(path)
    assert found.holds
    assert (found.entries, found.head_sha256) == (
        6, verify_database(filled.database).head_sha256,
    )  # fmt: skip


def _inserted(lines):
    forged = {**json.loads(lines[3]), "actor": "forged"}
    return [*lines[:3], json.dumps(forged), *lines[3:]]


@pytest.mark.parametrize(
    ("falsify", "first"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], 3),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2),
        (_inserted, 4),
        (lambda lines: [*lines[:4], lines[4].replace("t4", "t9"), lines[5]], 5),
        (lambda lines: [*lines, lines[2]], 3),
        (lambda lines: lines[1:], 1),
    ],
    ids=["removed", "reordered", "inserted", "changed", "repeated", "beginning"],
)
def test_a_falsified_export_is_told_with_the_number(filled, tmp_path, falsify, first):
    path = tmp_path / "ledger.jsonl"
    export(filled.database, path)
    path.write_text("\n".join(falsify(lines_of(path))), encoding="utf-8")
    found = verify_file(path)
    assert not found.holds
    assert found.breaks[0].number == first, found.breaks


@pytest.mark.parametrize(
    "line", ["{}", "[]", "x", "1", '{"stamp": "a"}', '{"stamp": 1, "sha256": "x", "token": "é"}',
             "[" * 100_000, '{"number": "1"}', "\x00"],
)  # fmt: skip
def test_what_is_no_export_is_refused_with_the_line(tmp_path, line):
    path = tmp_path / "ledger.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        verify_file(path)


def test_the_command_line_checks_both(filled, tmp_path, monkeypatch):
    monkeypatch.setenv("CITYEYE_DATA_DIR", str(filled.settings.data_dir))
    monkeypatch.setenv("CITYEYE_DATABASE_URL", filled.settings.database_url)
    path, run = tmp_path / "out.jsonl", CliRunner()
    assert run.invoke(ledger_app, ["export", "--out", str(path)]).exit_code == 0
    for words in (["verify"], ["verify", "--file", str(path)]):
        good = run.invoke(ledger_app, words)
        assert good.exit_code == 0
        assert "6 entries holds" in good.stdout
    head = good.stdout.split("head ")[1].strip()
    execute(filled, drop(6)[0])
    assert run.invoke(ledger_app, ["verify"]).exit_code == 0
    bad = run.invoke(ledger_app, ["verify", "--head", head])
    assert bad.exit_code == 3
    assert "entry 6 was removed" in bad.stdout
    assert run.invoke(ledger_app, ["verify", "--head", "6"]).exit_code == 2


def test_the_command_line_makes_no_database_where_none_is(tmp_path, monkeypatch):
    monkeypatch.setenv("CITYEYE_DATA_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("CITYEYE_DATABASE_URL", raising=False)
    assert CliRunner().invoke(ledger_app, ["verify"]).exit_code == 3
    assert not (tmp_path / "none").exists()


# over HTTP


def test_the_ledger_is_read_by_who_may(service, browser):
    fill(service, 3)
    auditor = browser("auditor")
    page = auditor.get("audit", params={"limit": 2}).json()
    assert [item["number"] for item in page["items"]] == [3, 2]
    assert page["items"][0]["detail"] == {"number": 2, "名": "事"}
    rest = auditor.get("audit", params={"limit": 2, "cursor": page["next"]}).json()
    assert [item["number"] for item in rest["items"]] == [1]
    assert auditor.get("audit/verify").json()["holds"] is True
    assert browser("reviewer").get("audit").status_code == 403


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({"actor": "王"}, [3, 2, 1]), ({"actor": "x"}, []), ({"action": "thing."}, [3, 2, 1]),
        ({"action": "thing"}, []), ({"action": "thing.made"}, [3, 2, 1]), ({"action": "%."}, []),
        ({"subject": "t1"}, [2]), ({"subject_type": "thing", "subject": "t0"}, [1]),
        ({"since": "2000-01-01T00:00:00Z"}, [3, 2, 1]), ({"until": "2000-01-01T00:00:00Z"}, []),
        ({"until": "0001-01-01T00:00:00+14:00"}, []),
        ({"since": "9999-12-31T23:59:59-12:00"}, []),
    ],
)  # fmt: skip
def test_the_ledger_is_filtered(service, browser, filters, numbers):
    fill(service, 3)
    answer = browser("auditor").get("audit", params=filters)
    assert [item["number"] for item in answer.json()["items"]] == numbers


@pytest.mark.parametrize("filters", [{"actor": "a\0"}, {"since": "x"}, {"since": "2020-01-01"},
                                     {"cursor": "eA=="}, {"limit": 0}])  # fmt: skip
def test_a_filter_that_is_none_is_refused(browser, filters):
    assert browser("auditor").get("audit", params=filters).status_code == 422


def test_a_broken_chain_is_told_over_http(service, browser):
    fill(service, 3)
    execute(service, drop(2)[0])
    answer = browser("auditor").get("audit/verify").json()
    assert answer["holds"] is False
    assert [each["number"] for each in answer["breaks"]] == [2]


# time stamps


class Authority:
    """A time-stamp authority of openssl's, over HTTP on loopback."""

    def __init__(self, folder, *, key="rsa:2048", usage="critical,timeStamping"):
        self.folder = folder
        folder.mkdir()
        (folder / "ext.cnf").write_text(
            "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n"
            f"[ext]\nextendedKeyUsage={usage}\nkeyUsage=critical,digitalSignature\n"
            "subjectKeyIdentifier=hash\n"
        )
        (folder / "ts.cnf").write_text(
            "[tsa]\ndefault_tsa=one\n[one]\nserial=serial\nsigner_cert=cert.pem\n"
            "signer_key=key.pem\nsigner_digest=sha256\ndefault_policy=1.2.3.4\n"
            "digests=sha256,sha512\nordering=yes\ness_cert_id_alg=sha256\n"
        )
        (folder / "serial").write_text("01\n")
        kind = ["-newkey", key] if key.startswith("rsa") else [
            "-newkey", "ec", "-pkeyopt", f"ec_paramgen_curve:{key}",
        ]  # fmt: skip
        self.openssl(
            "req", "-x509", *kind, "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days",
            "2", "-subj", "/CN=Test authority", "-config", "ext.cnf",
        )  # fmt: skip
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                query = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = authority.answer(query)
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.falsified = None

    def openssl(self, *words):
        return subprocess.run(  # noqa: S603
            ["openssl", *words],  # noqa: S607
            cwd=self.folder,
            check=True,
            capture_output=True,
        ).stdout

    def answer(self, query):
        if self.falsified is not None:
            return self.falsified
        return 200, self.reply(query)

    def reply(self, query):
        (self.folder / "query.tsq").write_bytes(query)
        self.openssl(
            "ts", "-reply", "-queryfile", "query.tsq", "-config", "ts.cnf", "-section", "one",
            "-out", "reply.tsr",
        )  # fmt: skip
        return (self.folder / "reply.tsr").read_bytes()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def authority(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    made = Authority(tmp_path / "tsa")
    yield made
    made.close()


SHA = "ab" * 32


@pytest.mark.parametrize("key", ["rsa:2048", "prime256v1"])
def test_a_real_authority_s_stamp_is_taken_and_checks_in_openssl_too(tmp_path, key):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    authority = Authority(tmp_path / "tsa", key=key)
    try:
        token = request_stamp(authority.url, sha256=SHA)
    finally:
        authority.close()
    said = check_token(token, sha256=SHA)
    assert said.signer == "CN=Test authority"
    assert said.serial == 2
    (authority.folder / "token.der").write_bytes(token)
    authority.openssl(
        "ts", "-verify", "-digest", SHA, "-token_in", "-in", "token.der", "-CAfile", "cert.pem"
    )


def test_a_stamp_over_something_else_proves_nothing(authority):
    token = request_stamp(authority.url, sha256=SHA)
    with pytest.raises(BadStamp, match="something else"):
        check_token(token, sha256="cd" * 32)


def test_no_byte_of_what_a_stamp_says_or_is_signed_with_can_be_changed(authority):
    token = request_stamp(authority.url, sha256=SHA)
    place = token.index(bytes.fromhex(SHA))
    for offset in (place, place + 40, len(token) - 1, len(token) - 100):
        changed = bytearray(token)
        changed[offset] ^= 1
        with pytest.raises(BadStamp):
            check_token(bytes(changed), sha256=SHA)


def test_a_certificate_for_other_uses_stamps_nothing(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    good = Authority(tmp_path / "tsa")
    try:
        token = request_stamp(good.url, sha256=SHA)
    finally:
        good.close()
    # openssl itself refuses to stamp with such a certificate, so the usage is changed afterwards;
    # that the certificate's own signature no longer holds is beyond what is checked here.
    time_stamping, code_signing = (der.oid(f"1.3.6.1.5.5.7.3.{n}") for n in (8, 3))
    with pytest.raises(BadStamp, match="not one for time stamps"):
        check_token(token.replace(time_stamping, code_signing), sha256=SHA)


@pytest.mark.parametrize("falsified", [(500, b""), (302, b""), (200, b""), (200, b"\x30\x00"),
                                       (200, b"x" * 2_000_000),
                                       (200, b"\x30\x05\x30\x03\x02\x01\x02")])  # fmt: skip
def test_an_authority_that_does_not_stamp_is_told_so(authority, falsified):
    authority.falsified = falsified
    with pytest.raises(Unavailable):
        request_stamp(authority.url, sha256=SHA)


def test_an_old_answer_is_not_taken_for_a_new_one(authority):
    kept = []
    answer = authority.answer
    authority.answer = lambda query: kept.append(answer(query)) or kept[-1]
    request_stamp(authority.url, sha256=SHA)
    authority.answer = lambda _: kept[0]
    with pytest.raises(BadStamp, match="another request"):
        request_stamp(authority.url, sha256=SHA)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_stamp_are_refused_in_words(data):
    with pytest.raises(BadStamp):
        check_token(data, sha256=SHA)


@pytest.mark.parametrize(("dotted", "content"), [("1.2.840.113549", "2a864886f70d"),
                                                 ("2.16.840.1.101", "6086480165")])  # fmt: skip
def test_object_identifiers_are_written_as_the_standard_says(dotted, content):
    assert der.oid(dotted)[2:].hex() == content


@given(st.integers(0, 2**80))
def test_numbers_are_read_as_they_were_written(number):
    assert der.read(der.integer(number)).integer() == number


def test_the_head_is_stamped_once_and_the_stamp_proves_the_ledger(
    tmp_path, any_database_url, authority
):
    service = Service(
        settings_for(tmp_path, database_url=any_database_url, timestamp_url=authority.url)
    )
    assert stamp_head(service) is None
    fill(service, 3)
    assert stamp_head(service) == 3
    assert stamp_head(service) is None
    fill(service, 1)
    found = verify_database(service.database)
    assert found.holds
    assert (found.stamps, found.stamped_number) == (1, 3)
    path = tmp_path / "ledger.jsonl"
    export(service.database, path)
    assert verify_file(path).stamped_number == 3
    # The whole chain made anew: only the stamp shows it.
    with service.database.write() as session:
        previous = ledger.FIRST
        for entry in session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.number)):
            entry.actor, entry.previous_sha256 = "forged", previous
            previous = entry.sha256 = ledger.digest_of(entry)
    assert [each.number for each in verify_database(service.database).breaks] == [3]
    with service.database.write() as session:
        session.execute(sa.delete(LedgerEntry).where(LedgerEntry.number >= 3))
    assert [each.number for each in verify_database(service.database).breaks] == [3]
    execute(service, sa.update(LedgerStamp).values(token=b"x"))
    assert not verify_database(service.database).holds
    service.close()


def test_without_an_authority_nothing_is_stamped(filled):
    assert stamp_head(filled) is None
