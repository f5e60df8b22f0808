// An editor asks: words, languages, pictures, terms as chips, suggestions, and what is told of the answer.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { answered, ask, box, chips, clean, enter, expect, fits, hits, path, shared, status, test } from "./day.ts";

const suggestions = (page: Page) => page.getByRole("listbox").getByRole("option");

/** A hit of a line, by the words of the line. */
const hitOf = (page: Page, text: string | RegExp) => hits(page).filter({ hasText: text });

const questions: [name: string, question: string, found: string][] = [
  ["a word of a line", "whistle", "Did you hear the whistle last night?"],
  ["several words of a line", "grandmother apple tree", "My grandmother planted that apple tree."],
  ["a phrase in quotes", 'dialogue:"black coffee"', "A strong black coffee, captain."],
  ["a German word with an umlaut", "Großmutter", "Meine Großmutter hat diesen Apfelbaum gepflanzt."],
  ["a German word without its umlaut", "grossmutter", "Meine Großmutter hat diesen Apfelbaum gepflanzt."],
  ["a Spanish word", "manzano", "Mi abuela plantó ese manzano."],
  ["a French word with its accent", "crépuscule", "Le gardien alluma la lampe au crépuscule."],
  ["a Japanese word", "蜂蜜", "砂糖はもうない。蜂蜜だけだ。"],
  ["an Arabic word", "العاصفة", "لا أحد يريد الإبحار قبل العاصفة."],
  ["a meaning in other words", "the boats stay ashore because of bad weather", "Nobody sails before the storm."],
  ["two leaves", "dialogue:sugar AND dialogue:honey", "We have no sugar left, only honey."],
  ["one leaf and not another", "dialogue:captain AND NOT dialogue:coffee", "The lamp went dark, captain."],
];
test("questions in words, languages, phrases and leaves find their lines @everywhere", async ({ page }) => {
  test.slow(); // twelve questions
  await enter(page);
  for (const [name, question, found] of questions) {
    await test.step(name, async () => {
      if (await chips(page).count()) await page.goto(shared().url + path);
      await ask(page, question);
      await expect(hitOf(page, found).first()).toBeVisible();
      await expect(status(page)).not.toHaveClass(/bad/);
    });
  }
});

test("a hit marks the words found, tells one reason, and has a name for screen readers", async ({ page }) => {
  await enter(page, "?q=whistle");
  await expect(hits(page).first().locator("mark").first()).toHaveText(/whistle/i);
  await expect(hitOf(page, "whistle").first()).toContainText(/words|said/i);
  await expect(hitOf(page, "whistle").first()).toHaveAccessibleName(/The Lighthouse.*01:00:\d\d:\d\d.*whistle/s);
});

test.describe("a German editor", () => {
  test.use({ locale: "de-DE" });
  test("reads the German line first, and the line that matched beneath", async ({ page }) => {
    await enter(page, `?q=${encodeURIComponent('dialogue:"black coffee"')}`);
    const said = hits(page).first().locator("[lang]");
    await expect(said.first()).toContainText("Einen starken schwarzen Kaffee");
    await expect(hits(page).first()).toContainText("black coffee");
  });
  test("is told of the answer in German", async ({ page }) => {
    await enter(page, "?q=whistle");
    await expect(status(page)).toContainText(/Moment|Stelle/);
  });
});

test("every line says its language to screen readers", async ({ page }) => {
  await enter(page, `?q=${encodeURIComponent("蜂蜜")}`);
  await expect(hits(page).first().locator('[lang="ja"]').first()).toBeVisible();
});

test("Arabic lines run from right to left in a page from left to right", async ({ page }) => {
  await enter(page, `?q=${encodeURIComponent("القمر")}`);
  const line = hitOf(page, "القمر").first().locator('[lang="ar"]').first();
  await expect(line).toBeVisible();
  expect(await line.evaluate((e) => getComputedStyle(e).direction)).toBe("rtl");
  expect(await page.evaluate(() => getComputedStyle(document.body).direction)).toBe("ltr");
  await expect(hitOf(page, "القمر").first()).toContainText("قصة الميناء");
  await fits(page);
  await clean(page);
});

test("hostile lines and names are text, and nothing of them runs @everywhere", async ({ page }) => {
  await enter(page, "?q=thunder");
  await expect(hitOf(page, "<script>document.title='owned'</script> thunder").first()).toBeVisible();
  await expect(hits(page).first()).toContainText('<b onclick="document.title=\'owned\'">Bold</b> & "quoted"');
  await ask(page, "lightning");
  await expect(hitOf(page, "&lt;i&gt; lightning {n} {{x}} ${y}").first()).toBeVisible();
  expect(await page.title()).not.toContain("owned");
  await expect(page.locator("#hits script, #hits b[onclick], #hits img[src=x]")).toHaveCount(0);
});

