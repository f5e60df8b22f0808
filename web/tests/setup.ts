// Makes the library of the tests once, and serves it to all tests.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Platform, work } from "./platform.ts";

export default async function setup(): Promise<() => Promise<void>> {
  const elsewhere = process.env["CINEDEX_WEB_URL"];
  if (elsewhere) {
    process.env["CINEDEX_WEB"] = JSON.stringify({ url: elsewhere, tokens: [], tokenFile: "", films: "" });
    return async () => undefined;
  }
  const library = join(work, "library");
  // A run begins without the bins and searches of an earlier run.
  if (!process.env["CINEDEX_WEB_KEEP"]) rmSync(library, { recursive: true, force: true });
  const first = new Platform(library);
  await first.start();
  await first.stop();
  const shared = Platform.copyOf(library, join(work, "shared"));
  const served = await shared.start();
  process.env["CINEDEX_WEB"] = JSON.stringify(served);
  return () => shared.stop();
}
