// Twelve states of the page as pictures, compared with the goldens of the folder goldens. A thousandth of the points may differ. The comparison is a part
// of `make browsers` and not of CI, since another Chromium may paint other points.
//
// Goldens are renewed by `CINEDEX_BROWSERS=all scripts/web-test --project=goldens --update-snapshots`. Look at each changed picture before the commit: a golden is
// a promise of how the page looks. A test card stands for each picture of a film, and 00 for each time that differs from run to run.
import type { Page } from "@playwright/test";
import { answered, ask, box, chips, enter, expect, hits, test } from "./day.ts";

test.use({ colorScheme: "dark", reducedMotion: "reduce" });

// A circle that is no circle any more, or a side that is missing, tells that a picture is stretched or cut.
const card = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180"><path fill="#3b5a72" d="M0 0h320v180H0z"/><path fill="#c9a24b" d="M0 120h320v60H0z"/><circle cx="160" cy="90" r="60" fill="#e4e0d4"/><path fill="none" stroke="#b04a3a" stroke-width="8" d="M4 4h312v172H4z"/></svg>`;

test.beforeEach(async ({ page }) => {
  await page.route("**/thumbnails/**", (route) => route.fulfill({ contentType: "image/svg+xml", body: card }));
  // The searches of others are those of the tests beside.
  await page.route(/RecommendService\/Recommend(\?|$)/, (route) => route.fulfill({ contentType: "application/proto", body: "" }));
});

/** golden compares the window with a golden, when everything in sight is there. */
async function golden(page: Page, name: string): Promise<void> {
  await answered(page);
  await page.mouse.move(1, 1);
  await page.evaluate(async () => {
    for (const v of document.querySelectorAll("video")) v.style.opacity = "0";
    const seen = [...document.images].filter((i) => i.getBoundingClientRect().top < innerHeight && i.getBoundingClientRect().bottom > 0);
    await Promise.all(seen.map((i) => { i.loading = "eager"; return i.decode().catch(() => undefined); }));
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = texts.nextNode() as Text | null; n; n = texts.nextNode() as Text | null) n.data = n.data.replace(/\d[\d.,]* ms/g, "00 ms");
  });
  await expect(page).toHaveScreenshot(`${name}.png`);
}

/** found asks, and waits for the counts behind the answer. */
async function found(page: Page, question: string): Promise<void> {
  await ask(page, question);
  await expect(hits(page).first()).toBeVisible();
  await expect(page.locator(".facet").first()).toBeVisible();
}

test("the first view", async ({ page }) => {
  await enter(page, "", "painter");
  await expect(page.locator("#first button").first()).toBeVisible();
  await golden(page, "first");
});

test("suggestions", async ({ page }) => {
  // Which answers come between the keys depends on the load of the machine.
  await page.route(/SearchService\/Search(\?|$)/, (route) => route.fulfill({ contentType: "application/proto", body: "" }));
  await enter(page, "", "painter");
  await box(page).pressSequentially("light");
  await expect(page.getByRole("listbox").getByRole("option").first()).toBeVisible();
  await expect(page.locator("#suggestions")).toHaveAttribute("data-typed", "light");
  await golden(page, "suggestions");
});

test("results", async ({ page }) => {
  await enter(page, "", "painter");
  await found(page, "title:the-lighthouse captain");
  await expect(chips(page)).toHaveCount(1);
  await golden(page, "results");
});

test.describe("a light system", () => {
  test.use({ colorScheme: "light" });
  test("results by title", async ({ page }) => {
    await enter(page, "?group=title", "painter");
    await found(page, "captain");
    await expect(page.locator(".lane-of .tick").nth(1)).toBeVisible();
    await golden(page, "titles");
  });
  test("the library", async ({ page }) => {
    await enter(page, "?view=library", "painter");
    await expect(page.locator(".film").nth(3)).toBeVisible();
    await golden(page, "library");
  });
});

test("a wrong query line over the last answer", async ({ page }) => {
  await enter(page, "", "painter");
  await found(page, "storm");
  await ask(page, 'dialogue:"half');
  await expect(page.locator("#status.bad")).toBeVisible();
  await golden(page, "error");
});

test("the bench", async ({ page }) => {
  await enter(page, "", "painter");
  await found(page, "dialogue:whistle");
  await hits(page).first().click();
  await expect(page).toHaveURL(/frame=\d+/);
  await page.goto(page.url()); // a film that a link opens stands
  await expect(page.locator(".transcript li").first()).toBeVisible();
  await expect(page.locator(".bench .track").nth(3)).toBeVisible();
  await expect(page.locator("video[data-frame]")).toBeVisible();
  await golden(page, "bench");
});

test("a bin, and its export", async ({ page }) => {
  await enter(page, "", "painter");
  await found(page, "storm");
  await hits(page).first().focus();
  await page.keyboard.press("x");
  await hits(page).nth(1).click({ modifiers: ["Shift"] });
  const basket = page.getByRole("region", { name: "Picked moments" });
  await basket.getByLabel("Name of the bin").fill("The storm");
  await golden(page, "picked");
  await basket.getByRole("button", { name: "Add" }).click();
  await basket.getByRole("button", { name: "Open the bin" }).click();
  await expect(page.getByRole("list", { name: "Clips" }).getByRole("listitem").first()).toBeVisible();
  await golden(page, "bin");
  await page.getByRole("button", { name: "Export" }).click();
  await expect(page.getByText("2 clips, ready")).toBeVisible();
  await golden(page, "export");
});

test.describe("a telephone", () => {
  test.use({ viewport: { width: 390, height: 844 } });
  test("results at 390 pixels", async ({ page }) => {
    await enter(page, "", "painter");
    await found(page, "captain");
    await golden(page, "results-390");
  });
});

test.describe("a German browser", () => {
  test.use({ locale: "de", colorScheme: "light" });
  test("results in German", async ({ page }) => {
    await enter(page, "", "painter");
    await found(page, "Sturm");
    await golden(page, "results-de");
  });
});
