/* Single keys of the desk; the list of them is #gate-keys, which also says whether this person wants them (data-keys).

   A page may name the element for a key itself, with data-key="a". Nothing happens while somebody types or a dialog is open,
   and no key does more than a click on a link that asks first. */
(() => {
    "use strict";
    const PLACES = {
        t: "[data-key='t']",
        "/": "[data-key='/'], #gate-contact",
        a: "[data-key='a'], a[data-dialog='accept']",
        r: "[data-key='r'], a[data-dialog='refuse']",
        ".": "[data-key='.'], .gate-verbs details > summary",
    };
    const TABS = "#contacts .gate-tabs a";
    const ROWS = "#contacts tbody tr, [data-rows] > *";
    let before = "";
    let beforeAt = 0;

    const typing = (target) =>
        target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
    const shown = (element) => element.getClientRects().length > 0;

    function press(element) {
        if (!element) return false;
        if (element.matches("input, textarea")) {
            element.focus();
            element.select();
        } else {
            element.focus();
            element.click();
        }
        return true;
    }

    function move(step) {
        const rows = [...document.querySelectorAll(ROWS)].filter(shown);
        if (!rows.length) return false;
        const here = rows.findIndex((row) => row.contains(document.activeElement));
        const next = rows[Math.min(rows.length - 1, Math.max(0, here < 0 ? 0 : here + step))];
        next.tabIndex = -1;
        next.focus();
        next.scrollIntoView({ block: "nearest" });
        return true;
    }

    function tick() {
        const row = document.activeElement.closest("tr, [data-rows] > *");
        const box = row && row.querySelector("input[type=checkbox]");
        if (box) box.click();
        return Boolean(box);
    }

    function act(key, list) {
        if (key === "?") {
            list.showModal();
            return true;
        }
        if (key === "h" && before === "g") {
            location.assign(list.dataset.home);
            return true;
        }
        if (key === "j" || key === "k") return move(key === "j" ? 1 : -1);
        if (key === "x") return tick();
        if ("123".includes(key)) return press([...document.querySelectorAll(TABS)].filter(shown)[Number(key) - 1]);
        return key in PLACES && press([...document.querySelectorAll(PLACES[key])].find(shown));
    }

    document.addEventListener("DOMContentLoaded", () => {
        const list = document.getElementById("gate-keys");
        if (!list || !("keys" in list.dataset)) return;
        document.addEventListener("keydown", (event) => {
            if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
            if (event.key.length !== 1 || typing(event.target) || document.querySelector("dialog[open]")) return;
            if (event.timeStamp - beforeAt > 1500) before = "";
            if (act(event.key, list)) event.preventDefault();
            before = event.key;
            beforeAt = event.timeStamp;
        });
    });
})();
