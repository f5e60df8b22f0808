// The words of a hit: the line in the person's language, beneath the line that matched, and the reason for the hit.
import type { ComponentChildren } from "preact";
import type { Evidence, Hit, TextRange } from "../generated/cinedex/v1/search_pb";
import { leafName } from "../store/catalog";
import { languageName, t } from "../words/words";

const bytes = new TextEncoder();
const letters = new TextDecoder();

/** marked is a text with the words found marked; ranges are in bytes of UTF-8. */
export function marked(text: string, marks: readonly TextRange[]): ComponentChildren[] {
  if (!marks.length) return [text];
  const b = bytes.encode(text);
  const out: ComponentChildren[] = [];
  let at = 0;
  for (const { start, end } of marks) {
    out.push(letters.decode(b.subarray(at, start)), <mark>{letters.decode(b.subarray(start, end))}</mark>);
    at = end;
  }
  out.push(letters.decode(b.subarray(at)));
  return out;
}

/** Said is the lines of a hit. Each line has its own language. */
export function Said({ hit, most = 2 }: { hit: Hit; most?: number }) {
  const lines = hit.lines.length ? hit.lines : hit.text ? [hit] : [];
  return (
    <>
      {lines.slice(0, most).map((l, i) => (
        <span class={i ? "said beneath" : "said"} lang={l.language || undefined} dir="auto">
          {l.language && lines.length > 1 && <small class="lang" dir="ltr" title={languageName(l.language)}>{l.language}</small>}
          {marked(l.text, l.marks)}
        </span>
      ))}
    </>
  );
}

/** because is one piece of evidence in words. */
export function because(e: Evidence): string {
  const leaf = leafName(e.leaf === "any" ? e.kind : e.leaf);
  if (e.label) return t("why.label", { label: e.label });
  if (e.by === "picture") return t("why.picture");
  if (e.by === "meaning") return e.language ? t("why.meaning", { language: languageName(e.language) }) : t("why.meaning.plain");
  if (e.language) return t("why.words", { language: languageName(e.language) });
  return t("why.other", { leaf });
}

/** reason is the one reason for a hit, in words. */
export function reason(hit: Hit): string {
  if (hit.likeness === "same") return t("why.same");
  if (hit.likeness === "similar") return t("why.similar");
  const sure = { words: 0, meaning: 2, picture: 3 } as Record<string, number>;
  const best = [...hit.evidence].sort((a, b) => (sure[a.by] ?? 1) - (sure[b.by] ?? 1) || a.rank - b.rank)[0];
  return best ? because(best) : "";
}
