"""The Django project: settings, entry points, and the processes that run the stages."""

# The only place of the version: pyproject.toml, the admin's footer and the health pages read it here.
__version__ = "0.1.0"

from gateway.celery import app as celery_app

__all__ = ["__version__", "celery_app"]
