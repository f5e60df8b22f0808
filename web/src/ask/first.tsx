// The first view: searches out of the library's own lines, characters and things, for a person who has typed nothing.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { searches } from "../api";
import type { Suggestion } from "../generated/cinedex/v1/search_pb";
import { draft, picture, set, terms } from "../store/line";
import { answer, asking } from "../store/search";
import { titles } from "../store/titles";
import { language, t, type Key } from "../words/words";

const offered = signal<Suggestion[]>([]);
let read = "";

/** Suggestions of each group. */
const most = 6;

// load reads the suggestions anew for another language, and for a library that has grown.
async function load(): Promise<void> {
  const of = `${language.value} ${titles.value?.length ?? 0}`;
  if (of === read || !titles.value?.length) return;
  read = of;
  const r = await searches.suggest({ firstView: true, language: language.value, limit: most }).catch(() => null);
  if (!r) read = ""; // the next view asks again
  else if (read === of) offered.value = r.suggestions;
}

/** The leaves of what is said. Other leaves are of what is seen. */
const spoken = new Set(["dialogue", "heard"]);

/** groupOf is the heading over a suggestion. */
function groupOf(s: Suggestion): Key {
  if (s.kind === "character") return "first.who";
  return spoken.has(s.kind) ? "first.said" : "first.seen";
}

export function First() {
  const blank = !answer.value && !asking.value && !terms.value.length && !draft.value.trim() && !picture.value;
  useEffect(() => {
    if (blank) void load();
  }, [blank, language.value, titles.value]);
  if (!blank || !offered.value.length) return null;
  const groups = (["first.said", "first.who", "first.seen"] as const).map((g): [Key, Suggestion[]] => [g, offered.value.filter((s) => groupOf(s) === g)]);
  return (
    <section id="first" aria-labelledby="first-title">
      <h2 id="first-title">{t("first.title")}</h2>
      {groups.map(([group, list]) => list.length > 0 && (
        <div class="first-group" role="group" aria-label={t(group)}>
          <span class="quiet small" aria-hidden="true">{t(group)}</span>
          <div>
            {list.map((s) => <button type="button" dir="auto" onClick={() => set(s.q)}>{group === "first.said" ? t("first.quote", { text: s.text }) : s.text}</button>)}
          </div>
        </div>
      ))}
    </section>
  );
}
