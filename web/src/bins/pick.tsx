// The box in the corner of a hit that picks the hit, and the keys and clicks that pick.
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { answer } from "../store/search";
import { t } from "../words/words";
import { keyOf, pick, selection } from "./collect";

export function Pick({ hit }: { hit: Hit }) {
  const on = selection.value.has(keyOf(hit));
  return (
    <label class={on ? "pick on" : "pick"} data-pick={keyOf(hit)}>
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

const hitAt = (target: EventTarget | null): Hit | undefined => {
  const tile = target instanceof Element && target.closest(".hit") ? target.closest(".tile") : null;
  const key = tile?.querySelector<HTMLElement>("[data-pick]")?.dataset["pick"];
  return key ? answer.value?.hits.find((h) => keyOf(h) === key) : undefined;
};

/** begin lets Ctrl and Shift with a click pick a hit, and x, Shift+X and Ctrl+A on the keyboard. */
export function begin(): void {
  addEventListener("click", (e) => {
    if (!e.ctrlKey && !e.metaKey && !e.shiftKey) return;
    const hit = hitAt(e.target);
    if (!hit) return;
    e.preventDefault();
    e.stopPropagation();
    pick(hit, e.shiftKey);
  }, true);
  addEventListener("keydown", (e) => {
    const hit = hitAt(e.target);
    if (!hit || e.altKey) return;
    if (e.key.toLowerCase() === "x" && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      pick(hit, e.shiftKey);
    } else if (e.key.toLowerCase() === "a" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      for (const h of answer.value?.hits ?? []) pick(h, false, true);
    }
  });
}
