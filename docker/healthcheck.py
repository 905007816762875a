"""Health check of this container's web server: request a path, exit 0 if the status is the expected one.

`python docker/healthcheck.py /health/live 200`. PORT is the port; the first of ALLOWED_HOSTS becomes the Host header,
since Django refuses others.
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
