// A newcomer finds, picks and exports the five moments of the demo's film by the page alone. TestFigureNewcomer of cmd/cinedex serves the films
// of the demo, and compares the exported file with the truth of the film.
import { copyFileSync, writeFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { answered, box, chips, expect, test } from "./day.ts";

test.describe.configure({ timeout: 300_000 });

/** Milliseconds that a newcomer thinks before each action. */
const thinking = 1000;
/** Milliseconds between two keys of a newcomer. */
const betweenKeys = 200;

type Step = { action: string; seconds: number };

/**
 * A Newcomer does one action after another: a click, a key, or words typed in a row. The page is reached through a newcomer alone, so no action
 * is left out of the count. Everything else in this file only looks.
 */
class Newcomer {
  readonly steps: Step[] = [];
  readonly #page: Page;
  readonly #began = performance.now();

  constructor(page: Page) {
    this.#page = page;
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  async #act(action: string, act: () => Promise<unknown>): Promise<void> {
    await this.#page.waitForTimeout(thinking);
    await act();
    this.steps.push({ action, seconds: this.seconds });
  }

  open = (address: string): Promise<void> => this.#act("opens the link of the demo", () => this.#page.goto(address));
  click = (what: string, at: Locator): Promise<void> => this.#act(`clicks ${what}`, () => at.click());
  press = (key: string): Promise<void> => this.#act(`presses ${key}`, () => this.#page.keyboard.press(key));
  type = (words: string): Promise<void> => this.#act(`types “${words}”`, () => this.#page.keyboard.type(words, { delay: betweenKeys }));
}

/** What the newcomer is asked for, the words that the newcomer types, taken from the question, and the reason that a wanted moment tells. */
const asked: [ask: string, words: string, reason: RegExp][] = [
  ["Mara says that the harbour is empty", "the harbour is empty", /./],
  ["somebody sells apples at the market, in Spanish", "fresh apples", /./],
  ["there is only honey left", "only honey left", /./],
  // A butterfly is seen, and not said.
  ["a butterfly on flowers", "a butterfly on flowers", /the picture fits|label/],
  ["a promise to write a letter", "promise to write a letter", /./],
];

test("a newcomer finds, picks and exports five moments", async ({ page }) => {
  const newcomer = new Newcomer(page);
  await newcomer.open(process.env["CINEDEX_WEB_LINK"]!);
  await expect(box(page)).toBeFocused();
  await newcomer.type("the harbour");
  await newcomer.click("the suggestion of the title", page.getByRole("option").filter({ hasText: "The Harbour", has: page.getByText("Title", { exact: true }) }));
  await expect(chips(page)).toHaveText(/The Harbour/);
  for (const [i, [ask, words, reason]] of asked.entries()) {
    if (i > 0) await newcomer.press("/");
    await newcomer.type(words);
    await expect(page.locator("#suggestions")).toHaveAttribute("data-typed", words);
    await answered(page);
    // The newcomer takes the first moment with such a reason, whatever the moment is: the truth is not known here.
    const moment = page.locator(".tile").filter({ has: page.locator(".why", { hasText: reason }) }).first();
    await expect(moment.locator(".still"), ask).toBeInViewport({ ratio: 0.9 });
    await newcomer.click(`the tick of the first moment for “${ask}”`, moment.locator(".pick"));
    await expect(page.getByRole("region", { name: "Picked moments" }).getByRole("status")).toContainText(`${i + 1} moment`);
  }
  const basket = page.getByRole("region", { name: "Picked moments" });
  await newcomer.click("Add", basket.getByRole("button", { name: "Add" }));
  await newcomer.click("Open the bin", basket.getByRole("button", { name: "Open the bin" }));
  await newcomer.click("Export", page.getByRole("button", { name: "Export" }));
  const save = page.getByRole("dialog").getByRole("link", { name: "Save the file" });
  await expect(page.getByRole("dialog").getByRole("status")).toContainText("5 clips, ready");
  const saved = page.waitForEvent("download");
  await newcomer.click("Save the file", save);
  const file = await saved;
  const path = process.env["CINEDEX_WEB_FIGURES"]!;
  copyFileSync(await file.path(), `${path}.export`);
  writeFileSync(path, JSON.stringify({ seconds: newcomer.seconds, steps: newcomer.steps, file: file.suggestedFilename(), asked: asked.map(([ask]) => ask) }));
});
