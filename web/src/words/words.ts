// The texts of the interface. A text is found by its key in the language of the person.
//
//   t("search.hits", { n: 3 })    "3 moments"
//
// A value is a text, or a text for each plural form of the language (Intl.PluralRules) by the number n.
// {name} in a text stands for a value.
import { signal } from "@preact/signals";
import en from "./en.json";

export type Key = keyof typeof en;
type Plural = Partial<Record<Intl.LDMLPluralRule, string>>;
type Texts = Record<string, string | Plural>;

/** The languages of the interface, each by its own name. */
export const languages = { en: "English", de: "Deutsch", es: "Español", fr: "Français", ja: "日本語" } as const;
export type Language = keyof typeof languages;

const others: Record<Exclude<Language, "en">, () => Promise<{ default: Texts }>> = {
  de: () => import("./de.json"),
  es: () => import("./es.json"),
  fr: () => import("./fr.json"),
  ja: () => import("./ja.json"),
};

/** The language of the interface. Change the language with speak. */
export const language = signal<Language>("en");
const texts = signal<Texts>(en);
const kept = "cinedex.language";

/** speak changes the language of the interface, and keeps the choice for the next visit. */
export async function speak(l: Language, keep = true): Promise<void> {
  texts.value = l === "en" ? en : (await others[l]()).default;
  language.value = l;
  document.documentElement.lang = l;
  if (keep) localStorage.setItem(kept, l);
}

/** begin speaks the kept language, or else the first language of the browser that the interface has. */
export async function begin(): Promise<void> {
  const wanted = [localStorage.getItem(kept) ?? "", ...navigator.languages].map((l) => l.split("-")[0] as Language);
  const l = wanted.find((l) => l in languages) ?? "en";
  await speak(l, false).catch(() => speak("en", false));
}

/** t is the text of a key. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const v = texts.value[key] ?? (en as Texts)[key];
  if (v === undefined) return key;
  const form = typeof v === "string" ? v : (v[new Intl.PluralRules(language.value).select(Number(values["n"]))] ?? v.other ?? "");
  return form.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === "number" ? new Intl.NumberFormat(language.value).format(value) : (value ?? "");
  });
}

/** languageName is the name of a language by its tag, in the language of the interface. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([language.value], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag; // not a tag of BCP 47
  }
}
