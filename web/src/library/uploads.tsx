// Sending films: the form, the progress of each film, and what the server has of the person.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { drop, forget, giveUp, maxBytes, pause, refresh, resume, retry, send, sendings, sents, uploadsOff, type Sending, type Sent } from "../store/uploads";
import { language, languageName, t } from "../words/words";
import { fixOf } from "./film";

/** size is a number of bytes for a person. */
function size(bytes: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let n = bytes;
  let u = 0;
  while (n >= 1000 && u < units.length - 1) [n, u] = [n / 1000, u + 1];
  return new Intl.NumberFormat(language.value, { style: "unit", unit: units[u]!, unitDisplay: "short", maximumFractionDigits: u ? 1 : 0 }).format(n);
}

/** idOf makes an id of a title from a file's name. */
const idOf = (name: string): string => name.replace(/\.[^.]*$/, "").normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").toLowerCase().slice(0, 100);
const nameOf = (name: string): string => name.replace(/\.[^.]*$/, "").replace(/[._]+/g, " ").trim();
/** tagOf is the language in a name such as film.de.srt. */
const tagOf = (name: string): string => /\.([a-z]{2,3}(?:-[A-Za-z0-9]+)?)\.[a-z]+$/.exec(name)?.[1] ?? "";
const textFile = /\.(srt|vtt|ttml|xml|stl|ass|ssa|sbv|sub|scc|mcc)$/i;

const tongues = ["en", "de", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "uk", "zh", "ar", "hi"];

function Form({ done }: { done: () => void }) {
  const film = useSignal<File | null>(null);
  const text = useSignal<File | null>(null);
  const title = useSignal("");
  const name = useSignal("");
  const tongue = useSignal(language.value as string);
  const wrong = useSignal("");
  const chosen = (files: FileList | null) => {
    for (const f of files ?? []) {
      if (textFile.test(f.name)) {
        text.value = f;
        tongue.value = tagOf(f.name) || tongue.value;
      } else {
        film.value = f;
        title.value ||= idOf(f.name);
        name.value ||= nameOf(f.name);
      }
    }
    wrong.value = film.value && maxBytes.value && film.value.size > maxBytes.value ? t("library.toolarge", { size: size(film.value.size), most: size(maxBytes.value) }) : "";
  };
  const begin = (e: Event) => {
    e.preventDefault();
    if (!film.value || wrong.value) return;
    void send(film.value, { title: title.value.trim(), name: name.value.trim(), texts: text.value ? [{ file: text.value, language: tongue.value }] : [] });
    done();
  };
  return (
    <form class="upload" onSubmit={begin} onDragOver={(e) => e.preventDefault()} onDrop={(e) => {
      e.preventDefault();
      chosen(e.dataTransfer?.files ?? null);
    }}>
      <label>{t("library.file")}<input type="file" required={!film.value} multiple onChange={(e) => chosen(e.currentTarget.files)} /></label>
      {film.value && <p class="quiet small">{film.value.name} · {size(film.value.size)}</p>}
      {wrong.value && <p class="bad" role="alert">{wrong.value}</p>}
      <label>{t("library.title.id")}<input required maxLength={200} pattern="[A-Za-z0-9._:\/\-]+" value={title.value} onInput={(e) => (title.value = e.currentTarget.value)} aria-describedby="title-hint" /></label>
      <p id="title-hint" class="quiet small">{t("library.title.hint")}</p>
      <label>{t("library.title.name")}<input maxLength={200} value={name.value} onInput={(e) => (name.value = e.currentTarget.value)} /></label>
      <label>{t("library.text")}<input type="file" accept=".srt,.vtt,.ttml,.xml,.stl,.ass,.ssa,.sbv,.sub,.scc,.mcc" onChange={(e) => chosen(e.currentTarget.files)} /></label>
      {text.value && (
        <label>{t("library.text.language")}
          <select value={tongue.value} onChange={(e) => (tongue.value = e.currentTarget.value)}>
            {[...new Set([tongue.value, ...tongues])].map((tag) => <option value={tag}>{languageName(tag)}</option>)}
          </select>
        </label>
      )}
      <p><button class="primary">{t("library.send")}</button> <button type="button" onClick={done}>{t("library.cancel")}</button></p>
    </form>
  );
}

