// The ways to ask: everywhere, or in one leaf of words. Alt with a digit chooses a way, too.
import { useEffect } from "preact/hooks";
import { leafName, leaves } from "../store/catalog";
import { asLine, askIn, wayOf } from "../store/line";
import { language, t } from "../words/words";

/** The ways that come first: what is said, and what is seen. */
const first = ["dialogue", "like_text"];

/** ways are the leaves of words that people see, by their names. */
const ways = () => leaves()
  .filter((l) => l.shape === "words" && l.label)
  .map((l) => ({ leaf: l, name: leafName(l.name), rank: first.includes(l.name) ? first.indexOf(l.name) : first.length }))
  .sort((a, b) => a.rank - b.rank || a.name.localeCompare(b.name, language.value));

export function Ways() {
  const choose = (name: string) => void askIn(name).then(() => document.getElementById("box")?.focus());
  useEffect(() => {
    const pressed = (e: KeyboardEvent) => {
      const way = e.altKey && !e.ctrlKey && !e.metaKey && /^[1-9]$/.test(e.key) ? ["any", ...ways().map((w) => w.leaf.name)][Number(e.key) - 1] : undefined;
      if (!way) return;
      e.preventDefault();
      choose(way);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const all = ways();
  if (!all.length || asLine.value) return null;
  return (
    <label class="ways quiet small">
      {t("ask.way")}{" "}
      <select title={t("ask.way.hint")} value={wayOf()} onChange={(e) => choose(e.currentTarget.value)}>
        <option value="any">{t("ask.way.any")}</option>
        {all.map(({ leaf, name }) => <option value={leaf.name} title={leaf.hint}>{name}</option>)}
      </select>
    </label>
  );
}
