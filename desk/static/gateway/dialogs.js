/* Verbs as dialogs: a link with data-dialog="name" opens the page that it leads to inside #gate-dialog.

   The server answers the header X-Gate-Dialog with the content of the page alone, and a POST that was carried out with
   {"to": address}. A form with data-dialog, sent by GET, opens what it asks for likewise. Whatever else comes back, such as a login, is gone to as a page. Links and forms work without this script. */
(() => {
    "use strict";
    // Whoever taps twice to open must not have confirmed by it.
    const QUIET = 600;
    const PATIENCE = 20000;
    const HEAD = { "X-Gate-Dialog": "1", Accept: "text/html, application/json" };
    let dialog = null;
    let content = null;
    let opener = null;
    let quiet = 0;
    let sending = false;
    let fetching = false;

    const form = () => content.querySelector("form");
    const confirm = () => content.querySelector("form [type=submit]");
    const note = () => content.querySelector("[data-note]");

    function ask(address, more = {}) {
        return fetch(address, { headers: HEAD, signal: AbortSignal.timeout(PATIENCE), ...more });
    }

    function go(to) {
        const target = new URL(to, location.href);
        // The same page shows what was done at the place that the person looks at.
        if (target.pathname === location.pathname) location.reload();
        else location.assign(target);
    }

    async function take(answer, address) {
        if (answer.ok && (answer.headers.get("Content-Type") || "").includes("json")) {
            go((await answer.json()).to);
            return;
        }
        if (answer.redirected || !answer.headers.has("X-Gate-Dialog")) {
            location.assign(address);
            return;
        }
        const text = note() ? note().value : "";
        content.innerHTML = await answer.text();
        if (note() && !note().value) note().value = text;
        show();
    }

    function show() {
        if (!dialog.open) dialog.showModal();
        sending = false;
        clearTimeout(quiet);
        delete dialog.dataset.ready;
        quiet = setTimeout(() => (dialog.dataset.ready = ""), QUIET);
        arrange();
        const first = note() || content.querySelector("[data-dialog-close]") || content.querySelector("a, button");
        if (first) first.focus();
    }

    // What must be written is asked for before the button can be pressed; the hint stands under the field.
    function arrange() {
        const field = note();
        const button = confirm();
        if (!field || !button) return;
        const hint = document.getElementById(`${field.id}_helptext`);
        if (hint) field.setAttribute("aria-describedby", hint.id);
        if (field.required) button.disabled = !field.value.trim();
    }

    function lost(title) {
        sending = false;
        let said = content.querySelector(".gate-problem");
        if (!form()) {
            const heading = Object.assign(document.createElement("h1"), { id: "gate-dialog-title", textContent: title });
            const close = Object.assign(document.createElement("button"), {
                type: "button", className: "gate-button gate-button-default", textContent: dialog.dataset.cancel,
            });
            close.dataset.dialogClose = "";
            const row = Object.assign(document.createElement("div"), { className: "gate-buttons" });
            row.append(close);
            content.replaceChildren(heading, row);
        }
        if (!said) {
            said = Object.assign(document.createElement("p"), { className: "gate-problem" });
            said.setAttribute("role", "alert");
            content.querySelector("h1").after(said);
        }
        said.textContent = dialog.dataset.lost;
        const button = confirm();
        if (button && button.dataset.text) {
            button.textContent = button.dataset.text;
            button.removeAttribute("aria-disabled");
        }
        if (!dialog.open) dialog.showModal();
    }

    async function open(address, from) {
        if (fetching) return;
        fetching = true;
        if (!dialog.contains(from)) opener = from;
        from.setAttribute("aria-busy", "true");
        try {
            await take(await ask(address), address);
        } catch {
            content.replaceChildren();
            lost(from.textContent.trim());
        } finally {
            fetching = false;
            from.removeAttribute("aria-busy");
        }
    }

    // A form that only asks for a page, as for the rows that are ticked.
    function openAsked(asked, button) {
        const target = new URL(button.formAction);
        target.search = new URLSearchParams(new FormData(asked)).toString();
        open(target.href, button);
    }

    async function send(sent, button) {
        if (sending || !("ready" in dialog.dataset)) return;
        sending = true;
        const address = sent.action;
        const body = new FormData(sent);
        if (button) {
            if (button.name) body.append(button.name, button.value);
            button.dataset.text = button.textContent;
            button.textContent = dialog.dataset.sending;
            button.setAttribute("aria-disabled", "true");
        }
        try {
            await take(await ask(address, { method: "POST", body }), address);
        } catch {
            lost("");
        }
    }

    // Focus goes back to where the dialog was opened, also where the page has replaced that link meanwhile.
    function back() {
        content.replaceChildren();
        if (!opener) return;
        const same = [...document.querySelectorAll("a[data-dialog]")].find((link) => link.href === opener.href);
        (opener.isConnected ? opener : same || document.body).focus();
    }

    function plain(event) {
        // A page of its own: the first click sends, the others wait with it.
        const sent = event.target;
        if (!sent.matches(".gate-verb-form")) return;
        if (sent.dataset.sent) {
            event.preventDefault();
            return;
        }
        sent.dataset.sent = "1";
        if (event.submitter) event.submitter.textContent = dialog.dataset.sending;
    }

    document.addEventListener("DOMContentLoaded", () => {
        dialog = document.getElementById("gate-dialog");
        if (!dialog || typeof dialog.showModal !== "function") return;
        content = dialog.firstElementChild;
        document.addEventListener("click", (event) => {
            const close = event.target.closest("dialog [data-dialog-close]");
            if (close) {
                event.preventDefault();
                if (!sending) close.closest("dialog").close();
                return;
            }
            const link = event.target.closest("a[data-dialog]");
            if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
            event.preventDefault();
            open(link.href, link);
        });
        document.addEventListener("submit", (event) => {
            if (event.target.matches("form[data-dialog]") && event.submitter) {
                event.preventDefault();
                openAsked(event.target, event.submitter);
                return;
            }
            if (!dialog.contains(event.target)) {
                plain(event);
                return;
            }
            event.preventDefault();
            send(event.target, event.submitter || confirm());
        });
        document.addEventListener("keydown", (event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            const inside = event.target.closest("dialog form, .gate-verb-form");
            const sent = inside || (event.target === document.body ? document.querySelector(".gate-verb-form") : null);
            const button = sent && sent.querySelector("[type=submit]");
            if (button && !button.disabled) sent.requestSubmit(button);
        });
        dialog.addEventListener("input", arrange);
        dialog.addEventListener("cancel", (event) => {
            if (sending) event.preventDefault();
        });
        dialog.addEventListener("close", back);
        // A page that comes back from the browser's memory may be sent again.
        addEventListener("pageshow", () => {
            for (const sent of document.querySelectorAll("[data-sent]")) delete sent.dataset.sent;
        });
    });
})();
