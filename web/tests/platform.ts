// A real platform (TestWebFixture of cmd/cinedex) on a loopback port of its own. A platform ends with the process that started it.
import { spawn, type ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "../..");
const program = join(root, "bin/web-fixture");
/** The folder of everything that the tests make. */
export const work = join(root, ".cinedex/web");

export type Caller = { name: string; token: string; titles: string[]; roles: string[] | null };
export type Served = { url: string; tokens: Caller[]; tokenFile: string; films: string };

export class Platform {
  private process: ChildProcess | undefined;
  served!: Served;

  constructor(readonly folder: string, private readonly empty = false) {}

  /** start starts the platform, at the address of the start before. */
  async start(): Promise<Served> {
    mkdirSync(this.folder, { recursive: true });
    const child = spawn(program, ["-test.run", "^TestWebFixture$", "-test.timeout", "0"], {
      cwd: join(root, "cmd/cinedex"),
      env: {
        ...process.env,
        CINEDEX_WEB_FIXTURE: this.folder,
        CINEDEX_WEB_FILMS: join(work, "films"),
        CINEDEX_WEB_ADDRESS: this.served ? new URL(this.served.url).host : "",
        CINEDEX_WEB_EMPTY: this.empty ? "1" : "",
      },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.process = child;
    const said: string[] = [];
    this.served = await new Promise<Served>((done, fail) => {
      createInterface({ input: child.stdout! }).on("line", (line) => {
        said.push(line);
        if (line.startsWith("{")) done(JSON.parse(line) as Served);
      });
      child.once("error", fail);
      child.once("exit", (code) => fail(new Error(`the platform of the tests ended with status ${code}:\n${said.join("\n")}`)));
    });
    return this.served;
  }

  /** kill ends the platform at once, as a power cut does. */
  kill = (): Promise<void> => this.end(() => this.process!.kill("SIGKILL"));

  /** stop lets the platform end in its own way. */
  stop = (): Promise<void> => this.end(() => this.process!.stdin!.end());

  private async end(how: () => unknown): Promise<void> {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    how();
    await gone;
  }

  /** copyOf makes a platform over a copy of the library of a stopped or running platform's folder. */
  static copyOf(folder: string, into: string): Platform {
    rmSync(into, { recursive: true, force: true });
    if (existsSync(folder)) cpSync(folder, into, { recursive: true });
    return new Platform(into);
  }
}
