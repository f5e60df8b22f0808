// The shelf: the bins and the saved searches of the person, and the open bin.
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { all, begin, bin, make, problem } from "../store/bins";
import { go, hrefOf, place } from "../url";
import { t } from "../words/words";
import { Live, liveName, SavedList } from "./live";
import { OpenBin } from "./openbin";

function Making() {
  const name = useRef<HTMLInputElement>(null);
  return (
    <form
      class="row-form"
      onSubmit={(e) => {
        e.preventDefault();
        const wanted = name.current!.value.trim();
        if (wanted) void make(wanted).then((b) => { if (b) { name.current!.value = ""; go({ view: "bins", bin: b.id }); } });
      }}
    >
      <input ref={name} required maxLength={100} aria-label={t("bins.name")} placeholder={t("bins.name")} />
      <button>{t("bins.make")}</button>
    </form>
  );
}

export function Shelf() {
  const filter = useSignal("");
  useEffect(begin, []);
  const id = place.value.bin;
  const shown = (all.value ?? []).filter((b) => b.name.toLowerCase().includes(filter.value.toLowerCase()));
  const live = liveName(id);
  return (
    <div class={id ? "shelf with-bin" : "shelf"}>
      <aside aria-label={t("bins.list")}>
        <h1>{t("nav.bins")}</h1>
        <Making />
        {(all.value?.length ?? 0) > 8 && <input type="search" aria-label={t("bins.filter")} placeholder={t("bins.filter")} onInput={(e) => (filter.value = e.currentTarget.value)} />}
        <ul class="bins">
          {shown.map((b) => (
            <li key={b.id}>
              <a href={hrefOf({ view: "bins", bin: b.id })} aria-current={b.id === id ? "true" : undefined} onClick={(e) => { if (e.ctrlKey || e.metaKey || e.shiftKey) return; e.preventDefault(); go({ bin: b.id }); }}>
                <span dir="auto">{b.name}</span> <span class="quiet small">{t("bins.count", { n: b.id === bin.value?.id ? bin.value.clipCount : b.clipCount })}</span>
              </a>
            </li>
          ))}
        </ul>
        {all.value?.length === 0 && <p class="quiet">{t("bins.none")}</p>}
        <SavedList />
      </aside>
      <div class="shelf-main">
        {problem.value && <p class="bad" role="alert">{problem.value.text}</p>}
        {live ? <Live key={live} name={live} /> : id && (bin.value?.id === id ? <OpenBin of={bin.value} /> : !problem.value && <p class="quiet" role="status">{t("part.loading")}</p>)}
        {!id && <p class="quiet">{t("bins.choose")}</p>}
      </div>
    </div>
  );
}