test("a hostile question is text, too", async ({ page }) => {
  await enter(page);
  await ask(page, `<img src=x onerror="document.title='owned'">`);
  await expect(page.locator("img[src=x]")).toHaveCount(0);
  expect(await page.title()).not.toContain("owned");
});

test.describe("a telephone", () => {
  test.use({ viewport: { width: 390, height: 844 } });
  test("keeps very long names and lines within the window", async ({ page }) => {
    await enter(page, `?q=${encodeURIComponent('dialogue:"a very long line"')}`);
    await expect(hitOf(page, "a very long line of dialogue").first()).toBeVisible();
    await fits(page);
    await clean(page);
  });
  test("keeps a word without a break within the window", async ({ page }) => {
    await enter(page, `?q=${"unbroken".repeat(40)}`);
    await answered(page);
    await fits(page);
  });
});

test("what nothing says is told as no good match @everywhere", async ({ page }) => {
  await enter(page);
  await ask(page, 'dialogue.words:"zyzzyva"');
  await expect(status(page)).toHaveText(/nothing found|no good match/i);
  await clean(page);
});

test("a misspelt word is asked as the library spells the word, and told", async ({ page }) => {
  await enter(page);
  await ask(page, "dialogue.words:telescpoe");
  await expect(page.locator("#told")).toContainText(/telescope/i);
});

test("the beginning of a word finds the word, and is told", async ({ page }) => {
  await enter(page);
  await ask(page, "dialogue.words:whis");
  await expect(hitOf(page, "whistle").first()).toBeVisible();
});

test("a wrong query line names its column, and the last answer stays", async ({ page }) => {
  await enter(page, "?q=whistle");
  await expect(hits(page).first()).toBeVisible();
  const before = await hits(page).count();
  await box(page).fill('dialogue:"half');
  await box(page).press("Enter");
  await expect(status(page)).not.toHaveText("");
  expect(await hits(page).count()).toBe(before);
});

test("typing keeps the last answer until the next is there", async ({ page }) => {
  await enter(page, "?q=whistle");
  await expect(hits(page).first()).toBeVisible();
  await box(page).pressSequentially(" ho", { delay: 30 });
  await expect(hits(page).first()).toBeVisible();
});

test("a term becomes a chip, is taken away by the mouse, and the answer follows", async ({ page }) => {
  await enter(page);
  await ask(page, "title:the-lighthouse captain");
  await expect(chips(page).first()).toContainText("The Lighthouse");
  const chip = chips(page).filter({ hasText: "The Lighthouse" });
  await chip.getByRole("button", { name: /remove/i }).click();
  await expect(chips(page).filter({ hasText: "The Lighthouse" })).toHaveCount(0);
  await answered(page);
  await expect(page).not.toHaveURL(/the-lighthouse/);
});

test("chips are walked and taken away by the keyboard", async ({ page }) => {
  await enter(page);
  await ask(page, "title:the-lighthouse captain");
  await expect(chips(page).first()).toBeVisible();
  const before = await chips(page).count();
  await box(page).focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowLeft");
  await expect(chips(page).last().locator(".chip-text")).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(chips(page)).toHaveCount(before - 1);
  await expect(box(page)).toBeFocused();
});

test("minus turns a term into its opposite, and back", async ({ page }) => {
  await enter(page);
  await ask(page, "dialogue:captain AND dialogue:coffee");
  const last = chips(page).last().locator(".chip-text");
  await last.focus();
  await page.keyboard.press("-");
  await expect(chips(page).last()).toContainText(/not/i);
  await answered(page);
  await expect(hitOf(page, "The lamp went dark, captain.").first()).toBeVisible();
});

test("the question is shown as one line of the query language, and taken back", async ({ page }) => {
  await enter(page);
  await ask(page, "title:the-lighthouse captain");
  await page.getByRole("button", { name: /one line/i }).click();
  await expect(box(page)).toHaveValue(/title:/);
  await page.getByRole("button", { name: /one line/i }).click();
  await expect(chips(page).first()).toContainText("The Lighthouse");
  // The chip of the title narrows the suggestions: the lightning is said in another film, and the whistle in the film of the chip.
  await box(page).fill("lightn");
  await expect(page.locator("#suggestions")).toHaveAttribute("data-typed", "lightn");
  await expect(suggestions(page)).toHaveCount(0);
  await box(page).fill("whis");
  await expect(page.getByRole("listbox")).toContainText(/whistle/i);
});

test("each key brings suggestions with what they are", async ({ page }) => {
  await enter(page);
  await box(page).pressSequentially("whis");
  await expect(suggestions(page).first()).toBeVisible();
  await expect(box(page)).toHaveAttribute("aria-expanded", "true");
  await expect(page.getByRole("listbox")).toContainText(/whistle/i);
  await clean(page);
});

