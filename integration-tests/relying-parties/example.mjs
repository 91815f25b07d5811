// What the tests of the examples stand on: a demo of their own, the example registered with it by the command that the
// documentation names, and the example's program running on a free port.

import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startConformance } from '../lib/conformance.mjs';
import { startDemo } from '../lib/demo.mjs';
import { freePort } from '../lib/ports.mjs';
import { personOf } from './demo-info.mjs';
import { Citizen } from './citizen.mjs';

/** Where the examples run when a person tries them; a test puts a free port in its place. */
const WRITTEN = 'http://localhost:7000';
const START_MS = 60_000;
const STOP_MS = 15_000;
const MOST_HOPS = 20;

// Ended from outside: what was started ends too (each program has a listener for `exit`).
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

export class Example {
  #programs = [];

  /**
   * Starts a demo and registers the client of `folder/client.json`.
   * @param {URL} folder the example's folder, with a slash at the end
   * @param {string} id the client's id
   * @param {object} [more] members of the metadata that only a running example knows, such as its key
   */
  static async start(folder, id, more = {}) {
    const example = await Example.at(await startDemo());
    try {
      const metadata = JSON.parse(example.here(await readFile(new URL('client.json', folder), 'utf8')));
      example.client = await example.register(id, { ...metadata, ...more });
    } catch (error) {
      await example.stop();
      throw error;
    }
    return example;
  }

  /**
   * Starts a provider with every door open: TLS, a listener that asks for client certificates (CERTIFICATES names the
   * folder, see `run`), and registration over the wire. Its only person is Hoa.
   */
  static async doors() {
    return Example.at(await startConformance({ certificates: process.env.CERTIFICATES }));
  }

  static async at(provider) {
    const example = new Example();
    example.demo = provider;
    example.issuer = provider.info.issuer;
    example.port = await freePort();
    example.url = `http://localhost:${example.port}`;
    return example;
  }

  /** A text of the example with the address it really has. */
  here(text) {
    return text.replaceAll(WRITTEN, this.url);
  }

  /** `dinhdanh client add`, as an operator does it. */
  async register(id, metadata) {
    const env = { ...process.env, ...this.demo.settings };
    const adding = promisify(execFile)(process.env.DINHDANH_BIN, ['client', 'add', '-', '--id', id], { env });
    adding.child.stdin.end(JSON.stringify(metadata));
    return JSON.parse((await adding).stdout);
  }

  /** What the examples read from their environment. */
  get env() {
    const { client_id: CLIENT_ID, client_secret: CLIENT_SECRET } = this.client ?? {};
    return { ISSUER: this.issuer, PORTAL: this.url, PORT: String(this.port), CLIENT_ID, CLIENT_SECRET: CLIENT_SECRET ?? '' };
  }

  /** Starts the example's program and waits until it answers. */
  async run(command, args, { env = {}, ...options } = {}) {
    const program = new Program(command, args, { ...options, env: { ...process.env, ...this.env, ...env } });
    this.#programs.push(program);
    await program.answers(this.url);
  }

  /** A person of the provider who answers its pages. */
  citizen(name = 'Nguyen Thi Hoa', plan) {
    return new Citizen(this.demo, personOf(this.demo.info, name), plan);
  }

  /**
   * Opens a page of the example as a browser does: by way of the provider's pages, if it leads there.
   * @returns the example's last answer, or the provider's page that asks nothing more
   */
  async visit(citizen, path) {
    const provider = new URL(this.issuer).origin;
    let next = new URL(path, this.url);
    for (let hop = 0; hop < MOST_HOPS; hop += 1) {
      if (next.origin === provider) {
        const back = await citizen.walk(next);
        if (back.kind !== 'redirect') return back;
        next = back.url;
      } else {
        const answer = await citizen.send('GET', next);
        if (!answer.to) return answer;
        next = answer.to;
      }
    }
    throw new Error(`no end after ${MOST_HOPS} redirects, at ${next.origin}${next.pathname}`);
  }

  /** Ends every session of a citizen from the provider's side, as the account page's button does. */
  async endAtProvider(citizen) {
    const left = await citizen.walk(new URL('/logout', this.issuer));
    if (left.kind !== 'page') throw new Error(`signing out led to ${JSON.stringify(left)}`);
  }

  /** What the person's press on the account page does with a request of CIBA: `allow` or `deny`. */
  async answerCiba(auth_req_id, action) {
    const answer = await fetch(`${this.issuer}/test/ciba`, { method: 'POST', body: new URLSearchParams({ auth_req_id, action }) });
    if (!answer.ok) throw new Error(`the provider took no answer: ${answer.status} ${await answer.text()}`);
  }

  /** Waits until a condition holds; what comes by way of the outbox needs a moment. */
  async until(what, condition, withinMs = 15_000) {
    for (const end = Date.now() + withinMs; Date.now() < end; await wait(100)) if (await condition()) return;
    throw new Error(`${what}: not within ${withinMs} ms\n${this.log}`);
  }

  get log() {
    return this.#programs.map((program) => program.log.join('\n')).join('\n');
  }

  async stop() {
    await Promise.all(this.#programs.map((program) => program.stop()));
    await this.demo?.stop();
  }
}

/** A program that must not outlive the test. */
class Program {
  log = [];

  constructor(command, args, options) {
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.ended = new Promise((resolve) => {
      this.child.once('error', (error) => resolve(`could not be started: ${error.message}`));
      this.child.once('exit', (code, signal) => resolve(`ended with ${signal ?? `status ${code}`}`));
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.log.push(line));
    }
    this.killer = () => this.child.kill('SIGKILL');
    process.once('exit', this.killer);
  }

  async answers(url) {
    let end = null;
    this.ended.then((how) => (end = how));
    for (const until = Date.now() + START_MS; Date.now() < until; await wait(50)) {
      if (end) throw new Error(`the example ${end}\n${this.log.join('\n')}`);
      const up = await fetch(url, { redirect: 'manual' }).then((answer) => answer.arrayBuffer()).catch(() => null);
      if (up) return;
    }
    throw new Error(`the example did not answer within ${START_MS} ms\n${this.log.join('\n')}`);
  }

  async stop() {
    this.child.kill('SIGTERM');
    const late = await Promise.race([this.ended, wait(STOP_MS, 'late', { ref: false })]);
    if (late === 'late') this.child.kill('SIGKILL');
    await this.ended;
    process.removeListener('exit', this.killer);
  }
}
