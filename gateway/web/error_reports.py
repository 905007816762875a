"""Content of Django's own error pages and mails, if they are enabled."""

import re
from collections.abc import ItemsView
from typing import Any

from django.views.debug import SafeExceptionReporterFilter


class QuietReporter(SafeExceptionReporterFilter):
    """Hides every setting that holds a credential or an address, and every variable of every frame."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGNATURE|COOKIE|CREDENTIAL|HEADER|BROKER|DATABASE|LOGGING|URL|URI",
        re.IGNORECASE,
    )

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> ItemsView[str, Any]:
        return dict[str, Any]().items()