test("a suggestion is chosen by arrow and Enter", async ({ page }) => {
  await enter(page);
  await box(page).pressSequentially("light");
  await expect(suggestions(page).filter({ hasText: "The Lighthouse" }).first()).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await expect(box(page)).toHaveAttribute("aria-activedescendant", /.+/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("listbox")).toBeHidden();
  await answered(page);
});

test("Escape closes the suggestions and keeps the words", async ({ page }) => {
  await enter(page);
  await box(page).pressSequentially("whis");
  await expect(suggestions(page).first()).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("listbox")).toBeHidden();
  await expect(box(page)).toHaveValue("whis");
});

test("a character is suggested, and narrows the answer", async ({ page }) => {
  await enter(page);
  await box(page).pressSequentially("Mar");
  const mara = suggestions(page).filter({ hasText: "Mara" }).first();
  await expect(mara).toBeVisible();
  await mara.click();
  await expect(chips(page).filter({ hasText: "Mara" })).toHaveCount(1);
});

test("a timecode leads to the moment", async ({ page }) => {
  await enter(page);
  await box(page).pressSequentially("01:00:10:00");
  const jump = suggestions(page).filter({ hasText: "01:00:10:00" }).first();
  await expect(jump).toBeVisible();
  await jump.click();
  await expect(page).toHaveURL(/frame=250\b/);
});

/** The picture of the first hit, as a file. */
async function still(page: Page): Promise<Buffer> {
  await enter(page, "?q=whistle");
  const src = await hits(page).first().locator("img").first().getAttribute("src");
  const answer = await page.request.get(new URL(src!, page.url()).href);
  return answer.body();
}

test("a chosen picture becomes a chip, and finds its shot", async ({ page }) => {
  const picture = await still(page);
  await enter(page);
  await page.locator("input[type=file]").setInputFiles({ name: "frame.jpg", mimeType: "image/jpeg", buffer: picture });
  await expect(page.locator(".chip-picture")).toContainText("frame.jpg");
  await answered(page);
  await expect(hits(page).first()).toContainText("The Lighthouse");
  await page.locator(".chip-picture").getByRole("button", { name: /remove/i }).click();
  await expect(page.locator(".chip-picture")).toHaveCount(0);
});

for (const way of ["pasted", "dropped"] as const) {
  test(`a ${way} picture becomes a chip, and finds its shot`, async ({ page }) => {
    const picture = (await still(page)).toString("base64");
    await enter(page);
    await page.evaluate(
      ([base64, way]) => {
        const data = new DataTransfer();
        data.items.add(new File([Uint8Array.from(atob(base64!), (c) => c.charCodeAt(0))], "frame.jpg", { type: "image/jpeg" }));
        if (way === "pasted") dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
        else dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
      },
      [picture, way],
    );
    await expect(page.locator(".chip-picture")).toHaveCount(1);
    await answered(page);
    await expect(hits(page).first()).toContainText("The Lighthouse");
  });
}

test("a file that is no picture is refused in plain words", async ({ page }) => {
  await enter(page);
  await page.locator("input[type=file]").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
  await expect(status(page)).toContainText(/not a picture/i);
  await page.locator("input[type=file]").setInputFiles({ name: "broken.png", mimeType: "image/png", buffer: readFileSync(import.meta.filename) });
  await expect(status(page)).toContainText(/cannot be read/i);
});

test("a facet narrows the answer, and is taken back", async ({ page }) => {
  await enter(page, "?q=storm");
  await expect(hits(page).first()).toBeVisible();
  const titles = page.locator(".facet").filter({ has: page.locator("summary", { hasText: "Title" }) });
  await titles.locator("summary").click();
  await titles.getByRole("button", { name: /The Lighthouse/ }).click();
  await answered(page);
  await expect(chips(page).filter({ hasText: "The Lighthouse" })).toHaveCount(1);
  // The chip is there before the answer.
  await expect(hits(page).filter({ hasNotText: "The Lighthouse" })).toHaveCount(0);
  await expect(hits(page).filter({ hasText: "The Lighthouse" }).first()).toBeVisible();
});

test("a language narrows the answer", async ({ page }) => {
  await enter(page, `?q=${encodeURIComponent("lang:ja dialogue:coffee")}`);
  await answered(page);
  await expect(chips(page).filter({ hasText: "Japanese" })).toHaveCount(1);
});

