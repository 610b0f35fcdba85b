"""The table of roles against the API itself: no endpoint without a line, no line without effect."""

import re

import pytest
from fastapi.testclient import TestClient

from serve.api.access import ACCESS, PUBLIC, Role
from serve.api.caller import CSRF_HEADER, SAFE_METHODS
from serve.app import PREFIX, ROUTERS, make_app
from serve.db.tables import Token, new_id
from serve.people.secrets import new_secret, sha256_of
from serve.service import Service
from tests.serve.conftest import settings_for, sign_in

OUTSIDE = {"/healthz", "/readyz", "/metrics"}


def endpoints():
    """Every endpoint of every router, whether it is described or not."""
    return [
        (route.name, method, f"{PREFIX}{route.path}", route.tags[0])
        for router in ROUTERS
        for route in router.routes
        for method in sorted(route.methods)
    ]


ENDPOINTS = endpoints()


def filled(path):
    """A path with some value in each of its places."""
    return re.sub(r"{[^}]+}", "00000000-0000-7000-8000-000000000000", path)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    service = Service(settings_for(tmp_path_factory.mktemp("access")))
    made = make_app(service)
    made.state.browsers = {
        role: sign_in(service, role, app=made, name=f"access-{role}") for role in Role
    }
    yield made
    service.close()


def call(client, method, path, **more):
    return client.request(method, f"http://testserver{filled(path)}", **more)


def test_every_endpoint_has_a_line_and_every_line_an_endpoint():
    assert {name for name, *_ in ENDPOINTS} == set(ACCESS)


def test_no_two_endpoints_share_a_name():
    names = [(name, method) for name, method, *_ in ENDPOINTS]
    assert len(names) == len(set(names))
    paths = {}
    for name, _, path, _ in ENDPOINTS:
        assert paths.setdefault(name, path) == path


def test_all_routers_are_in_the_api_and_nothing_else_is_described(app):
    described = {
        (operation["operationId"], method.upper())
        for methods in app.openapi()["paths"].values()
        for method, operation in methods.items()
    }
    assert described <= {(name, method) for name, method, *_ in ENDPOINTS}
    assert all(path.startswith(PREFIX) for path in app.openapi()["paths"])


def test_each_endpoint_has_one_tag_that_scopes_can_name():
    for name, *_, tag in ENDPOINTS:
        assert re.fullmatch(r"[a-z][a-z_\-]*", tag), name
    for router in ROUTERS:
        assert len(router.tags) == 1


@pytest.mark.parametrize("role", list(Role))
def test_each_role_is_answered_as_the_table_says(app, role):
    """Who may not gets 403 with the words for it; who may gets anything else."""
    wrong = []
    for name, method, path, _ in ENDPOINTS:
        if ACCESS[name] is PUBLIC or name == "log_out":
            continue
        answer = call(app.state.browsers[role], method, path)
        text = "" if method == "HEAD" else answer.text
        refused = answer.status_code == 403 and (
            method == "HEAD" or f"the role {role} may not do this" in text
        )
        if refused == (role in ACCESS[name]):
            wrong.append((name, method, answer.status_code))
    assert wrong == []


def test_nobody_is_answered_without_signing_in(app):
    client = TestClient(app)
    for name, method, path, _ in ENDPOINTS:
        status = call(client, method, path).status_code
        assert (status == 401) == (ACCESS[name] is not PUBLIC) or ACCESS[name] is PUBLIC, (
            name, method, status,
        )  # fmt: skip


def test_changes_by_cookie_without_the_csrf_secret_are_refused(app):
    browser = app.state.browsers[Role.ADMIN].client
    for name, method, path, _ in ENDPOINTS:
        if ACCESS[name] is PUBLIC or method in SAFE_METHODS:
            continue
        answer = call(browser, method, path, headers={CSRF_HEADER: "guessed"})
        assert answer.status_code == 403, (name, method)
        assert CSRF_HEADER in answer.text


def test_a_safe_method_changes_nothing_by_its_name(app):
    """Reading needs no CSRF secret, so nothing that changes may be a GET."""
    verbs = ("create", "change", "delete", "add_", "set_", "revoke", "reset", "confirm", "reject",
             "undo", "import", "replay", "enable", "disable")  # fmt: skip
    for name, method, *_ in ENDPOINTS:
        if method in SAFE_METHODS:
            assert not name.startswith(verbs), name
    assert app is not None


def test_a_token_without_the_scope_is_refused_everywhere(app):
    service, secret = app.state.service, new_secret()
    with service.database.write() as session:
        session.add(
            Token(
                id=new_id(), user_id=app.state.browsers[Role.ADMIN].user_id, name="narrow",
                secret_sha256=sha256_of(secret), scopes=["metrics:read"],
            )
        )  # fmt: skip
    client = TestClient(app)
    client.headers["Authorization"] = f"Bearer {secret}"
    for name, method, path, tag in ENDPOINTS:
        if ACCESS[name] is PUBLIC:
            continue
        answer = call(client, method, path)
        assert answer.status_code == 403, (name, method, answer.status_code)
        if method != "HEAD":
            verb = "read" if method in SAFE_METHODS else "write"
            assert f"{tag}:{verb}" in answer.text
