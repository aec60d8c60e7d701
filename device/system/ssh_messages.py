"""What the messages of the system's ssh, which many versions share, mean to the user."""

from __future__ import annotations

from edgevision.errors import EdgeVisionError, RemoteUnreachable, one_line

UNREACHABLE = ("Connection refused", "timed out", "No route to host", "Network is unreachable")


def connection_problem(login: str, host: str, said: str) -> EdgeVisionError | None:
    """Return why no connection was made; None if the messages are about something else.

    Args:
        login: USER@HOST, as the user gave it.
        host: The host alone.
        said: What ssh, sftp or rsync wrote on standard error.
    """
    if "HOST IDENTIFICATION HAS CHANGED" in said:
        return EdgeVisionError(
            f"refused: the host key of {host} has changed, so that this may be another machine; if you reinstalled it, run "
            f"ssh-keygen -R {host}, then ssh {login}, and compare its fingerprint"
        )
    if "Host key verification failed" in said or "host key is known" in said:
        return EdgeVisionError(
            f"the host key of {host} is not known; run ssh {login} once, compare its fingerprint and accept it"
        )
    if "Could not resolve hostname" in said:
        return RemoteUnreachable(f"no device called {host} in the network; check the name, or give its address")
    if "Permission denied (" in said or "Too many authentication failures" in said:
        return EdgeVisionError(f"{login} accepts none of your keys; run ssh-copy-id {login}")
    if any(one in said for one in UNREACHABLE):
        return RemoteUnreachable(f"cannot reach {host}: {reason(said)}; check that it is on and its ssh is enabled")
    return None


def reason(said: str) -> str:
    """Return the first line of messages that tells something."""
    lines = [line.strip() for line in said.splitlines()]
    telling = [line for line in lines if line and not line.startswith(("@", "Warning: Permanently", "sftp>"))]
    return one_line(telling[0])[:200] if telling else "the connection ended without a message"