test("the answer is shown by title, each with its timeline", async ({ page }) => {
  await enter(page, "?q=captain");
  await page.getByRole("button", { name: "By title" }).click();
  await expect(page).toHaveURL(/group=title/);
  await expect(page.locator(".lane-of .tick").first()).toBeVisible();
  await expect(page.getByRole("heading", { name: "The Lighthouse" })).toBeVisible();
  await clean(page);
  // However long the name of a title is, its button is in sight.
  for (const all of await page.getByRole("button", { name: "All of this title" }).all()) {
    const at = (await all.boundingBox())!;
    expect(at.x + at.width).toBeLessThanOrEqual(1280);
  }
  await page.locator(".lane-of .tick:not(.near)").first().click();
  await expect(page).toHaveURL(/asset=/);
});

test("the pictures are as large as the editor likes, also after a reload", async ({ page }) => {
  await enter(page, "?q=captain");
  const width = async () => (await hits(page).first().boundingBox())!.width;
  const slider = page.getByRole("slider", { name: /size/i });
  await slider.focus();
  await page.keyboard.press("End");
  const large = await width();
  await page.keyboard.press("Home");
  await expect.poll(width).toBeLessThan(large);
});

test("the pointer leads through the moment", async ({ page }) => {
  await enter(page, "?q=whistle");
  const picture = hits(page).first().locator(".still").first();
  await picture.hover({ position: { x: 150, y: 90 } }); // the tick that picks the hit is in the corner
  await expect(picture.locator(".scrub")).toBeVisible();
  await page.mouse.move(5, 5);
  await expect(picture.locator(".scrub")).toHaveCount(0);
});

test("arrows walk through the hits, Enter opens, and the slash leads back to the box", async ({ page }) => {
  await enter(page, "?q=captain");
  await expect(hits(page).nth(1)).toBeVisible();
  await hits(page).first().focus();
  await page.keyboard.press("ArrowRight");
  await expect(hits(page).nth(1)).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(hits(page).first()).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/asset=.*frame=\d+/);
  await page.keyboard.press("/");
  await expect(box(page)).toBeFocused();
});

test("the focus is seen wherever the keyboard leads", async ({ page }) => {
  await enter(page, "?q=captain");
  await expect(hits(page).first()).toBeVisible();
  await page.locator("body").press("Tab");
  for (let i = 0; i < 14; i++) {
    const seen = await page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return true;
      const own = getComputedStyle(e);
      const around = getComputedStyle(e.closest(".box") ?? e);
      return [own, around].some((s) => s.outlineStyle !== "none" || s.boxShadow !== "none") ? true : e.outerHTML.slice(0, 120);
    });
    expect(seen).toBe(true);
    await page.keyboard.press("Tab");
  }
});

test("the address leads a colleague to the same answer @everywhere", async ({ page, browser }) => {
  await enter(page);
  await ask(page, "whistle");
  await expect(hits(page).first()).toBeVisible();
  const link = new URL(page.url());
  const context = await browser.newContext();
  const colleague = await context.newPage();
  await enter(colleague, link.search, "colleague");
  await expect(hitOf(colleague, "whistle").first()).toBeVisible();
  await context.close();
});

test("back and forward walk through the questions @everywhere", async ({ page }) => {
  await enter(page);
  await ask(page, "whistle");
  await expect(hitOf(page, "whistle").first()).toBeVisible();
  await ask(page, "telescope");
  await expect(hitOf(page, "telescope").first()).toBeVisible();
  await page.goBack();
  await expect(hitOf(page, "whistle").first()).toBeVisible();
  await page.goForward();
  await expect(hitOf(page, "telescope").first()).toBeVisible();
});

test("a reload keeps question, layout and moment", async ({ page }) => {
  await enter(page, "?q=captain&group=title");
  await page.locator(".lane-of .tick:not(.near)").first().click();
  await expect(page).toHaveURL(/asset=/);
  const url = page.url();
  await page.reload();
  await expect(page.locator(".lane-of .tick").first()).toBeVisible();
  expect(page.url()).toBe(url);
});

test("the count of an answer is announced", async ({ page }) => {
  await enter(page);
  await ask(page, "captain");
  await expect(status(page)).toHaveText(/moment/);
  await expect(status(page)).toHaveAttribute("role", "status");
});

test("an open hit tells evidence, in and out", async ({ page }) => {
  await enter(page, "?q=whistle");
  await hitOf(page, "whistle").first().click();
  await expect(page).toHaveURL(/asset=/);
  await clean(page);
  await fits(page);
});

test("a long question of many terms stays within the window", async ({ page }) => {
  await enter(page);
  await ask(page, Array.from({ length: 14 }, (_, i) => `dialogue:captain${i}`).join(" OR "));
  await fits(page);
});

test("keys in quick order give the answer to the last", async ({ page }) => {
  await enter(page);
  await box(page).pressSequentially("telescope", { delay: 5 });
  await box(page).fill("whistle");
  await box(page).press("Enter");
  await answered(page);
  await expect(hits(page).first()).toContainText(/whistle/i);
  await expect(page).toHaveURL(/q=whistle/);
});
