"""Asks this container's web server for a path; exits 0 if it answers with the status that is expected.

`python docker/healthcheck.py /health/live 200`. PORT says where; the first of ALLOWED_HOSTS is given as the host, since
Django refuses others.
"""

import http.client
import os
import sys

SECONDS = 3.0


def main(path: str, expected: str) -> int:
    """Return 0, or 1 after a sentence on standard error."""
    host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    headers = {"Host": host} if host and host != "*" else {}
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=SECONDS)
    try:
        connection.request("GET", path, headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"{path}: {type(error).__name__}\n")
        return 1
    finally:
        connection.close()
    if status != int(expected):
        sys.stderr.write(f"{path} answered {status}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
