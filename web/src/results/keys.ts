// The keyboard among the hits: arrows choose, Enter opens, the slash leads to the box.
import { signal } from "@preact/signals";
import { follow, go, place } from "../url";
import type { Row } from "./layout";

/** The hit that has the focus, or had the focus last. */
export const current = signal(0);

const rowOf = (rows: readonly Row[], hit: number): number => rows.findIndex((r) => "from" in r && r.from <= hit && hit < r.to);

/** focusHit moves the focus by an arrow key. A hit out of sight is scrolled to first. */
export function focusHit(e: KeyboardEvent, across: number, all: number, scroll: (row: number) => void, rows: readonly Row[]): void {
  if (e.altKey || e.ctrlKey || e.metaKey) return;
  const moves: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -all, End: all };
  const by = moves[e.key];
  if (by === undefined) return;
  e.preventDefault();
  const at = current.value;
  if (e.key === "ArrowUp" && rowOf(rows, at) <= 1) {
    document.getElementById("box")?.focus();
    return;
  }
  const to = Math.min(Math.max(at + by, 0), all - 1);
  const row = rowOf(rows, to);
  current.value = to;
  scroll(row);
  whenThere(`hit-${to}`);
}

/** whenThere gives an element the focus as soon as the element is in the page. */
export function whenThere(id: string, patience = 60): void {
  const el = document.getElementById(id);
  if (el) el.focus({ preventScroll: false });
  else if (patience > 0) requestAnimationFrame(() => whenThere(id, patience - 1));
}

const typed = (e: KeyboardEvent): boolean => e.target instanceof Element && e.target.matches("input:not([type=range]):not([type=checkbox]), textarea, select, [contenteditable]");

/** begin lets the slash lead to the box, and Escape close the bench. The focus goes back to the hit that was open. */
export function begin(): void {
  addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || e.defaultPrevented || !place.peek().asset || document.fullscreenElement || document.querySelector("dialog[open]")) return;
    if (typed(e) && (e.target as Element).closest(".bench")) return;
    e.preventDefault();
    go({ asset: "" });
  });
  let open = "";
  follow((at) => {
    if (open && !at.asset && at.view === "search" && document.activeElement?.id !== "box") {
      const tick = document.querySelector<HTMLElement>("#hits .tick[aria-current]"); // of a title's timeline
      if (tick) tick.focus();
      else whenThere(`hit-${current.peek()}`);
    }
    open = at.asset;
  });
  addEventListener("keydown", (e) => {
    if (e.key !== "/" || e.ctrlKey || e.metaKey || e.altKey || typed(e)) return;
    const box = document.getElementById("box") as HTMLInputElement | null;
    if (!box) return;
    e.preventDefault();
    box.focus();
    box.select();
  });
}