const states = { sending: "upload.sending", paused: "upload.paused", waiting: "upload.waiting", done: "upload.done", failed: "upload.failed" } as const;

function Progress({ of }: { of: Sending }) {
  const under = of.state === "sending" || of.state === "waiting" || of.state === "paused";
  return (
    <li class={`sending ${of.state}`}>
      <b dir="auto">{of.file}</b>{" "}
      <span role="status">{t(states[of.state])}</span>
      {under && <progress max={of.bytes} value={of.sent} aria-label={t("upload.progress", { file: of.file })} />}
      {under && <span class="quiet small">{t("upload.part", { sent: size(of.sent), bytes: size(of.bytes) })}</span>}
      {of.state === "failed" && <p class="bad" role="alert">{of.problem} {of.fix && <span class="fix">{t(of.fix)}</span>}</p>}
      {of.state === "sending" || of.state === "waiting" ? <button type="button" onClick={() => pause(of.key)}>{t("upload.pause")}</button> : null}
      {of.state === "paused" && <button type="button" onClick={() => resume(of.key)}>{t("upload.resume")}</button>}
      {under ? <button type="button" class="plain" onClick={() => giveUp(of.key)}>{t("upload.giveup")}</button> : <button type="button" class="plain" onClick={() => forget(of.key)}>{t("upload.dismiss")}</button>}
    </li>
  );
}

function Unfinished({ of }: { of: Sent }) {
  const told = useSignal("");
  const act = async (how: (id: string) => Promise<string>) => {
    told.value = await how(of.id);
  };
  return (
    <li class={of.state}>
      <b dir="auto">{of.file}</b> <span class="quiet">{of.title}</span>{" "}
      {of.state === "refused" ? (
        <>
          <p class="bad">{of.reason} <span class="fix">{t(fixOf(of.kind ?? ""))}</span></p>
          <button type="button" onClick={() => void act(retry)}>{t("library.retry")}</button>
        </>
      ) : of.state === "unfinished" ? (
        <>
          <span>{t("upload.unfinished", { sent: size(of.offset), bytes: size(of.bytes) })}</span>
          <p class="quiet small">{t("upload.unfinished.fix")}</p>
        </>
      ) : <span>{t("upload.arriving")}</span>}
      {of.state !== "arriving" && <button type="button" class="plain" onClick={() => void act(drop)}>{t("upload.delete")}</button>}
      <span role="status">{told.value}</span>
    </li>
  );
}

export function Uploads() {
  const open = useSignal(false);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    void refresh();
    const timer = setInterval(() => void refresh(), 5000);
    return () => clearInterval(timer);
  }, []);
  if (uploadsOff.value === "off" || (sents.value === null && !uploadsOff.value)) return null;
  const under = new Set(sendings.value.filter((s) => s.state !== "done" && s.state !== "failed").map((s) => `${s.title} ${s.file}`));
  const rest = (sents.value ?? []).filter((s) => s.part !== "text" && s.state !== "arrived" && s.state !== "whole" && !under.has(`${s.title} ${s.file}`));
  return (
    <section class="uploads" aria-labelledby="uploads-title">
      <h2 id="uploads-title">{t("library.uploads")}</h2>
      {uploadsOff.value === "role" ? <p class="quiet">{t("library.norole")}</p> : open.value ? (
        <Form done={() => {
          open.value = false;
          requestAnimationFrame(() => opener.current?.focus());
        }} />
      ) : <button ref={opener} type="button" class="primary" onClick={() => (open.value = true)}>{t("library.upload")}</button>}
      <ul class="sendings">
        {sendings.value.map((s) => <Progress key={s.key} of={s} />)}
        {rest.map((s) => <Unfinished key={s.id} of={s} />)}
      </ul>
    </section>
  );
}
