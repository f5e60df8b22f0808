// A term of the question. Enter edits the term, Delete takes the term away, minus turns the term into its opposite.
import { useRef } from "preact/hooks";
import { leafName, leafOf } from "../store/catalog";
import { filmOf, titleName } from "../store/titles";
import { change, edit, picture, terms, turn } from "../store/line";
import { TermKind, type Term } from "../generated/cinedex/v1/search_pb";
import { languageName, t, type Key } from "../words/words";

// placed tells a place of a film by the name of the title.
function placed(value: string): string {
  const [asset = "", at = ""] = value.split("@");
  const of = filmOf(asset)?.of.title;
  const time = /^(\d+)fl$/.exec(at);
  const seconds = time ? Number(time[1]) / 705_600_000 : 0;
  const when = time ? `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}` : at;
  return `${of?.name || of?.id || asset.slice(0, 6)} ${when}`;
}

/** tell is a term for a person: what it is, and its value. */
export function tell(term: Term): [string, string] {
  switch (term.kind) {
    case TermKind.FILTER:
      if (term.name === "title") return ["", titleName(term.value)];
      if (term.name === "lang") return [t("filter.lang"), languageName(term.value)];
      return [t(`filter.${term.name}` as Key), term.value];
    case TermKind.LEAF: {
      const shape = leafOf(term.name)?.shape;
      if (shape === "frame" || shape === "shot") return [leafName(term.name), placed(term.value)];
      if (term.name === "any") return ["", term.value];
      return [leafName(term.name), term.value ? `“${term.value}”` : ""];
    }
    case TermKind.GAP: {
      const gap = /^WITHIN (\S+)$/.exec(term.text);
      return ["", gap ? t("ask.within", { gap: gap[1]! }) : term.text];
    }
    default:
      return ["", term.text];
  }
}

/** step moves the focus among the chips; behind the last chip comes the box. */
function step(from: HTMLElement, by: number): void {
  const all = [...from.closest(".box")!.querySelectorAll<HTMLElement>(".chip .chip-text, #box")];
  all[all.indexOf(from) + by]?.focus();
}

export function Chip({ term }: { term: Term }) {
  const text = useRef<HTMLButtonElement>(null);
  const [name, value] = tell(term);
  const remove = () => {
    change(terms.value.filter((o) => o !== term));
    document.getElementById("box")?.focus();
  };
  return (
    <span class={`chip chip-${TermKind[term.kind].toLowerCase()}`}>
      <button
        ref={text}
        type="button"
        class="chip-text"
        title={t("ask.chip.hint")}
        onClick={() => void edit(term).then(() => document.getElementById("box")?.focus())}
        onKeyDown={(e) => {
          if (e.key === "ArrowLeft") step(e.currentTarget, -1);
          else if (e.key === "ArrowRight") step(e.currentTarget, 1);
          else if (e.key === "Delete" || e.key === "Backspace") remove();
          else if (e.key === "-" && term.kind === TermKind.LEAF) void turn(term);
          else return;
          e.preventDefault();
        }}
      >
        {term.not && <em>{t("ask.not")} </em>}
        {name && <small>{name} </small>}
        <span dir="auto">{value}</span>
      </button>
      <button type="button" class="chip-x" tabIndex={-1} aria-label={t("ask.chip.remove", { term: `${name} ${value}`.trim() })} onClick={remove}>×</button>
    </span>
  );
}

export function PictureChip() {
  const p = picture.value;
  if (!p) return null;
  const remove = () => {
    picture.value = null;
    document.getElementById("box")?.focus();
  };
  return (
    <span class="chip chip-picture">
      <button type="button" class="chip-text" title={t("ask.chip.picture.hint")} onKeyDown={(e) => {
        if (e.key === "Delete" || e.key === "Backspace") remove();
        else if (e.key === "ArrowLeft") step(e.currentTarget, -1);
        else if (e.key === "ArrowRight") step(e.currentTarget, 1);
        else return;
        e.preventDefault();
      }}>
        <img src={p.url} alt="" /> <span dir="auto">{p.name || t("ask.picture.pasted")}</span>
      </button>
      <button type="button" class="chip-x" tabIndex={-1} aria-label={t("ask.chip.remove", { term: p.name })} onClick={remove}>×</button>
    </span>
  );
}
