"""Bearer tokens for machines."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from serve.api.access import Role
from serve.api.caller import Here, Who
from serve.api.once import CreateOnce
from serve.api.paging import Cursor, Limit, Page, page_of
from serve.api.texts import Line, Word
from serve.db.tables import Token, User
from serve.errors import NotAllowed, NotFound
from serve.people import tokens

router = APIRouter(tags=["tokens"])

TokenId = Annotated[str, Path(max_length=40, pattern=r"^[\w\-]+$")]


class TokenCreate(BaseModel):
    """A new token."""

    model_config = ConfigDict(extra="forbid")

    name: Line = Field(description="what it is for", min_length=1)
    scopes: list[Word] = Field(
        description="`RESOURCE:read`, `RESOURCE:write` (which includes reading), or `*`; never "
        "more than the owner's role may do",
        min_length=1,
        max_length=100,
    )
    expires_at: AwareDatetime | None = Field(default=None, description="none: until it is revoked")
    user_id: Word | None = Field(
        default=None, description="whose it is; anybody else's only for administrators"
    )


class TokenPublic(BaseModel):
    """A token, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    user_id: str
    name: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="to the minute")
    revoked_at: datetime | None


class TokenCreated(TokenPublic):
    """A token just made, with its secret."""

    secret: str | None = Field(
        description="shown this once; null when the same request is sent again"
    )


@router.post("/tokens", status_code=201, response_model=TokenCreated)
def create_token(body: TokenCreate, request: Request, who: Who, once: CreateOnce) -> Response:
    """Make a token. Its secret is in this answer and nowhere else."""
    known = {*request.app.state.resources, tokens.METRICS}
    scopes = tokens.check_scopes(body.scopes, resources=known, held=who.scopes)
    owner_id = body.user_id or who.user_id
    if owner_id != who.user_id and who.role != Role.ADMIN:
        raise NotAllowed("only administrators make tokens for others")
    secret: list[str] = []

    def make(session: Session) -> TokenCreated:
        owner = session.get(User, owner_id)
        if owner is None:
            raise NotFound(f"there is no user {owner_id}")
        token, made = tokens.create(
            session,
            owner,
            actor=who.name,
            name=body.name,
            scopes=scopes,
            expires_at=body.expires_at,
        )
        secret.append(made)
        public = TokenPublic.model_validate(token)
        # What is remembered for a repeated request must not hold the secret.
        return TokenCreated(**public.model_dump(), secret=None)

    answer = once.create(body, make, location=lambda made: f"/api/v1/tokens/{made.id}")  # type: ignore[attr-defined]
    return _with_secret(answer, secret[0]) if secret else answer


@router.get("/tokens")
def list_tokens(
    here: Here,
    who: Who,
    user_id: Annotated[Word | None, Query(description="whose; for administrators")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[TokenPublic]:
    """List one's own tokens, or, as an administrator, everybody's; newest first."""
    query = sa.select(Token)
    if who.role != Role.ADMIN:
        if user_id not in (None, who.user_id):
            raise NotAllowed("only administrators see tokens of others")
        query = query.where(Token.user_id == who.user_id)
    elif user_id is not None:
        query = query.where(Token.user_id == user_id)
    with here.database.read() as session:
        rows, following = page_of(session, query, (Token.id,), limit=limit, cursor=cursor)
    return Page(items=[TokenPublic.model_validate(row) for row in rows], next=following)


@router.get("/tokens/{token_id}")
def get_token(token_id: TokenId, here: Here, who: Who) -> TokenPublic:
    """Return a token, without its secret."""
    with here.database.read() as session:
        token = session.get(Token, token_id)
    if token is None or (who.role != Role.ADMIN and token.user_id != who.user_id):
        raise NotFound(f"there is no token {token_id}")
    return TokenPublic.model_validate(token)


@router.delete("/tokens/{token_id}", status_code=204)
def revoke_token(token_id: TokenId, here: Here, who: Who) -> Response:
    """Make a token useless."""
    owner = None if who.role == Role.ADMIN else who.user_id
    with here.database.write() as session:
        tokens.revoke(session, token_id, actor=who.name, owner=owner)
    return Response(status_code=204)


def _with_secret(answer: Response, secret: str) -> Response:
    content = {**json.loads(bytes(answer.body)), "secret": secret}
    headers = {"Location": answer.headers["Location"], "Cache-Control": "no-store"}
    return JSONResponse(content, answer.status_code, headers)
