// A private Apache for the tests: no root, a free port, everything in one folder.

import { execFileSync } from 'node:child_process';
import { chownSync, cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const APACHE = process.env.APACHE ?? '/usr/sbin/apache2';
const MODULES = process.env.APACHE_MODULES ?? '/usr/lib/apache2/modules';

export class Apache {
  /** A folder that an unprivileged server can read, wherever the project lies, with `site` as its portal.conf. */
  constructor(site = 'portal.conf') {
    this.folder = mkdtempSync(join(tmpdir(), 'mod-auth-openidc-'));
    cpSync(fileURLToPath(new URL('.', import.meta.url)), this.folder, { recursive: true });
    if (site !== 'portal.conf') renameSync(join(this.folder, site), join(this.folder, 'portal.conf'));
  }

  async run(portal, env = {}) {
    const more = { FOLDER: this.folder, PAGES: join(this.folder, 'pages'), MODULES, COOKIE_KEY: crypto.randomUUID(), ...env };
    const options = { env: more, cwd: this.folder, ...this.#unprivileged() };
    await portal.run(APACHE, ['-D', 'FOREGROUND', '-f', join(this.folder, 'apache.conf')], options);
  }

  /** Apache never runs as root here: whoever is root becomes www-data. */
  #unprivileged() {
    if (process.getuid() !== 0) return {};
    const id = (flag) => Number(execFileSync('id', [flag, 'www-data']));
    const who = { uid: id('-u'), gid: id('-g') };
    for (const name of ['.', ...readdirSync(this.folder)]) chownSync(join(this.folder, name), who.uid, who.gid);
    return who;
  }

  get log() {
    return readFileSync(join(this.folder, 'error.log'), 'utf8').slice(-4000);
  }

  remove() {
    rmSync(this.folder, { recursive: true });
  }
}
