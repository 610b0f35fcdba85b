"""Every endpoint, fed with everything its schema allows and much that it does not: never a 5xx."""

import contextlib
import os

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from serve.app import PREFIX, describe_api, make_app
from serve.db.tables import Token, User, new_id
from serve.people.secrets import new_secret, sha256_of
from serve.service import Service

from . import conftest

EXAMPLES = int(os.environ.get("CITYEYE_TEST_EXAMPLES", "10"))
# Ends the sessions and tokens that the run itself stands on.
LEFT_OUT = {"log_out"}


@schemathesis.serializer("application/offset+octet-stream", "application/octet-stream")
def _plain_bytes(context, value):  # noqa: ARG001
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The whole API with an administrator's token, and a schema made from its own description."""
    service = Service(conftest.settings_for(tmp_path_factory.mktemp("api")))
    secret, user = new_secret(), new_id()
    with service.database.write() as session:
        session.add(
            User(
                id=user, name="everything", display_name="x", role="admin",
                password_hash=conftest.PASSWORD_HASH,
            )
        )  # fmt: skip
        session.flush()
        session.add(Token(user_id=user, name="all", secret_sha256=sha256_of(secret), scopes=["*"]))
    app = make_app(service)
    schema = schemathesis.openapi.from_asgi(f"{PREFIX}/openapi.json", app)
    schema.config.update(headers={"Authorization": f"Bearer {secret}"})
    yield schema
    service.close()


def operations():
    """Every endpoint, read from a description that needs no service behind it."""
    paths = describe_api()["paths"]
    return [
        pytest.param(path, method, id=operation["operationId"])
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["operationId"] not in LEFT_OUT
    ]


@pytest.mark.parametrize(("path", "method"), operations())
def test_no_input_makes_the_service_fail(api, path, method):
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        derandomize=True,
        database=None,
    )
    @hypothesis.given(case=api[path][method].as_strategy(generation_mode=GenerationMode.POSITIVE))
    def allowed(case):
        case.call_and_validate(checks=[not_a_server_error])

    @hypothesis.settings(allowed._hypothesis_internal_use_settings)
    @hypothesis.given(case=api[path][method].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def not_allowed(case):
        case.call_and_validate(checks=[not_a_server_error])

    allowed()
    # An endpoint that takes nothing has nothing to get wrong.
    with contextlib.suppress(hypothesis.errors.Unsatisfiable):
        not_allowed()


def test_the_description_is_good_enough_to_make_a_client_from(api):
    raw = api.raw_schema
    seen = set()
    for path, operations in raw["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["operationId"] not in seen, where
            seen.add(operation["operationId"])
            assert len(operation["tags"]) == 1, where
            assert operation.get("summary"), where
            assert operation.get("description"), f"{where}: a docstring is missing"
            answers = [code for code in operation["responses"] if code.startswith("2")]
            assert answers, where
    assert seen
