// The box: what is asked, as chips and words, with suggestions below.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { leafName, leafOf } from "../store/catalog";
import { asLine, commit, draft, picture, terms, toLine, type } from "../store/line";
import { accept, none, offeredTo, offers, suggest, type Offer } from "../store/suggestions";
import { answer } from "../store/search";
import { openBench } from "../bench/open";
import { place } from "../url";
import { t, type Key } from "../words/words";
import { Chip, PictureChip } from "./chip";
import { Facets } from "./facets";
import { First } from "./first";
import { take } from "./picture";
import { Told } from "./told";
import { Ways } from "./ways";

/** kindOf tells a person what a suggestion is. */
function kindOf(o: Offer): string {
  const own = `suggestion.${o.kind}`;
  const told = t(own as Key);
  return told === own ? leafName(o.kind) : told;
}

function List({ at, pick }: { at: number; pick: (o: Offer) => void }) {
  return (
    <ul id="suggestions" role="listbox" aria-label={t("ask.suggestions")} data-typed={offeredTo.value} hidden={offers.value.length === 0}>
      {offers.value.map((o, i) => (
        <li
          key={o.key}
          id={`suggestion-${i}`}
          role="option"
          aria-selected={i === at}
          onMouseDown={(e) => {
            e.preventDefault(); // the box keeps the focus
            pick(o);
          }}
        >
          <span dir="auto" title={o.kind === "leaf" ? leafOf(o.text.replace(":", ""))?.hint : undefined}>{o.kind === "timecode" ? t("ask.jump", { timecode: o.q, title: o.text }) : o.text}</span>
          <small>{o.count > 1 ? t("ask.suggestion.count", { kind: kindOf(o), n: o.count }) : kindOf(o)}</small>
        </li>
      ))}
    </ul>
  );
}

function PictureButton() {
  const file = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={file}
        id="file"
        type="file"
        accept="image/*"
        class="hidden-text"
        tabIndex={-1}
        aria-label={t("ask.picture")}
        onChange={(e) => {
          void take(e.currentTarget.files?.[0]);
          e.currentTarget.value = "";
        }}
      />
      <button type="button" class="plain icon" title={t("ask.picture")} aria-label={t("ask.picture")} onClick={() => file.current?.click()}>
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 7h3l2-3h6l2 3h3v13H4z M12 10a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7" /></svg>
      </button>
    </>
  );
}

export function Ask() {
  const box = useRef<HTMLInputElement>(null);
  const at = useSignal(-1);
  useEffect(() => {
    if (place.peek().asset) return; // a link to a moment puts the hands on the film
    if (!matchMedia("(pointer: coarse)").matches) box.current?.focus(); // a telephone would cover the page with its keyboard
  }, []);
  const pick = (o: Offer) => {
    at.value = -1;
    if (o.place) {
      none();
      draft.value = "";
      openBench(o.place);
      box.current?.blur();
      document.querySelector<HTMLElement>(".bench")?.focus(); // a bench that is not there yet takes the focus by itself
      return;
    }
    accept(o);
    box.current?.focus();
  };
  const keys = (e: KeyboardEvent) => {
    const list = offers.value;
    if (e.key === "ArrowDown" && list.length && at.value < list.length - 1) at.value++;
    else if (e.key === "ArrowDown" && !list.length) document.querySelector<HTMLElement>("#hits .hit, #hits .tick")?.focus();
    else if (e.key === "ArrowUp" && list.length && at.value >= 0) at.value--;
    else if (e.key === "Enter" && list[at.value]) pick(list[at.value]!);
    else if (e.key === "Enter" && list[0]?.place) pick(list[0]);
    else if (e.key === "Tab" && !e.shiftKey && list[at.value]) pick(list[at.value]!);
    else if (e.key === "Escape" && list.length) none();
    else if ((e.key === "Backspace" || e.key === "ArrowLeft") && box.current?.selectionStart === 0 && box.current.selectionEnd === 0 && (terms.value.length || picture.value)) {
      box.current.closest(".box")?.querySelector<HTMLElement>(".chip:last-of-type .chip-text")?.focus();
    } else return;
    e.preventDefault();
  };
  return (
    <section class="ask">
      <form
        role="search"
        class="box"
        onSubmit={(e) => {
          e.preventDefault();
          none();
          void commit();
        }}
        onClick={(e) => { if (e.target === e.currentTarget) box.current?.focus(); }}
      >
        <svg class="glass" viewBox="0 0 24 24" aria-hidden="true"><path d="M10 4a6 6 0 1 0 0 12a6 6 0 1 0 0-12 M15 15l5 5" /></svg>
        <PictureChip />
        {terms.value.map((term, i) => <Chip key={i} term={term} />)}
        <input
          ref={box}
          id="box"
          type="text"
          role="combobox"
          aria-expanded={offers.value.length > 0}
          aria-controls="suggestions"
          aria-autocomplete="list"
          aria-activedescendant={at.value >= 0 ? `suggestion-${at.value}` : undefined}
          aria-label={t("search.box")}
          placeholder={terms.value.length || picture.value ? "" : t("ask.placeholder")}
          autocomplete="off"
          spellcheck={false}
          enterkeyhint="search"
          dir="auto"
          value={draft.value}
          onInput={(e) => {
            at.value = -1;
            type(e.currentTarget.value);
            void suggest(draft.value);
          }}
          onKeyDown={keys}
          onBlur={none}
        />
        <PictureButton />
        <button type="button" class="plain icon" aria-pressed={asLine.value} title={t("ask.line")} aria-label={t("ask.line")} onClick={() => toLine(!asLine.value)}>
          <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 6l-5 6l5 6 M16 6l5 6l-5 6" /></svg>
        </button>
      </form>
      <List at={at.value} pick={pick} />
      <div class="under">
        <Told />
        <Ways />
      </div>
      <First />
      {answer.value && <Facets />}
    </section>
  );
}

