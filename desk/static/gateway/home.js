/* The home page: lines that came in meanwhile are shown when somebody asks for them, so that nothing moves under the pointer.

   The live address carries the keys of the lines on the page; the server leaves out every other line and says how many there
   are. [data-live-show] asks without the keys. */
(() => {
    "use strict";
    document.addEventListener("gate:shown", (event) => {
        const root = event.target.closest("[data-live-whole]");
        const list = event.target.querySelector("[data-shown]");
        if (root && list) root.dataset.live = `${root.dataset.liveWhole}?shown=${encodeURIComponent(list.dataset.shown)}`;
    });
    document.addEventListener("click", (event) => {
        const link = event.target.closest("[data-live-show]");
        const root = link && link.closest("[data-live-whole]");
        if (!root || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        link.blur();
        root.dataset.live = root.dataset.liveWhole;
        root.dispatchEvent(new CustomEvent("gate:ask"));
    });
})();
