// What is to be told of the answer: how many, how fast, and where the words were asked in another way than they were written.
import { TermKind, type Ran } from "../generated/cinedex/v1/search_pb";
import { serverAway } from "../api";
import { draft, picture, set, terms, typing } from "../store/line";
import { also, answer, asking, problem, type Answer } from "../store/search";
import { titles } from "../store/titles";
import { t } from "../words/words";
import { refused } from "./picture";

function counted(of: Answer): string {
  const { first, hits } = of;
  const ms = Math.round(of.took);
  if (!hits.length) return t(first.noGoodMatch ? "search.nogood" : "search.none");
  if (first.noGoodMatch) return t("search.nearest", { n: hits.length, ms });
  if (of.byTitle) return t(of.cursor ? "search.titles.more" : "search.titles", { n: hits.length, ms });
  const total = Number(first.total?.count ?? 0n);
  const n = Math.max(total, of.cursor ? 0 : hits.filter((h) => !h.near).length);
  if (!n) return t(of.cursor ? "search.moments.more" : "search.moments", { n: hits.length, ms });
  return t(first.total?.exact ? "search.moments" : "search.moments.more", { n, ms });
}

// inNoLanguage reports whether a filter of languages narrowed nothing: what is seen is in no language.
function inNoLanguage(of: Answer): boolean {
  return terms.value.some((x) => x.kind === TermKind.FILTER && x.name === "lang") && of.hits.length > 0 && of.hits.every((h) => !h.language && h.evidence.every((e) => !e.language));
}

/** status is the sentence about the answer, and whether something is wrong. */
function status(): [string, boolean] {
  if (refused.value) return [t(refused.value), true];
  const p = problem.value;
  if (serverAway.value) return [t(answer.value ? "search.away.shown" : "search.away"), true];
  if (p && !draft.value.trim() && !picture.value && terms.value.length && terms.value.every((x) => x.kind === TermKind.FILTER)) return [t("search.narrowed"), false];
  if (p) return [p.column ? t("search.column", { text: p.text, n: p.column }) : p.text, true];
  const of = answer.value;
  if (!of) {
    const n = titles.value?.length;
    return [n === undefined ? "" : n ? t("search.library", { n }) : t("search.library.empty"), false];
  }
  let line = counted(of);
  if (inNoLanguage(of)) line += `. ${t("search.nolanguage")}`;
  if (of.first.unseenTitles) line += `. ${t("search.unseen", { n: of.first.unseenTitles })}`;
  const parts = of.first.partial.map((x) => `${x.part}: ${x.error}`).join("; ");
  if (parts) line += `. ${t("search.partial", { parts })}`;
  return [line, parts !== ""];
}

function toldOf(r: Ran): string {
  switch (r.way) {
    case "spelling":
      return t("told.spelling", { text: r.text, asked: r.asked });
    case "prefix":
      return t("told.prefix", { text: r.text });
    case "fuzzy":
      return t("told.fuzzy", { text: r.text });
  }
  return r.translator ? t("told.translated", { text: r.text, asked: r.asked, translator: r.translator }) : "";
}

function Offered({ lines, label, id }: { lines: string[]; label: string; id: string }) {
  if (!lines.length) return null;
  return (
    <span id={id} role="group" aria-label={label} class="offered">
      {label} {lines.map((q) => <button type="button" onClick={() => set(q)}>{q}</button>)}
    </span>
  );
}

export function Told() {
  const [line, bad] = status();
  const of = answer.value?.first;
  const ran = [...new Set(of?.ran.map(toldOf).filter(Boolean))];
  const spelt = of?.ran.some((r) => r.way === "spelling");
  return (
    <div class="told">
      <p id="status" role="status" class={bad ? "bad" : ""} aria-busy={asking.value || typing.value}>{line}</p>
      {of && (
        <p id="told" aria-live="polite">
          {ran.join(" ")}
          <Offered id="meant" label={t("told.meant")} lines={spelt ? [] : of.didYouMean} />
        </p>
      )}
      <Offered id="also" label={t("told.also")} lines={also.value} />
    </div>
  );
}
