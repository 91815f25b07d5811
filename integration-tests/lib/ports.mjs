// Free ports for what the tests start.

import { createServer } from 'node:net';

/**
 * A free port below those that the system gives out by itself: nobody else takes it before the program listens. Tried on
 * all addresses, as some programs listen on all.
 */
export async function freePort() {
  for (;;) {
    const server = createServer();
    const listening = new Promise((answer) => server.once('error', () => answer(false)).once('listening', () => answer(true)));
    server.listen(15_000 + Math.floor(Math.random() * 15_000));
    if (!(await listening)) continue;
    const { port } = server.address();
    await new Promise((closed) => server.close(closed));
    return port;
  }
}
