"""The screen on which credentials are stored; it never shows a stored secret."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget

from actions.config.versions import UNTOLD
from actions.secrets.credential import Credential
from desk.bases import SharedAdmin
from desk.setup.history import HistoryAdmin


class CredentialForm(forms.ModelForm):
    """A credential; an empty secret keeps the stored one."""

    secret = forms.CharField(
        label=_("Secret"),
        required=False,
        strip=True,
        max_length=4_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("Stored encrypted and never shown again. Empty: as it is."),
    )

    class Meta:
        model = Credential
        fields = (
            *("name", "kind", "user", "header", "secret", "test_url"),
            *("token_url", "client_auth", "scope", "audience"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.pop("secret", None)
        # Programs and older pages may leave it out; who may only look has no fields.
        if "client_auth" in self.fields:
            self.fields["client_auth"].required = False

    def clean_secret(self) -> Any:
        secret: str = self.cleaned_data["secret"]
        if not secret:
            if not self.instance.pk:
                raise forms.ValidationError(_("Enter the secret."))
            return self.instance.secret
        if secret.startswith("-----BEGIN "):
            # Line breaks in a private key carry no meaning.
            secret = "".join(secret.splitlines())
        if not secret.isprintable():
            raise forms.ValidationError(_("A secret is one line of text."))
        return secret


@admin.register(Credential)
class CredentialAdmin(SharedAdmin, HistoryAdmin):
    """The history records who changed which field, without the secret."""

    form = CredentialForm
    fieldsets = (
        (None, {"fields": ("name", "kind", "user", "header", "secret", "test_url")}),
        (
            _("OAuth2"),
            {
                "fields": ("token_url", "client_auth", "scope", "audience"),
                "description": _(
                    "Only for OAuth2 client credentials: client id and secret get a token, which is renewed before it "
                    "expires, and after a 401."
                ),
            },
        ),
    )
    list_display = ("name", "kind", "user", "header", "changed_at")
    list_filter = ("kind",)
    search_fields = ("name",)
    list_filter_submit = False
    warn_unsaved_form = True
    actions_detail = ("test",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change and "secret" in form.changed_data:
            obj._change_reason = UNTOLD
        super().save_model(request, obj, form, change)

    @action(description=_("Test"), url_path="test-it", permissions=["change"])
    def test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("test_credential", args=[object_id]))
