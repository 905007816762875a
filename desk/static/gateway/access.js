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

    /* Parts of the framework that only a mouse could open become buttons: the menus, the filters, the look. */
    const DOORS = "[x-on\\:click]:not(button, input, label, summary, a[href]:not([href='#']), #changelist-filter-close)";
    // What a control says that shows an icon alone; the words themselves stand in #gate-words.
    const WORDS = {
        dock_to_right: "menu", close: "close", more_horiz: "more", more_vert: "more", search: "search", add: "add",
        arrow_back: "back", shield: "home",
    };

    const ICON = ".material-symbols-outlined";

    // Names of icons are no words: they are not read out, and a control that shows nothing else gets a word of its own.
    function spoken(icon, control) {
        const name = icon.textContent.trim();
        if (control && control.textContent.trim() === name && !control.title && !control.ariaLabel) {
            const word = WORDS[name] && document.getElementById("gate-words");
            if (!word) return;
            control.ariaLabel = word.dataset[WORDS[name]];
        }
        if (icon !== control) icon.ariaHidden = "true";
    }

    // Where the framework keeps whether the part behind a door is open.
    function kept(door) {
        const name = (/^(\w+) = /.exec(door.getAttribute("x-on:click")) || [])[1];
        const data = name && window.Alpine && window.Alpine.$data(door);
        return data && name in data ? { data, name } : null;
    }

    function pressable(door) {
        if (!("door" in door.dataset)) {
            door.dataset.door = "";
            door.setAttribute("role", "button");
            door.tabIndex = 0;
            if (door.matches(ICON)) spoken(door, door);
            door.addEventListener("keydown", (event) => {
                if (event.target !== door || event.key !== "Enter" && event.key !== " ") return;
                event.preventDefault();
                door.click();
            });
        }
        const state = door.hasAttribute("aria-expanded") ? null : kept(door);
        if (state) window.Alpine.effect(() => door.setAttribute("aria-expanded", String(Boolean(state.data[state.name]))));
    }

    // Escape closes what lies over the page, the innermost first, and the focus goes back to what opened it.
    function shut(event) {
        if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open]")) return;
        const open = [...document.querySelectorAll("[data-door][aria-expanded=true]")]
            .map((door) => ({ door, state: kept(door) }))
            .filter((each) => each.state && each.state.name !== "sidebarDesktopOpen")
            .sort((one, other) => one.state.name.startsWith("sidebar") - other.state.name.startsWith("sidebar"));
        if (!open.length) return;
        const { data, name } = open[0].state;
        data[name] = false;
        const opener = open.filter((each) => each.state.name === name).at(-1);
        opener.door.focus();
    }

    function complete() {
        if (document.getElementById("gate-words")) document.querySelectorAll(DOORS).forEach(pressable);
        for (const icon of document.querySelectorAll(`${ICON}:not([aria-hidden], [data-door])`)) {
            spoken(icon, icon.closest("a, button, [role=button]"));
        }
        document.querySelectorAll("select.select2-hidden-accessible[id]").forEach(named);
        for (const help of document.querySelectorAll(".help-tooltip[aria-label]:not([role])")) help.setAttribute("role", "img");
    }

    document.addEventListener("DOMContentLoaded", () => {
        const main = document.getElementById("main");
        if (main) main.setAttribute("role", "main");
        complete();
        document.addEventListener("keydown", shut);
        document.addEventListener("alpine:initialized", complete);
        new MutationObserver(complete).observe(document.body, { childList: true, subtree: true });
    });
})();
