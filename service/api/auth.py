"""Authentication: a request that changes the register needs a valid key as its bearer token."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from service.api.responses import answers_of
from service.register import keys

_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_bearer = HTTPBearer(auto_error=False, description="a key made by `fuwuquan keys add NAME`")


def optional_editor(request: Request) -> str | None:
    """The name of the person whose key the request has; None if it has no Authorization header.

    Raises
    ------
    HTTPException
        Status 401: the header has no valid key.
    """
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, key = header.partition(" ")
    is_bearer = scheme.lower() == "bearer"
    return editor(request, HTTPAuthorizationCredentials(scheme=scheme, credentials=key.strip()) if is_bearer else None)


def editor(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> str:
    """The name of the person whose key the request has.

    Raises
    ------
    HTTPException
        Status 401: the request has no key, or an unknown or revoked one.
    """
    if credentials is None:
        raise HTTPException(401, "needs a key: Authorization: Bearer …, made by `fuwuquan keys add NAME`", _CHALLENGE)
    name = keys.name_of(answers_of(request).register.database, credentials.credentials)
    if name is None:
        raise HTTPException(401, "the key is not known, or was revoked", _CHALLENGE)
    return name


Editor = Annotated[str, Depends(editor)]
"""The name of the person who edits, as a parameter of an endpoint."""
