// The box in the corner of a hit that picks the hit, and the keys and clicks that pick.
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { hitsOf } from "../store/bytitle";
import { answer } from "../store/search";
import { t } from "../words/words";
import { keyOf, pick, selection } from "./collect";

export function Pick({ hit }: { hit: Hit }) {
  const on = selection.value.has(keyOf(hit));
  return (
    <label class={on ? "pick on" : "pick"}>
      <input
        type="checkbox"
        checked={on}
        tabIndex={-1}
        aria-label={t("bins.pick", { title: hit.titleName || hit.title, at: hit.startTimecode })}
        onClick={(e) => pick(hit, e.shiftKey, e.currentTarget.checked)}
      />
    </label>
  );
}

// Found is a hit under the pointer or the focus, with the hits that a range goes through.
type Found = { hit: Hit; among: readonly Hit[] };

// found finds the hit of the grid, or of a title's timeline.
function found(target: EventTarget | null): Found | undefined {
  const at = target instanceof Element ? target.closest<HTMLElement>("[data-moment]") : null;
  if (!at || !answer.value) return undefined;
  const key = at.dataset["moment"];
  const all = answer.value.hits;
  const hit = all.find((h) => keyOf(h) === key);
  if (hit && !at.matches(".tick")) return { hit, among: all };
  for (const title of new Set(all.map((h) => h.title))) {
    const among = hitsOf(title);
    const tick = among.find((h) => keyOf(h) === key);
    if (tick) return { hit: tick, among };
  }
  return hit && { hit, among: all };
}

/** begin lets Ctrl and Shift with a click pick a hit, and x, Shift+X and Ctrl+A on the keyboard. */
export function begin(): void {
  addEventListener("click", (e) => {
    if (!e.ctrlKey && !e.metaKey && !e.shiftKey) return;
    const of = found(e.target);
    if (!of) return;
    e.preventDefault();
    e.stopPropagation();
    pick(of.hit, e.shiftKey, undefined, undefined, of.among);
  }, true);
  addEventListener("keydown", (e) => {
    const of = e.altKey ? undefined : found(e.target);
    if (!of) return;
    if (e.key.toLowerCase() === "x" && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      pick(of.hit, e.shiftKey, undefined, undefined, of.among);
    } else if (e.key.toLowerCase() === "a" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      for (const h of of.among) pick(h, false, true);
    }
  });
}
