"""Pytest plugin that sets a clean environment before Django reads it, without the developer's .env."""

import os
import tempfile
from pathlib import Path

from tests.servers import common_environment

if os.environ.get("ENV_FILE") != "/nonexistent":
    os.environ.update(common_environment(Path(tempfile.mkdtemp(prefix="gateway-pytest-"))))
