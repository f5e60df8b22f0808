// The hits of the answer, as a grid or by title.
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { leafOf } from "../store/catalog";
import { terms, typing } from "../store/line";
import { answer, asking } from "../store/search";
import { go, place } from "../url";
import { t } from "../words/words";
import { Grid } from "./grid";
import { largest, resize, size, smallest } from "./layout";
import { Timelines } from "./timelines";

// folded leaves out the shot that the question itself shows: like this shot, and not this shot.
function folded(hits: Hit[]): Hit[] {
  const only = terms.value.filter((x) => ["frame", "shot"].includes(leafOf(x.name)?.shape ?? ""));
  if (only.length !== 1) return hits;
  const [asset, at = ""] = only[0]!.value.split("@");
  const flicks = /^(\d+)fl$/.exec(at);
  const timecode = /^\d\d[:;]\d\d[:;]\d\d/.test(at) ? at : "";
  return hits.filter((h) => h.asset !== asset || !(flicks ? h.start <= BigInt(flicks[1]!) && BigInt(flicks[1]!) < h.end : timecode && h.startTimecode <= timecode && timecode < h.endTimecode));
}

function Tools({ left }: { left: number }) {
  return (
    <div class="tools" role="group" aria-label={t("results.tools")}>
      <span class="switch" role="group" aria-label={t("results.layout")}>
        <button type="button" aria-pressed={!place.value.byTitle} onClick={() => go({ byTitle: false })}>{t("results.grid")}</button>
        <button type="button" id="group" aria-pressed={place.value.byTitle} onClick={() => go({ byTitle: true })}>{t("results.bytitle")}</button>
      </span>
      {!place.value.byTitle && (
        <label class="size">
          <span class="hidden-text">{t("results.size")}</span>
          <input type="range" min={smallest} max={largest} step={20} value={size.value} onInput={(e) => resize(Number(e.currentTarget.value))} />
        </label>
      )}
      {left > 0 && <span class="quiet small">{t("results.folded", { n: left })}</span>}
    </div>
  );
}

export function Results() {
  const of = answer.value;
  const hits = of ? folded(of.hits) : [];
  return (
    <section id="hits" aria-label={t("results.hits")} aria-busy={asking.value || typing.value}>
      {of && of.hits.length > 0 && <Tools left={of.hits.length - hits.length} />}
      {of && hits.length > 0 && (of.byTitle ? <Timelines of={of} hits={hits} /> : <Grid of={of} hits={hits} />)}
    </section>
  );
}
