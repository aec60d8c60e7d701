"""Login of a page: a token is exchanged for a cookie."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .access import COOKIE, Access
from .answers import required
from .problems import Problem, fields

SESSION_S = 180 * 86400
LOGIN_LIMIT = 2000


async def login(request: Request, access: Access) -> Response:
    """Exchange a token for a cookie."""
    client = request.client.host if request.client else ""
    if (wait := access.wait_s(client)) > 0:
        raise Problem(429, f"too many wrong tokens; wait {wait:.0f} s", {"Retry-After": str(int(wait) + 1)})
    token = required(await fields(request, token=(str,)), "token")
    if len(token) > LOGIN_LIMIT:
        raise Problem(400, "the token is too long")
    found = access.login(token, client)
    if found is None:
        raise Problem(401, "wrong token")
    answer = JSONResponse({"role": found[0]})
    if found[1]:
        answer.set_cookie(
            COOKIE, found[1], max_age=SESSION_S, path="/", secure=access.tls, httponly=True, samesite="strict"
        )
    return answer


def logout(access: Access) -> Response:
    """Delete the cookie."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/", secure=access.tls, httponly=True, samesite="strict")
    return answer
