// The same page in WebKitGTK, by the driver of the distribution (webkit2gtk-driver) on a display of its own.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { Builder, By, Capabilities, Key, until, type WebDriver } from "selenium-webdriver";
import { webkit } from "./browsers.ts";
import { path, shared, tokenOf } from "./day.ts";

test.describe.configure({ mode: "serial", timeout: 120_000 });

let driver: WebDriver;
const started: ChildProcess[] = [];

const freePort = (): Promise<number> =>
  new Promise((done) => {
    const s = createServer().listen(0, "127.0.0.1", () => {
      const { port } = s.address() as { port: number };
      s.close(() => done(port));
    });
  });

/** The browser that the driver starts. */
function miniBrowser(): string {
  for (const folder of ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/libexec"]) {
    for (const version of existsSync(folder) ? readdirSync(folder).filter((f) => f.startsWith("webkit2gtk-")) : []) {
      const program = join(folder, version, "MiniBrowser");
      if (existsSync(program)) return program;
    }
  }
  throw new Error("WebKitWebDriver is here, and MiniBrowser is not");
}

test.beforeAll(async () => {
  const { driver: program, display } = webkit()!;
  // Xvfb takes a free display, and writes the number to descriptor 3.
  const screen = spawn(display, ["-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
  started.push(screen);
  const number = await new Promise<string>((done, fail) => {
    screen.once("error", fail);
    screen.stdio[3]!.once("data", (b: Buffer) => done(b.toString().trim()));
  });
  const port = await freePort();
  started.push(spawn(program, ["--host=127.0.0.1", `--port=${port}`], { stdio: "ignore", env: { ...process.env, DISPLAY: `:${number}` } }));
  const capabilities = new Capabilities({ browserName: "MiniBrowser", "webkitgtk:browserOptions": { binary: miniBrowser(), args: ["--automation"] } });
  await expect(async () => {
    driver = await new Builder().usingServer(`http://127.0.0.1:${port}`).withCapabilities(capabilities).build();
  }).toPass({ timeout: 30_000 });
  await driver.get(shared().url + path);
  await driver.findElement(By.id("token")).sendKeys(tokenOf("editor"), Key.ENTER);
  await driver.wait(async () => !(await driver.getCurrentUrl()).includes("/login"), 20_000);
});

test.afterAll(async () => {
  await driver?.quit();
  for (const p of started.reverse()) p.kill();
});

const first = () => driver.wait(until.elementLocated(By.css("#hits .hit:not(.waits)")), 20_000);

async function opened(query: string): Promise<void> {
  await driver.get(`${shared().url}${path}${query}`);
  await driver.wait(until.elementLocated(By.css("nav")), 20_000);
}

test("WebKit finds a word of a line", async () => {
  await opened("?q=whistle");
  expect(await (await first()).getText()).toContain("whistle");
});

test("WebKit takes a question by the keyboard", async () => {
  await opened("");
  await driver.findElement(By.css("form[role=search] input:not([type=file])")).sendKeys("telescope", Key.ENTER);
  await driver.wait(async () => (await (await first()).getText()).includes("telescope"), 20_000);
  expect(await driver.getCurrentUrl()).toContain("q=telescope");
});

test("WebKit shows hostile lines as text", async () => {
  await opened("?q=thunder");
  await driver.wait(async () => (await (await first()).getText()).includes("<script>"), 20_000);
  expect(await driver.getTitle()).not.toContain("owned");
});

test("WebKit keeps the page within the window", async () => {
  await opened("?q=captain");
  await first();
  expect(await driver.executeScript("return document.documentElement.scrollWidth - document.documentElement.clientWidth")).toBeLessThanOrEqual(0);
});

test("WebKit opens a hit and comes back", async () => {
  await opened("?q=whistle");
  await (await first()).click();
  await driver.wait(until.urlContains("asset="), 20_000);
  await driver.navigate().back();
  await driver.wait(async () => !(await driver.getCurrentUrl()).includes("asset="), 20_000);
});

for (const view of ["bins", "library", "operators"]) {
  test(`WebKit shows the part ${view}`, async () => {
    await opened(`?view=${view}`);
    const at = await driver.wait(until.elementLocated(By.css("nav [aria-current=page]")), 20_000);
    expect(await at.getAttribute("href")).toContain(view);
  });
}
