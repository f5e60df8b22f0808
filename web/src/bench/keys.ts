// The keys of the bench, as editing programs have them.
import { signal } from "@preact/signals";
import { jump, jumpHit, markHere, markSpan } from "./edges";
import { film, looping, markIn, markOut, unmark } from "./film";
import { ask, parts } from "./part";
import { pause, seek, shuttle, step, toggle } from "./player";
import type { Key } from "../words/words";

const kept = "cinedex.bench.keys";
/** Keys work wherever the focus is, and not on the bench alone. */
export const everywhere = signal(localStorage.getItem(kept) !== "bench");
export function setEverywhere(on: boolean): void {
  everywhere.value = on;
  localStorage.setItem(kept, on ? "everywhere" : "bench");
}

/** What other parts of the bench do for a key. */
export const doings: Partial<Record<"copy" | "full" | "collect" | "goto" | "in" | "out" | "fit", () => void>> = {};

type Binding = { keys: string[]; shown: string; name: Key; run: () => void };

/** The keys, in the order of the list of keys. */
export const bindings: Binding[] = [
  { keys: [" "], shown: "Space", name: "bench.play", run: toggle },
  { keys: ["j"], shown: "J", name: "bench.reverse", run: () => shuttle(-1) },
  { keys: ["k"], shown: "K", name: "bench.pause", run: pause },
  { keys: ["l"], shown: "L", name: "bench.forward", run: () => shuttle(1) },
  { keys: [","], shown: ",", name: "bench.stepBack", run: () => step(-1n) },
  { keys: ["."], shown: ".", name: "bench.stepOn", run: () => step(1n) },
  { keys: ["<"], shown: "<", name: "bench.stepBack10", run: () => step(-10n) },
  { keys: [">"], shown: ">", name: "bench.stepOn10", run: () => step(10n) },
  { keys: ["i"], shown: "I", name: "bench.in", run: () => markHere("in") },
  { keys: ["o"], shown: "O", name: "bench.out", run: () => markHere("out") },
  { keys: ["I"], shown: "Shift I", name: "bench.toIn", run: () => { if (markIn.peek() !== null) seek(markIn.peek()!); } },
  { keys: ["O"], shown: "Shift O", name: "bench.toOut", run: () => { if (markOut.peek() !== null) seek(markOut.peek()! - 1n); } },
  { keys: ["x"], shown: "X", name: "bench.unmark", run: unmark },
  { keys: ["s"], shown: "S", name: "bench.markShot", run: () => markSpan("shot") },
  { keys: ["d"], shown: "D", name: "bench.markCue", run: () => markSpan("cue") },
  { keys: ["r"], shown: "R", name: "bench.loop", run: () => (looping.value = !looping.peek()) },
  { keys: ["n"], shown: "N", name: "bench.nextHit", run: () => jumpHit(1) },
  { keys: ["p"], shown: "P", name: "bench.previousHit", run: () => jumpHit(-1) },
  { keys: ["]"], shown: "]", name: "bench.nextEdge", run: () => jump(1) },
  { keys: ["["], shown: "[", name: "bench.previousEdge", run: () => jump(-1) },
  { keys: ["b"], shown: "B", name: "bench.collect", run: () => doings.collect?.() },
  { keys: ["c"], shown: "C", name: "bench.copy", run: () => doings.copy?.() },
  { keys: ["v"], shown: "V", name: "bench.like", run: () => ask(parts.whole) },
  { keys: ["t"], shown: "T", name: "bench.goto", run: () => doings.goto?.() },
  { keys: ["f"], shown: "F", name: "bench.full", run: () => doings.full?.() },
  { keys: ["+", "="], shown: "+", name: "bench.zoomIn", run: () => doings.in?.() },
  { keys: ["-"], shown: "-", name: "bench.zoomOut", run: () => doings.out?.() },
  { keys: ["0"], shown: "0", name: "bench.fit", run: () => doings.fit?.() },
];

const typing = "input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable], dialog *, [role=dialog] *, [role=menu] *";

/** begin listens to the keys until the bench ends. */
export function begin(bench: () => HTMLElement | null): () => void {
  const pressed = (e: KeyboardEvent) => {
    if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || !film.peek()) return;
    const on = e.target instanceof Element ? e.target : document.body;
    if (on.matches(typing)) return;
    if (!everywhere.peek() && !bench()?.contains(on)) return;
    // An element knows the key itself. The open hit does not open once more: its film plays or stands.
    if (e.key === " " && on.closest("button, a, summary, [role=slider]") && !on.closest("[data-moment][aria-current]")) return;
    const b = bindings.find((x) => x.keys.includes(e.key));
    if (!b) return;
    e.preventDefault();
    if (e.key === " ") addEventListener("keyup", (up) => up.preventDefault(), { once: true, capture: true }); // Firefox clicks a button then
    b.run();
  };
  addEventListener("keydown", pressed);
  return () => removeEventListener("keydown", pressed);
}
