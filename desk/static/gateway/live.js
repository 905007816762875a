/* Clocks that count down, and pages that keep themselves up to date.

   Clocks: <span data-until="ISO time">. Inside <… data-clock data-soon="seconds left"> the tone follows the time that is
   left; <span data-gone data-from="ISO time" data-until="ISO time"> is a bar that grows.
   Pages: <… data-live="address" data-every="seconds" data-now="ISO time of the server">. The address answers
   {"now": ISO time, "every": seconds or null, "regions": {"id of an element": "its HTML"}, "say": "a sentence or nothing"}.
   Within it, [data-live-state] says whether the page is live (data-lost: the sentence when it is not, with %s for since
   when) and [data-live-say] is read aloud. Nothing is replaced under the pointer, the focus or an open dialog.
   Without JavaScript the server's absolute times and a link to reload are there. */
(() => {
    "use strict";
    let ahead = 0; // Of this machine's clock, in milliseconds.
    const serverNow = () => Date.now() - ahead;
    const two = (number) => String(number).padStart(2, "0");

    function left(until) {
        return Math.max(0, Math.floor((Date.parse(until) - serverNow()) / 1000));
    }

    function clockText(seconds) {
        const minutes = Math.floor(seconds / 60);
        if (seconds >= 172800) return null; // Days are told by the server's words.
        return minutes >= 60
            ? `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
            : `${minutes}:${two(seconds % 60)}`;
    }

    function tick() {
        for (const clock of document.querySelectorAll("[data-until]:not([data-gone])")) {
            const seconds = left(clock.dataset.until);
            const text = clockText(seconds);
            if (text !== null && clock.textContent !== text) clock.textContent = text;
            const around = clock.closest("[data-clock]");
            if (!around) continue;
            const soon = Number(around.dataset.soon || 1200);
            const tone = seconds < 300 ? "late" : seconds < soon ? "soon" : "calm";
            for (const each of ["calm", "soon", "late"]) around.classList.toggle(`gate-clock-${each}`, each === tone);
        }
        for (const bar of document.querySelectorAll("[data-gone]")) {
            const from = Date.parse(bar.dataset.from);
            const share = (100 * (serverNow() - from)) / (Date.parse(bar.dataset.until) - from || 1);
            bar.style.width = `${Math.min(100, Math.max(0, share)).toFixed(1)}%`;
        }
    }

    function busy(element) {
        return (
            element.matches(":hover") && element.matches("[data-live-steady]") ||
            element.contains(document.activeElement) && document.activeElement !== document.body ||
            element.querySelector("dialog[open], details[open], input:checked:not([data-default])") !== null
        );
    }

    function follow(root) {
        const shown = new Map();
        const state = root.querySelector("[data-live-state]");
        const said = root.querySelector("[data-live-say]");
        const usual = state ? state.textContent : "";
        let every = Number(root.dataset.every || 10);
        let timer = 0;
        let lostAt = null;

        function arrange() {
            clearTimeout(timer);
            if (every) timer = setTimeout(ask, 1000 * every);
        }

        function lost() {
            lostAt = lostAt || new Date();
            if (!state) return;
            const time = lostAt.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
            state.textContent = (state.dataset.lost || "%s").replace("%s", time);
            state.classList.add("gate-not-live");
        }

        function show(answer) {
            if (answer.now) ahead = Date.now() - Date.parse(answer.now);
            lostAt = null;
            if (state) {
                state.textContent = usual;
                state.classList.remove("gate-not-live");
            }
            let waits = false;
            for (const [id, html] of Object.entries(answer.regions || {})) {
                const element = document.getElementById(id);
                if (!element || shown.get(id) === html) continue;
                if (busy(element)) {
                    waits = true;
                    continue;
                }
                element.innerHTML = html;
                shown.set(id, html);
                element.dispatchEvent(new CustomEvent("gate:shown", { bubbles: true }));
            }
            if (said && answer.say && said.textContent !== answer.say) said.textContent = answer.say;
            // What could not be replaced now is asked for again, also where nothing changes any more.
            every = answer.every === null ? (waits ? 10 : 0) : answer.every || every;
            tick();
        }

        async function ask() {
            if (document.hidden) return;
            try {
                const stop = AbortSignal.timeout(10000);
                const answer = await fetch(root.dataset.live, { headers: { Accept: "application/json" }, signal: stop });
                if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
                show(await answer.json());
            } catch {
                lost();
            }
            arrange();
        }

        document.addEventListener("visibilitychange", () => {
            if (!document.hidden && every) ask();
        });
        root.addEventListener("gate:ask", ask);
        if (root.dataset.now) ahead = Date.now() - Date.parse(root.dataset.now);
        arrange();
    }

    document.addEventListener("DOMContentLoaded", () => {
        for (const root of document.querySelectorAll("[data-live]")) follow(root);
        tick();
        setInterval(tick, 1000);
    });
})();
