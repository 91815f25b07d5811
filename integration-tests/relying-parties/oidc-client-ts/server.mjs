// Hands out three files and the issuer's address: any web server would do.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const { ISSUER = 'http://localhost:8800', PORT = '7000' } = process.env;
const file = (path) => readFile(new URL(path, import.meta.url));
const library = fileURLToPath(import.meta.resolve('oidc-client-ts')).replace(/dist.*/, 'dist/browser/oidc-client-ts.min.js');

const page = async () => ['text/html; charset=utf-8', String(await file('index.html')).replace('ISSUER', ISSUER)];
const routes = {
  '/': page,
  '/callback': page,
  '/app.js': async () => ['text/javascript', await file('app.js')],
  '/oidc-client-ts.min.js': async () => ['text/javascript', await readFile(library)],
  '/settings.json': async () => ['application/json', JSON.stringify({ issuer: ISSUER })],
};

createServer(async (request, response) => {
  const route = routes[request.url.split('?')[0]];
  if (!route) return response.writeHead(404).end();
  const [type, body] = await route();
  response.writeHead(200, { 'content-type': type }).end(body);
}).listen(Number(PORT));
