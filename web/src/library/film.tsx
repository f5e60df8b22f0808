// A film of the library: poster, length, languages, and the stages of its algorithms.
import { useSignal } from "@preact/signals";
import { failure, operators } from "../api";
import { StageState, type LibraryEntry, type Stage } from "../generated/cinedex/v1/library_pb";
import { inQuotes } from "../links";
import { go, hrefOf } from "../url";
import { language, languageName, t, type Key } from "../words/words";

const flicks = 705_600_000;

/** length is a length in hours, minutes and seconds. */
function length(duration: bigint): string {
  const s = Math.round(Number(duration) / flicks);
  const two = (n: number) => String(n).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
}

const names: Record<StageState, Key> = {
  [StageState.UNSPECIFIED]: "stage.waiting",
  [StageState.WAITING]: "stage.waiting",
  [StageState.RUNNING]: "stage.running",
  [StageState.INDEXING]: "stage.indexing",
  [StageState.DONE]: "stage.done",
  [StageState.FAILED]: "stage.failed",
  [StageState.CANCELLED]: "stage.cancelled",
};

const classes: Record<StageState, string> = {
  [StageState.UNSPECIFIED]: "waiting", [StageState.WAITING]: "waiting", [StageState.RUNNING]: "running", [StageState.INDEXING]: "running",
  [StageState.DONE]: "done", [StageState.FAILED]: "failed", [StageState.CANCELLED]: "failed",
};

const percent = (part: number): string => new Intl.NumberFormat(language.value, { style: "percent" }).format(part);

/** stateOf is the state of a stage in words. */
function stateOf(s: Stage): string {
  const part = s.state === StageState.RUNNING && s.part >= 0 ? ` ${percent(s.part)}` : "";
  return t(names[s.state]) + part;
}

/** fixOf is what to do about the kind of an error. */
export function fixOf(kind: string): Key {
  switch (kind) {
    case "invalid":
      return "fix.invalid";
    case "not_found":
      return "fix.notfound";
    case "denied":
    case "unauthenticated":
      return "fix.denied";
    case "conflict":
      return "fix.conflict";
    case "unavailable":
    case "exhausted":
      return "fix.unavailable";
  }
  return "fix.internal";
}

function Failed({ of, stage }: { of: LibraryEntry; stage: Stage }) {
  const told = useSignal("");
  const retry = async () => {
    try {
      await operators.submitJob({ job: { kind: "replay", key: `${stage.run} ${Date.now()}`, work: { case: "replay", value: {
        selection: { assets: [of.asset], algorithms: [`${stage.algorithm}@${stage.version}`] }, source: "library", activate: true, failed: true,
      } } } });
      told.value = t("library.retried");
    } catch (e) {
      const f = failure(e);
      told.value = f.kind === "denied" ? t("library.retry.denied") : f.text;
    }
  };
  return (
    <li>
      <b>{stage.algorithm}</b>: {stage.reason} <span class="fix">{t(fixOf(stage.kind))}</span>{" "}
      <button type="button" onClick={() => void retry()} aria-label={t("library.retry.of", { algorithm: stage.algorithm })}>{t("library.retry")}</button>
      <span role="status">{told.value && ` ${told.value}`}</span>
    </li>
  );
}

export function Film({ of }: { of: LibraryEntry }) {
  const open = useSignal(false);
  const name = of.title?.name || of.title?.id || of.asset;
  const done = of.stages.filter((s) => s.state === StageState.DONE).length;
  const failed = of.stages.filter((s) => s.state === StageState.FAILED);
  const rest = of.stages.length - done - failed.length;
  const facts = [length(of.duration), of.width ? `${of.width} × ${of.height}` : "", of.languages.map(languageName).join(", ")].filter(Boolean);
  const to = { view: "search", q: `title:${inQuotes(of.title?.id ?? "")}`, asset: "" } as const;
  return (
    <li class="film" data-asset={of.asset}>
      {of.poster ? <img src={of.poster} alt="" loading="lazy" width={160} height={90} /> : <div class="no-still" aria-hidden="true" />}
      <div class="film-body">
        <h3 dir="auto">
          <a href={hrefOf(to)} onClick={(e) => {
            if (e.ctrlKey || e.metaKey || e.shiftKey) return;
            e.preventDefault();
            go(to);
          }}>{name}</a>
        </h3>
        <p class="quiet small">{facts.join(" · ")}</p>
        {of.bytes && <p class="bad">{of.bytes}</p>}
        <div class="stage-bar" role="img" aria-label={t("library.stages", { done, of: of.stages.length })}>
          {of.stages.map((s) => (
            <span key={s.run} class={`stage ${classes[s.state]}`} title={`${s.algorithm}: ${stateOf(s)}`}>
              {s.state === StageState.RUNNING && <span style={{ width: `${Math.max(8, 100 * Math.max(0, s.part))}%` }} />}
            </span>
          ))}
        </div>
        <p class="small">
          <span class={rest || failed.length ? "" : "quiet"}>{rest ? t("library.working", { n: rest }) : t("library.looked", { n: done })}</span>{" "}
          <button type="button" class="plain" aria-expanded={open.value} aria-label={t("library.details.of", { name })} onClick={() => (open.value = !open.value)}>{t("library.details")}</button>
        </p>
        {failed.length > 0 && <ul class="failures">{failed.map((s) => <Failed key={s.run} of={of} stage={s} />)}</ul>}
        {open.value && (
          <ul class="stages small">
            {of.stages.map((s) => <li key={s.run}><span>{s.algorithm}</span> <span class={classes[s.state]}>{stateOf(s)}</span> {s.waits && <span class="quiet">{s.waits}</span>}</li>)}
            {of.text.map((line) => <li key={line} class="quiet">{line}</li>)}
          </ul>
        )}
      </div>
    </li>
  );
}
