/* Ticked rows: the buttons of the form #gate-ticked say how many they are about, and do nothing while nothing is ticked.

   Each button carries data-none and data-some (with %s). Without this script the page that follows says how many were ticked. */
(() => {
    "use strict";
    const boxes = () => [...document.querySelectorAll("input[form=gate-ticked][name=row]")];

    function arrange() {
        const all = boxes();
        const count = all.filter((box) => box.checked).length;
        const shown = new Intl.NumberFormat(document.documentElement.lang || undefined).format(count);
        for (const button of document.querySelectorAll("#gate-ticked [data-some]")) {
            button.disabled = !count;
            button.textContent = count ? button.dataset.some.replace("%s", shown) : button.dataset.none;
        }
        for (const every of document.querySelectorAll("[data-tick-all]")) {
            every.hidden = all.length < 2;
            every.checked = count > 0 && count === all.length;
            every.indeterminate = count > 0 && count < all.length;
        }
    }

    document.addEventListener("change", (event) => {
        if (event.target.matches("[data-tick-all]")) {
            for (const box of boxes()) box.checked = event.target.checked;
        }
        if (event.target.matches("[data-tick-all], [form=gate-ticked]")) arrange();
    });
    document.addEventListener("gate:shown", arrange);
    document.addEventListener("DOMContentLoaded", arrange);
    addEventListener("pageshow", arrange);
})();
