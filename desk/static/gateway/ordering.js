/* A list that people put in order: <form data-order> with an <ol> whose items hold an input named “order”.

   Dragging the grip, or the arrow keys on a button of an item, moves it; nothing is stored before “Save”. The buttons of an
   item move it too. Without this script each of them is a form of its own that stores one step at once. */
(() => {
    "use strict";

    function start(form) {
        const list = form.querySelector("ol");
        const save = form.querySelector("[data-order-save]");
        const say = form.querySelector("[data-order-say]");
        const began = order();
        form.dataset.orderReady = "";

        function order() {
            return [...list.querySelectorAll("input[name=order]")].map((input) => input.value).join(",");
        }

        function moved(item) {
            const items = [...list.children];
            items.forEach((each, place) => {
                const [up, down] = each.querySelectorAll("button[name=move]");
                up.disabled = place === 0;
                down.disabled = place === items.length - 1;
            });
            save.hidden = order() === began;
            const words = { name: item.dataset.name, place: items.indexOf(item) + 1, all: items.length };
            say.textContent = say.dataset.moved.replace(/\{(\w+)\}/g, (_, name) => words[name]);
        }

        function step(item, by, button) {
            const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
            if (!other) return;
            if (by < 0) other.before(item);
            else other.after(item);
            moved(item);
            // A button at the end of the list is no longer there for the focus.
            const [up, down] = item.querySelectorAll("button[name=move]");
            (button.disabled ? (button === up ? down : up) : button).focus();
        }

        list.addEventListener("click", (event) => {
            const button = event.target.closest("button[name=move]");
            if (!button) return;
            event.preventDefault();
            step(button.closest("li"), button.value.endsWith(":up") ? -1 : 1, button);
        });
        list.addEventListener("keydown", (event) => {
            const button = event.target.closest("button[name=move]");
            const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
            if (!button || !by) return;
            event.preventDefault();
            step(button.closest("li"), by, button);
        });
        list.addEventListener("pointerdown", (event) => {
            const grip = event.target.closest(".gate-grip");
            if (!grip || event.button > 0) return;
            event.preventDefault();
            const item = grip.closest("li");
            grip.setPointerCapture(event.pointerId);
            item.classList.add("gate-dragged");
            const drag = (now) => {
                const before = item.previousElementSibling;
                const after = item.nextElementSibling;
                const middle = (each) => each.getBoundingClientRect().top + each.getBoundingClientRect().height / 2;
                if (before && now.clientY < middle(before)) before.before(item);
                else if (after && now.clientY > middle(after)) after.after(item);
                else return;
                // Moved in the document, the grip has lost the pointer.
                grip.setPointerCapture(event.pointerId);
            };
            const drop = () => {
                grip.removeEventListener("pointermove", drag);
                document.removeEventListener("pointerup", drop);
                document.removeEventListener("pointercancel", drop);
                item.classList.remove("gate-dragged");
                moved(item);
            };
            grip.addEventListener("pointermove", drag);
            document.addEventListener("pointerup", drop);
            document.addEventListener("pointercancel", drop);
        });
    }

    document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("form[data-order]").forEach(start));
})();
