/* <… data-preview="address" data-lost="a sentence"> inside a form: after a pause in typing the form is posted there with
   part=1, and the answer stands in .gate-preview-out. What it says in [data-field] is also put at the field of that name.
   Without JavaScript the button beside it posts the form to a page. */
(() => {
    "use strict";
    const PAUSE = 500;

    function start(panel) {
        const form = panel.closest("form");
        const out = panel.querySelector(".gate-preview-out");
        let timer = 0;
        let asking = null;

        function atFields() {
            for (const each of form.querySelectorAll(".gate-preview-problem")) each.remove();
            for (const fault of out.querySelectorAll("[data-field]")) {
                const field = fault.dataset.field && form.elements[fault.dataset.field];
                if (!field || !field.after) continue;
                const line = document.createElement("p");
                line.className = "gate-late-text gate-preview-problem";
                line.textContent = fault.dataset.sentence;
                field.after(line);
            }
        }

        async function ask() {
            if (asking) asking.abort();
            asking = new AbortController();
            const body = new FormData(form);
            body.set("part", "1");
            try {
                const answer = await fetch(panel.dataset.preview, { method: "POST", body, signal: asking.signal });
                if (!answer.ok || answer.redirected) throw new Error(answer.status);
                out.innerHTML = await answer.text();
            } catch (error) {
                if (error.name === "AbortError") return;
                out.textContent = panel.dataset.lost;
            }
            out.classList.remove("gate-preview-old");
            atFields();
        }

        function soon() {
            clearTimeout(timer);
            out.classList.add("gate-preview-old");
            timer = setTimeout(ask, PAUSE);
        }

        form.addEventListener("input", soon);
        form.addEventListener("change", soon);
        ask();
    }

    document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-preview]").forEach(start));
})();
