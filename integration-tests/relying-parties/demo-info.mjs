// Reads what `demo --json` says, so that the tests name people, portals and clients the same way.

/** Accent-free lower case, to find people by name. */
function fold(text) {
  return text.normalize('NFD').replace(/\p{M}/gu, '').replace(/[đĐ]/g, 'd').replace(/[’']/g, '').toLowerCase();
}

/** A test person by (part of) the name, in one shape. */
export function personOf(info, name) {
  // The conformance profile has one person, whose codes are all the same.
  if (info.person) return { ...info.person, name: 'Nguyễn Thị Hoa' };
  const found = info.people.find((person) => fold(person.name ?? person.full_name ?? '').includes(fold(name)));
  if (!found) throw new Error(`demo --json names no test person like "${name}"`);
  const [year, month, day] = String(found.birth_date ?? '').split('-');
  return {
    name: found.name ?? found.full_name,
    number: found.number ?? found.personal_number,
    phone: found.phone,
    birth: { year, month, day },
    password: found.password,
    totpSecret: found.totp_secret ?? found.totp,
  };
}

/** The addresses of the sample portals, without a trailing slash. */
export function portalsOf(info) {
  return info.portals.map((portal) => (typeof portal === 'string' ? portal : portal.url).replace(/\/$/, ''));
}

/** A ready-made test client with these properties, such as `{ alg: 'RS256' }`. */
export function clientOf(info, wanted) {
  const fits = (client) => Object.entries(wanted).every(([name, value]) => client[name] === value);
  const found = info.clients.find(fits);
  if (!found) throw new Error(`demo --json offers no client with ${JSON.stringify(wanted)}`);
  return found;
}

/**
 * Watches the test inbox for one recipient. Make it before the message is caused; `next()` waits for a message that
 * was not there, and gives the code in it, or null when none came in time.
 */
export async function codeWatch(demo, phone) {
  const digits = (text) => String(text).replace(/\D/g, '').slice(-9);
  const mine = async () => (await demo.inbox()).filter((message) => digits(message.recipient) === digits(phone));
  const key = (message) => JSON.stringify([message.kind, message.body, message.at]);
  const before = new Set((await mine()).map(key));
  return {
    async next(withinMs) {
      for (const end = Date.now() + withinMs; Date.now() < end; await new Promise((again) => setTimeout(again, 50))) {
        for (const message of await mine()) {
          const code = message.code ?? /(?<!\d)\d{6}(?!\d)/.exec(message.body)?.[0];
          if (!before.has(key(message)) && code) {
            before.add(key(message));
            return code;
          }
        }
      }
      return null;
    },
  };
}

/**
 * The code for a code page. When none comes by itself, because one was sent to this phone a moment ago, does as a
 * person would: waits until the page offers to send another, and asks for it.
 * @param watch from `codeWatch`
 * @param askAgain tries to ask for another code: true once it did
 */
export async function patientCode(watch, askAgain) {
  const first = await watch.next(4_000);
  if (first) return first;
  for (const end = Date.now() + 130_000; Date.now() < end; await new Promise((again) => setTimeout(again, 1_000))) {
    if (!(await askAgain())) continue;
    const code = await watch.next(15_000);
    if (code) return code;
  }
  throw new Error('no code reached the test inbox');
}

/** The code an authenticator app shows now (RFC 6238: SHA-1, 30 s, 6 digits). */
export async function totp(secret, at = Date.now()) {
  const { createHmac } = await import('node:crypto');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  let bits = '';
  for (const symbol of secret.replace(/[\s=]/g, '').toUpperCase()) {
    bits += alphabet.indexOf(symbol).toString(2).padStart(5, '0');
  }
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const hash = createHmac('sha1', key).update(counter).digest();
  const offset = hash[19] & 15;
  return String((hash.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
