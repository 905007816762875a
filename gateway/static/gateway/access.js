/* Names and roles that the framework's parts lack for people who listen to a page. */
(() => {
    "use strict";
    let made = 0;

    function named(select) {
        const label = document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
        const box = select.nextElementSibling;
        if (!label || !box || !box.classList.contains("select2")) return;
        label.id = label.id || `gate-label-${(made += 1)}`;
        for (const part of box.querySelectorAll('[role="combobox"], [role="textbox"]')) {
            const shown = part.getAttribute("role") === "combobox" ? part.querySelector('[role="textbox"]') : null;
            part.setAttribute("aria-labelledby", shown ? `${label.id} ${shown.id}` : label.id);
        }
    }

    function complete() {
        document.querySelectorAll("select.select2-hidden-accessible[id]").forEach(named);
        for (const help of document.querySelectorAll(".help-tooltip[aria-label]:not([role])")) help.setAttribute("role", "img");
    }

    document.addEventListener("DOMContentLoaded", () => {
        const main = document.getElementById("main");
        if (main) main.setAttribute("role", "main");
        complete();
        new MutationObserver(complete).observe(document.body, { childList: true, subtree: true });
    });
})();
