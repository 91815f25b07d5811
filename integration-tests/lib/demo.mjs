// Starts `dinhdanh demo` for a test and stops it again. Node 20, no dependencies.
//
//   import { startDemo } from "../lib/demo.mjs";
//   const demo = await startDemo();
//   try { … demo.issuer, demo.people, await demo.code("0912345678") … } finally { await demo.stop(); }

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";

const START_MS = 60_000;
const STOP_MS = 15_000;
const KEPT_LOG_LINES = 400;

/**
 * Starts the program on free ports with a data folder of its own.
 *
 * @param {object} [options]
 * @param {string} [options.bin] the program; DINHDANH_BIN by default
 * @param {string} [options.data] a data folder to use and keep; a temporary one, removed at the end, by default
 * @param {string} [options.database] URL of a database, such as PostgreSQL's
 * @param {string} [options.cache] URL of a cache, such as Redis's
 * @param {string[]} [options.args] further arguments of `demo`
 * @param {Record<string, string>} [options.env] further environment variables
 * @param {number} [options.port] 0, free ports for everything, by default
 * @returns {Promise<Demo>}
 */
export async function startDemo({ bin = process.env.DINHDANH_BIN, data, database, cache, args = [], env = {}, port = 0 } = {}) {
  if (!bin) throw new Error("DINHDANH_BIN must name the program: run ./integration-tests/run, or cargo build and set it");
  const ownData = data ?? (await mkdtemp(join(tmpdir(), "dinhdanh-demo-")));
  const flags = ["demo", "--json", "--port", String(port), "--data", ownData];
  if (database) flags.push("--database", database);
  if (cache) flags.push("--cache", cache);
  const child = spawn(bin, [...flags, ...args], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const demo = new Demo(child, ownData, data === undefined);
  try {
    await demo.ready();
  } catch (error) {
    await demo.stop().catch(() => {});
    throw error;
  }
  return demo;
}

/** The code in a message, if it has one. */
const codeOf = ({ code, body }) => code ?? /(?<!\d)\d{6}(?!\d)/.exec(body)?.[0];

/** A running demo. The members of its first line are members here too: issuer, portals, people, clients, inbox_url … */
export class Demo {
  #child;
  #removeData;
  #log = [];
  #exit;
  #firstLine;
  #killer;

  constructor(child, data, removeData) {
    this.#child = child;
    this.#removeData = removeData;
    this.data = data;
    /** The environment in which other commands of the program work with this one's data. */
    this.settings = {
      DINHDANH_PROVIDER__ENVIRONMENT: "demo",
      DINHDANH_DATABASE__URL: `sqlite://${data}/dinhdanh.db`,
      DINHDANH_KEYS__FOLDER: `${data}/keys`,
    };
    this.#exit = new Promise((resolve) => {
      child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      child.once("exit", (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with status ${code}`));
    });
    this.#firstLine = new Promise((resolve) => {
      // The first line holds secrets of made-up people: it does not belong to the log.
      const lines = createInterface({ input: child.stdout });
      lines.once("line", (first) => {
        resolve(first);
        lines.on("line", (line) => this.#keep(line));
      });
    });
    createInterface({ input: child.stderr }).on("line", (line) => this.#keep(line));
    // A test that throws where nobody looks must not leave a server behind.
    this.#killer = () => child.kill("SIGKILL");
    process.once("exit", this.#killer);
  }

  #keep(line) {
    this.#log.push(line);
    if (this.#log.length > KEPT_LOG_LINES) this.#log.shift();
  }

  /** The last lines the program wrote, for messages of failed tests and for checks of what is logged. */
  get log() {
    return this.#log.join("\n");
  }

  get pid() {
    return this.#child.pid;
  }

  async ready() {
    const deadline = AbortSignal.timeout(START_MS);
    const late = new Promise((_, reject) => {
      deadline.addEventListener("abort", () => reject(new Error(`the demo said nothing for ${START_MS} ms\n${this.log}`)));
    });
    const ended = this.#exit.then((how) => {
      throw new Error(`the demo ${how}\n${this.log}`);
    });
    // Both may be settled long after the race is over.
    late.catch(() => {});
    ended.catch(() => {});
    const line = await Promise.race([this.#firstLine, ended, late]);
    try {
      this.info = JSON.parse(line);
    } catch {
      throw new Error(`the first line of demo --json is not JSON: ${line}\n${this.log}`);
    }
    for (const [name, value] of Object.entries(this.info)) if (!(name in this)) this[name] = value;
    await Promise.race([this.#healthy(deadline), ended]);
  }

  async #healthy(deadline) {
    let last = "";
    while (!deadline.aborted) {
      try {
        const response = await fetch(new URL("/health/ready", this.info.issuer), { signal: deadline });
        await response.arrayBuffer();
        if (response.ok) return;
        last = `status ${response.status}`;
      } catch (error) {
        last = String(error.cause ?? error);
      }
      await wait(50);
    }
    throw new Error(`the demo was not ready after ${START_MS} ms: ${last}\n${this.log}`);
  }

  /** A person of the first line by key. */
  person(key) {
    const found = this.info.people.find((one) => one.key === key);
    if (!found) throw new Error(`no person "${key}" among ${this.info.people.map((one) => one.key).join(", ")}`);
    return found;
  }

  /** A client of the first line by id. */
  client(id) {
    const found = this.info.clients.find((one) => one.client_id === id);
    if (!found) throw new Error(`no client "${id}" among ${this.info.clients.map((one) => one.client_id).join(", ")}`);
    return found;
  }

  /** The messages of the test inbox, newest first: [{ kind, recipient, body, code, at }]. */
  async inbox() {
    const response = await fetch(this.info.inbox_url, { headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`the inbox answered ${response.status}`);
    const answer = await response.json();
    return Array.isArray(answer) ? answer : answer.messages;
  }

  /**
   * Waits for a message to `recipient` that was not there before.
   *
   * Take `before = await demo.inbox()` ahead of the act that sends; without it, any message counts.
   */
  async message(recipient, { before = [], kind, withCode = false, timeoutMs = 10_000 } = {}) {
    const same = (one) =>
      digits(one.recipient) === digits(recipient) && (kind === undefined || one.kind === kind) && (!withCode || codeOf(one));
    const old = before.filter(same).length;
    const until = performance.now() + timeoutMs;
    for (;;) {
      const found = (await this.inbox()).filter(same);
      if (found.length > old) return found[0];
      if (performance.now() > until) throw new Error(`no message to ${recipient} within ${timeoutMs} ms\n${this.log}`);
      await wait(50);
    }
  }

  /** The code in the next message to a phone; options as for message(). */
  async code(recipient, options) {
    // Notices, such as about a new device, may come in between.
    return codeOf(await this.message(recipient, { ...options, withCode: true }));
  }

  /** Stops the program as an operator would, and fails when it does not end by itself. */
  async stop() {
    const running = this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
    let how = "";
    if (running) {
      this.#child.kill("SIGTERM");
      how = await Promise.race([this.#exit, wait(STOP_MS, "late", { ref: false })]);
      if (how === "late") {
        this.#child.kill("SIGKILL");
        await this.#exit;
      }
    }
    process.removeListener("exit", this.#killer);
    if (this.#removeData) await rm(this.data, { recursive: true, force: true });
    if (how === "late") throw new Error(`the demo did not stop within ${STOP_MS} ms of SIGTERM\n${this.log}`);
    if (running && how !== "ended with status 0") throw new Error(`on SIGTERM the demo ${how}\n${this.log}`);
  }

  /** Ends the program at once, as a power cut would; the data stays for another start. */
  async kill() {
    this.#child.kill("SIGKILL");
    await this.#exit;
    process.removeListener("exit", this.#killer);
  }
}

/** Telephone numbers compare by their digits, +84 and 0 alike; addresses as they are. */
function digits(recipient) {
  const text = String(recipient);
  if (text.includes("@")) return text.toLowerCase();
  return text.replace(/\D/g, "").replace(/^84/, "0");
}
