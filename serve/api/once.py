"""Creating once: a request sent again with its idempotency key gets the answer it got before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated

import sqlalchemy as sa
from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from serve.api.caller import Here, Who
from serve.db.tables import AnsweredRequest
from serve.errors import Conflict

KEPT_DAYS = 7
"""How long an answer is remembered; the upkeep sweeps older ones."""


class Once:
    """Creates within one transaction, remembering the answer in the same."""

    def __init__(
        self,
        request: Request,
        service: Here,
        caller: Who,
        idempotency_key: Annotated[
            str | None,
            Header(
                description="any text of the client's choice, once per thing to create; sent "
                "again it gets the first answer instead of creating again",
                min_length=1,
                max_length=200,
            ),
        ] = None,
    ) -> None:
        """Take what identifies the request."""
        self._service = service
        self._caller = caller
        self._key = idempotency_key
        self._operation = request.scope["route"].name + request.url.path

    def create(
        self,
        body: BaseModel | bytes,
        make: Callable[[Session], BaseModel],
        *,
        status: int = 201,
        location: Callable[[BaseModel], str] | None = None,
        after: Callable[[BaseModel], None] | None = None,
    ) -> Response:
        """Create in one transaction and answer.

        Args:
            body: What was sent; the same key with other content is refused.
            make: Makes the thing in the session it is given, and returns what to answer.
            status: HTTP status of the answer.
            location: Gives the thing's address from the answer.
            after: Called when all is committed, on repeated requests too, so it must bear being
                repeated: what starts a workflow belongs here, under a fixed workflow id.

        Raises:
            Conflict: The key was used for something else.
        """
        content = body if isinstance(body, bytes) else body.model_dump_json().encode()
        digest = hashlib.sha256(content).hexdigest()
        try:
            with self._service.database.write() as session:
                known = self._known(session, digest)
                if known is None:
                    made = make(session)
                    headers = {"Location": location(made)} if location else {}
                    answer = made.model_dump(mode="json")
                    if self._key:
                        session.add(
                            AnsweredRequest(
                                user_id=self._caller.user_id, key=self._key,
                                operation=self._operation, request_sha256=digest, status=status,
                                body=answer, headers=headers,
                            )
                        )  # fmt: skip
                        session.flush()
                else:
                    made, answer, headers, status = None, known.body, known.headers, known.status
        except IntegrityError as error:
            with self._service.database.read() as session:
                known = self._known(session, digest)
            if known is None:
                raise Conflict("such a thing is there already") from error
            made, answer, headers, status = None, known.body, known.headers, known.status
        if after is not None:
            after(made if made is not None else _Answered(**answer))
        if "revision" in answer:
            headers = {**headers, "ETag": f'"{answer["revision"]}"'}
        return JSONResponse(answer, status, headers)

    def _known(self, session: Session, digest: str) -> AnsweredRequest | None:
        if not self._key:
            return None
        known = session.scalar(
            sa.select(AnsweredRequest).where(
                AnsweredRequest.user_id == self._caller.user_id, AnsweredRequest.key == self._key
            )
        )
        if known and (known.operation != self._operation or known.request_sha256 != digest):
            raise Conflict("this idempotency key was used for another request")
        return known


class _Answered(BaseModel):
    model_config = {"extra": "allow"}


CreateOnce = Annotated[Once, Depends(Once)]
