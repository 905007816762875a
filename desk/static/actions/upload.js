// Sends a file piece by piece, and shows how far it is. Without this script the form sends it whole, and a reload shows the rest.
"use strict";

const TRIES = 5;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function post(url, fields) {
    const body = new FormData();
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return fetch(url, { method: "POST", body, credentials: "same-origin" });
}

// A piece that got no answer is sent again: one that arrived after all changes nothing.
// Returns nothing once it is taken, and otherwise the server's sentence, or the page's own.
async function sendPiece(url, fields, lost) {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
        try {
            const answer = await post(url, fields);
            if (answer.ok) return "";
            if (answer.status < 500) return sentenceOf(await answer.text()) || lost;
        } catch (error) {
            // The network: the next try may find it again.
        }
        await pause(1000 * attempt);
    }
    return lost;
}

// A proxy and an ended session answer with a page instead.
function sentenceOf(text) {
    try {
        return JSON.parse(text).errors.join(" ");
    } catch (error) {
        return "";
    }
}

async function send(form) {
    const token = form.elements.csrfmiddlewaretoken.value;
    const file = form.elements.file.files[0];
    const texts = [...new FormData(form)].filter(([, value]) => typeof value === "string");
    const announced = await post(form.action, { ...Object.fromEntries(texts), file_name: file.name, size: file.size });
    if (!announced.ok) throw sentenceOf(await announced.text()) || form.dataset.failed;
    const said = await announced.json();
    const bar = form.querySelector("progress");
    bar.hidden = false;
    const size = Number(form.dataset.pieceBytes);
    for (let start = 0; start < file.size; start += size) {
        const piece = file.slice(start, start + size);
        const problem = await sendPiece(said.piece, { csrfmiddlewaretoken: token, start, file: piece }, form.dataset.failed);
        if (problem) throw problem;
        bar.value = ((start + piece.size) * 100) / file.size;
    }
    window.location.assign(said.page);
}

for (const form of document.querySelectorAll("form[data-piece-bytes]")) {
    // Unfold would look for a text field beside the file, and fail without one.
    form.elements.file.hasChangeListener = true;
    // A form that cannot go without this script waits for it.
    form.querySelector("button[type=submit]").disabled = false;
    form.addEventListener("submit", async (event) => {
        if (!form.elements.file.files.length) return;
        event.preventDefault();
        const button = form.querySelector("button[type=submit]");
        const problem = form.querySelector("[role=alert]");
        button.disabled = true;
        problem.hidden = true;
        try {
            await send(form);
        } catch (error) {
            problem.textContent = typeof error === "string" ? error : form.dataset.failed;
            problem.hidden = false;
            button.disabled = false;
        }
    });
}

async function watch(place) {
    for (;;) {
        await pause(1000);
        try {
            const answer = await fetch(place.dataset.state, { credentials: "same-origin" });
            if (!answer.ok) continue;
            const state = await answer.json();
            // An open dialog, or one that is about to open, may hold what somebody writes.
            if (state.over && document.querySelector("dialog[open], [data-dialog][aria-busy]")) continue;
            if (state.over) return window.location.reload();
            place.querySelector("progress").value = state.percent;
            place.querySelector("[data-sentence]").textContent = state.sentence;
            for (const [name, text] of Object.entries(state.figures)) {
                place.querySelector(`[data-figure=${name}]`).textContent = text;
            }
        } catch (error) {
            // The next second may find the server again.
        }
    }
}

for (const place of document.querySelectorAll("[data-state]")) watch(place);
