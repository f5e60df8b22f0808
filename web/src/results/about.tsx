// About the open hit: the words, where, how sure, why, and whether a person calls the hit right.
import { useSignal } from "@preact/signals";
import { Verdict } from "../generated/cinedex/v1/judgement_pb";
import { failure } from "../api";
import { narrow } from "../store/line";
import { answer, judge, opened } from "../store/search";
import { inQuotes } from "../links";
import { go, place } from "../url";
import { t } from "../words/words";
import { because, marked, Said } from "./text";

const verdicts = new Map<string, Verdict>();

export function About() {
  const refused = useSignal("");
  const again = useSignal(0);
  const of = opened.value;
  if (!of || of.hit.asset !== place.value.asset) return null;
  const { hit, query } = of;
  const key = JSON.stringify([query, hit.asset, String(hit.start), String(hit.end)]);
  const verdict = verdicts.get(key) ?? Verdict.UNSPECIFIED;
  const say = async (v: Verdict) => {
    const next = v === verdict ? Verdict.UNSPECIFIED : v;
    try {
      await judge(query, hit, next);
      verdicts.set(key, next);
      refused.value = "";
    } catch (e) {
      refused.value = failure(e).text;
    }
    again.value++;
  };
  const facts: [string, string][] = [
    [t("about.in"), hit.startTimecode], [t("about.out"), hit.endTimecode], [t("about.frames"), `${hit.startFrame}–${hit.endFrame}`],
    [t("about.confidence"), hit.confidence ? hit.confidence.toFixed(2) : "–"], [t("about.score"), hit.score.toFixed(4)],
  ];
  if (hit.likeness) facts.push([t("about.likeness"), t(hit.likeness === "same" ? "why.same" : "why.similar")]);
  const group = answer.value?.byTitle;
  return (
    <section class="about" id="about" aria-label={t("about.hit")}>
      <h2 dir="auto">{hit.titleName || hit.title}</h2>
      <p><Said hit={hit} most={4} /></p>
      <div class="about-tools">
        {query && (
          <>
            <button type="button" data-verdict="right" aria-pressed={verdict === Verdict.RIGHT} title={t("about.right.hint")} onClick={() => void say(Verdict.RIGHT)}>{t("about.right")}</button>
            <button type="button" data-verdict="wrong" aria-pressed={verdict === Verdict.WRONG} title={t("about.wrong.hint")} onClick={() => void say(Verdict.WRONG)}>{t("about.wrong")}</button>
          </>
        )}
        {group && (
          <button type="button" onClick={() => {
            go({ byTitle: false, asset: "" }, false);
            void narrow("title", hit.title, `title:${inQuotes(hit.title)}`);
          }}>{t("group.all")}</button>
        )}
      </div>
      {refused.value && <p class="bad" role="alert">{refused.value}</p>}
      <dl>{facts.map(([k, v]) => <><dt>{k}</dt><dd>{v}</dd></>)}</dl>
      <h3>{t("about.evidence")}</h3>
      <ul>
        {hit.evidence.map((e) => (
          <li title={`${e.algorithm}@${e.version} · ${e.by} · ${e.score.toFixed(3)} · ${e.run}`}>
            {because(e)} <small class="quiet">{t("about.rank", { n: e.rank })}</small>
            {e.text && e.text !== hit.text && <q dir="auto" lang={e.language || undefined}>{marked(e.text, [])}</q>}
          </li>
        ))}
      </ul>
      {hit.credit && <small class="quiet">{hit.credit}</small>}
    </section>
  );
}
