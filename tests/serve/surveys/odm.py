"""A small server that speaks NodeODM's protocol, and can be slow, failing, or started anew."""

import io
import json
import re
import threading
import zipfile
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Odm:
    """Its tasks, and how it behaves."""

    def __init__(self, results):
        self.results = results  # member of the archive: content
        self.tasks = {}  # uuid: {"photos": {name: bytes}, "looks": int, "state": …}
        self.sent = []  # names, as they came
        self.fail_uploads = 0  # answer 503 to this many
        self.looks_until_done = 2
        self.verdict = (40, "")
        self.token = "odm-secret"  # noqa: S105
        self.tokens = set()
        self.server = None

    def start(self, port=0):
        odm = self

        class Handler(_Handler):
            pass

        Handler.odm = odm
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        port = self.server.server_address[1]
        self.server.shutdown()
        self.server.server_close()
        return port

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/?token={self.token}"


class _Handler(BaseHTTPRequestHandler):
    odm = None

    def log_message(self, *_):
        pass

    def answer(self, said, status=200):
        self.reply(json.dumps(said).encode(), "application/json", status)

    def reply(self, content, kind, status=200):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def form(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("application/json"):
            return json.loads(body), {}
        message = BytesParser(policy=HTTP).parsebytes(
            b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
        )
        fields, files = {}, {}
        for part in message.iter_parts() if message.is_multipart() else ():
            name = part.get_param("name", header="content-disposition")
            if part.get_filename():
                files[part.get_filename()] = part.get_payload(decode=True)
            else:
                fields[name] = part.get_content()
        return fields, files

    def do_POST(self):
        odm, path = self.odm, self.path.partition("?")[0]
        odm.tokens.add(self.path.partition("token=")[2])
        fields, files = self.form()
        if path == "/task/new/init":
            task = self.headers["set-uuid"]
            if task in odm.tasks:
                return self.answer({"error": "uuid already exists"})
            odm.tasks[task] = {"photos": {}, "looks": 0, "state": "new", "name": fields["name"]}
            return self.answer({"uuid": task})
        if path in ("/task/cancel", "/task/remove"):
            task = odm.tasks.get(fields["uuid"])
            if task is None:
                return self.answer({"error": f"{fields['uuid']} not found"})
            task["state"] = path.rsplit("/", 1)[1]
            return self.answer({"success": True})
        match = re.fullmatch(r"/task/new/(upload|commit)/([0-9a-f\-]+)", path)
        task = odm.tasks.get(match[2]) if match else None
        if task is None or task["state"] != "new":
            return self.answer({"error": "no such new task"})
        if match[1] == "upload":
            if odm.fail_uploads:
                odm.fail_uploads -= 1
                return self.answer({"error": "busy"}, 503)
            odm.sent += files
            task["photos"] |= files
            return self.answer({"success": True})
        task["state"] = "running"
        return self.answer({"uuid": match[2]})

    def do_GET(self):
        odm, path = self.odm, self.path.partition("?")[0]
        match = re.fullmatch(r"/task/([0-9a-f\-]+)/(info|download/all\.zip)", path)
        task = odm.tasks.get(match[1]) if match else None
        if task is None or task["state"] == "new":
            return self.answer({"error": "not found"})
        if match[2] == "info":
            task["looks"] += 1
            over = task["looks"] >= odm.looks_until_done
            code, why = odm.verdict if over else (20, "")
            return self.answer(
                {"uuid": match[1], "progress": 100 if over else 40,
                 "status": {"code": code, "errorMessage": why}}
            )  # fmt: skip
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in odm.results.items():
                archive.writestr(name, content)
        return self.reply(packed.getvalue(), "application/zip")
