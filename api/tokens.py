"""Authentication by a token in the header: `Authorization: Token …`."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from api.models import ApiToken, fingerprint
from work.throttled_log import Knocks

refused = Knocks("api_token_refused")


class FingerprintAuthentication(TokenAuthentication):
    """Look up a token by its fingerprint: the database compares hashes, so timing reveals nothing about the token."""

    def authenticate_credentials(self, key: str) -> tuple[Any, ApiToken]:
        now = timezone.now()
        token = ApiToken.objects.select_related("user__reach").filter(digest=fingerprint(key)).first()
        if token is None or not token.is_valid(now) or not token.user.is_active:
            refused.count()
            raise AuthenticationFailed(_("This token is not valid, or not any more."))
        today = timezone.localdate(now)
        if token.last_used != today:
            ApiToken.objects.filter(pk=token.pk).update(last_used=today)
        return token.user, token
