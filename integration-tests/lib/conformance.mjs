// Starts `dinhdanh conformance` for a test: the provider with TLS, a listener that asks for client certificates, and
// registration open to all. It is stopped as the demo is.

import { spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Demo } from "./demo.mjs";
import { freePort } from "./ports.mjs";

const PROFILE = fileURLToPath(new URL("../../config/conformance.toml", import.meta.url));

/**
 * Starts the program on free ports with a data folder of its own.
 *
 * @param {object} options
 * @param {string} options.certificates folder with ca.pem, server.pem and server.key; this process must trust ca.pem
 *   (NODE_EXTRA_CA_CERTS)
 * @returns {Promise<Demo>}
 */
export async function startConformance({ certificates }) {
  const bin = process.env.DINHDANH_BIN;
  if (!bin) throw new Error("DINHDANH_BIN must name the program");
  const data = await mkdtemp(join(tmpdir(), "dinhdanh-conformance-"));
  const clients = join(data, "clients.json");
  // Clients come later, over the wire or by `client add`.
  await writeFile(clients, "[]");
  const [port, mtls] = [await freePort(), await freePort()];
  const settings = {
    DINHDANH_PROVIDER__ISSUER: `https://localhost:${port}`,
    DINHDANH_PROVIDER__LISTEN: `127.0.0.1:${port}`,
    DINHDANH_TLS__MTLS_URL: `https://localhost:${mtls}`,
    DINHDANH_TLS__MTLS_LISTEN: `127.0.0.1:${mtls}`,
    DINHDANH_TLS__CERTIFICATE: join(certificates, "server.pem"),
    DINHDANH_TLS__KEY: join(certificates, "server.key"),
    DINHDANH_TLS__CLIENT_CA: join(certificates, "ca.pem"),
    DINHDANH_BACKCHANNEL__TRUSTED_CA: join(certificates, "ca.pem"),
    DINHDANH_DATABASE__URL: `sqlite://${data}/dinhdanh.db`,
    DINHDANH_KEYS__FOLDER: data,
  };
  const child = spawn(bin, ["conformance", "--json", "--config", PROFILE, "--clients", clients], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...settings },
  });
  const provider = new Demo(child, data, true);
  provider.settings = { DINHDANH_CONFIG: PROFILE, ...settings };
  try {
    await provider.ready();
  } catch (error) {
    await provider.stop().catch(() => {});
    throw error;
  }
  return provider;
}
