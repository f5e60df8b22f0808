// The frame of the application: the parts, and what stands around the parts.
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { serverAway } from "./api";
import { Ask } from "./ask/ask";
import { About } from "./results/about";
import { Basket } from "./bins/basket";
import { Results } from "./results/results";
import { credits } from "./store/titles";
import { theme, themes, wear, type Theme } from "./style/theme";
import { go, hrefOf, place, type View } from "./url";
import { language, languages, speak, t, type Key, type Language } from "./words/words";

/** later loads a part of the page when the part is first shown. */
function later(load: () => Promise<ComponentType>) {
  const part = signal<ComponentType | null>(null);
  const failed = signal(false);
  return function Later() {
    useEffect(() => {
      if (!part.value) load().then((p) => (part.value = p), () => (failed.value = true));
    }, []);
    const Part = part.value;
    if (Part) return <Part />;
    return <p class="quiet" role="status">{t(failed.value ? "part.failed" : "part.loading")}</p>;
  };
}

const Shelf = later(async () => (await import("./bins/shelf")).Shelf);
const Library = later(async () => (await import("./library/library")).Library);
const Operators = later(async () => (await import("./operators/operators")).Operators);
const Bench = later(async () => (await import("./bench/bench")).Bench);

function Part() {
  switch (place.value.view) {
    case "bins":
      return <Shelf />;
    case "library":
      return <Library />;
    case "operators":
      return <Operators />;
    default:
      return (
        <>
          <Ask />
          <Results />
          <Basket />
        </>
      );
  }
}

const links: [View, Key][] = [["search", "nav.search"], ["bins", "nav.bins"], ["library", "nav.library"], ["operators", "nav.operators"]];

function Head() {
  const at = place.value.view;
  return (
    <header class="head">
      <a class="brand" href={location.pathname} aria-label={t("nav.home")}>Cinedex</a>
      <nav aria-label={t("nav.parts")}>
        {links.map(([view, key]) => (
          <a
            href={hrefOf({ view, asset: "" })}
            aria-current={at === view ? "page" : undefined}
            onClick={(e) => {
              if (e.ctrlKey || e.metaKey || e.shiftKey) return;
              e.preventDefault();
              go({ view });
            }}
          >
            {t(key)}
          </a>
        ))}
      </nav>
      <div class="head-end">
        <select aria-label={t("nav.language")} value={language.value} onChange={(e) => void speak(e.currentTarget.value as Language)}>
          {Object.entries(languages).map(([tag, name]) => <option value={tag} lang={tag}>{name}</option>)}
        </select>
        <select aria-label={t("nav.theme")} value={theme.value} onChange={(e) => wear(e.currentTarget.value as Theme)}>
          {themes.map((name) => <option value={name}>{t(`nav.theme.${name}`)}</option>)}
        </select>
        <form method="post" action="/logout"><button class="plain" title={t("nav.leave.hint")}>{t("nav.leave")}</button></form>
      </div>
    </header>
  );
}

export function App() {
  const [, name] = links.find(([view]) => view === place.value.view)!;
  return (
    <>
      <Head />
      {serverAway.value && <p class="away" role="alert">{t("server.away")}</p>}
      <div class={place.value.asset ? "work with-bench" : "work"}>
        <main>
          <h1 class="hidden-text">{t(name)}</h1>
          <Part />
        </main>
        {place.value.asset && (
          <div class="side">
            <Bench />
            <About />
          </div>
        )}
      </div>
      <footer class="foot quiet">
        <span><kbd>/</kbd> {t("keys.search")}</span>
        <span><kbd>←</kbd><kbd>↑</kbd><kbd>→</kbd><kbd>↓</kbd> {t("keys.choose")}</span>
        <span><kbd>↵</kbd> {t("keys.play")}</span>
        <span class="credits">{credits.value.join(" · ")}</span>
      </footer>
    </>
  );
}
