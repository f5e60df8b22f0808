// The marked range as a hit, on the way into a bin.
import { create } from "@bufbuild/protobuf";
import { pick } from "../bins/collect";
import { EvidenceSchema, HitSchema, type Hit } from "../generated/cinedex/v1/search_pb";
import { place } from "../url";
import { hits } from "./annotations";
import { film, frame, label, span } from "./film";
import { opened } from "./open";

/** rangeOf is the marked range as a hit, or the frame that shows without marks. A hit of the query inside the range gives text, run and confidence. */
export function rangeOf(): Hit | null {
  const f = film.peek();
  if (!f) return null;
  const [first, behind] = span.peek() ?? [frame.peek(), frame.peek() + 1n];
  const [start, end] = [f.clock.start(first), f.clock.start(behind)];
  const best = hits.peek().filter((h) => h.start < end && h.end > start).sort((a, b) => b.confidence - a.confidence)[0];
  return create(HitSchema, {
    asset: f.asset.id, title: f.asset.title?.id ?? "", titleName: f.asset.title?.name ?? "",
    start, end, startFrame: first, endFrame: behind, startTimecode: label(first), endTimecode: label(behind),
    text: best?.text ?? "", language: best?.language ?? "", confidence: best?.confidence ?? 0,
    evidence: best?.evidence[0] ? [create(EvidenceSchema, best.evidence[0])] : [],
  });
}

/** collectRange picks the marked range for a bin. */
export function collectRange(): void {
  const h = rangeOf();
  if (h) pick(h, false, true, opened.peek()?.query ?? place.peek().q);
}
