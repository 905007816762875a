"""`python -m demo.prepare CONFIG`: create database, configuration and a login in the environment of the demo's gateway.

Reads `user password` from standard input. Prints a line before each step, and `token …` at the end.
"""

import io
import os
import sys

import django
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError


def main() -> None:
    """Do and report each step."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
    user, password = sys.stdin.readline().split()
    django.setup()
    print("Making the tables of the database …", flush=True)
    call_command("migrate", verbosity=0, interactive=False)
    print("Applying the configuration of projects and actions …", flush=True)
    call_command("apply_config", sys.argv[1], stdout=io.StringIO())
    print("Making a login and an API token …", flush=True)
    get_user_model().objects.create_superuser(user, password=password)
    token = io.StringIO()
    call_command("create_token", user, "--name", "demo", stdout=token)
    print("token", token.getvalue().strip(), flush=True)


if __name__ == "__main__":
    try:
        main()
    except CommandError as error:
        sys.exit(str(error))
