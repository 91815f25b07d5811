// Holds the dependency tree against deny.toml: every crate's licence must be on the allow list, and no banned crate may
// be built into the program on Linux. Banned crates may stand in Cargo.lock for parts that are switched off: what
// counts is `cargo tree`. Runs in a few seconds, without a network and without tools beyond cargo and Node.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The allow list and the bans of deny.toml, which keeps its lists one entry a line. */
export function readRules(toml) {
  const list = (name) => {
    const found = new RegExp(`^${name} = \\[\\n([\\s\\S]*?)^\\]`, "m").exec(toml);
    if (!found) throw new Error(`deny.toml has no list "${name}" with one entry a line`);
    return found[1].split("\n").filter((line) => line.trim() !== "");
  };
  const allow = list("allow").map((line) => {
    const entry = /^\s*"([^"]+)",$/.exec(line);
    if (!entry) throw new Error(`deny.toml: cannot read the allow entry ${line.trim()}`);
    return entry[1];
  });
  const deny = list("deny").map((line) => {
    const entry = /^\s*\{ crate = "([^"@]+)(?:@([\d.]+))?" \},$/.exec(line);
    if (!entry) throw new Error(`deny.toml: cannot read the ban ${line.trim()}`);
    return { name: entry[1], version: entry[2] ?? null };
  });
  const exceptions = list("exceptions").map((line) => {
    const entry = /^\s*\{ crate = "([^"@]+)", allow = \["([^"]+)"\] \},$/.exec(line);
    if (!entry) throw new Error(`deny.toml: cannot read the exception ${line.trim()}`);
    return { name: entry[1], licence: entry[2] };
  });
  return { allow: new Set(allow), exceptions, deny };
}

/** Whether an SPDX expression can be met with allowed licences alone. "MIT/Apache-2.0" is an old way to write OR. */
export function isAllowed(expression, allow) {
  const tokens = expression.replaceAll("/", " OR ").match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  let broken = false;
  const either = () => {
    let met = both();
    while (tokens[at] === "OR") {
      at += 1;
      met = both() || met;
    }
    return met;
  };
  const both = () => {
    let met = one();
    while (tokens[at] === "AND") {
      at += 1;
      met = one() && met;
    }
    return met;
  };
  const one = () => {
    if (tokens[at] === "(") {
      at += 1;
      const met = either();
      broken ||= tokens[at] !== ")";
      at += 1;
      return met;
    }
    const name = tokens[at];
    broken ||= name === undefined || ["OR", "AND", "WITH", ")"].includes(name);
    at += 1;
    if (tokens[at] === "WITH") at += 2; // an exception only adds permissions
    return allow.has(name);
  };
  const met = either();
  return met && !broken && at === tokens.length;
}

/** Lines of `cargo tree --format "{p}|{l}"` as crates. */
export function readTree(text) {
  const crates = new Map();
  for (const line of text.split("\n")) {
    const found = /^(\S+) v([^ |]+)[^|]*\|(.*)$/.exec(line.trim());
    if (found) crates.set(`${found[1]} ${found[2]}`, { name: found[1], version: found[2], licence: found[3].trim() });
  }
  return [...crates.values()];
}

/** What is wrong: `all` is the whole tree with the test kit, `built` what goes into the program. */
export function problems(rules, all, built) {
  const found = [];
  for (const { name, version, licence } of all) {
    if (licence === "") found.push(`${name} ${version}: no licence is stated`);
    else if (rules.exceptions.some((exception) => exception.name === name && exception.licence === licence)) continue;
    else if (!isAllowed(licence, rules.allow)) found.push(`${name} ${version}: the licence ${licence} is not on the allow list`);
  }
  for (const ban of rules.deny) {
    for (const { name, version } of built) {
      const hit = name === ban.name && (ban.version === null || `${version}.`.startsWith(`${ban.version}.`));
      if (hit) found.push(`${name} ${version} is banned. Who brings it: cargo tree -e normal,build -i ${name}@${version}`);
    }
  }
  return found;
}

function tree(edges, target) {
  const flags = ["tree", "--locked", "--prefix", "none", "--format", "{p}|{l}", "-e", edges, "--target", target];
  const text = execFileSync("cargo", flags, { encoding: "utf8", maxBuffer: 64 << 20 });
  return readTree(text.replaceAll(" (*)", ""));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const rules = readRules(readFileSync(new URL("../deny.toml", import.meta.url), "utf8"));
  const targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
  const all = targets.flatMap((target) => tree("normal,build,dev", target));
  const built = targets.flatMap((target) => tree("normal,build", target));
  if (built.length < 50) throw new Error(`only ${built.length} crates read: the output of cargo tree was not understood`);
  const found = [...new Set(problems(rules, all, built))];
  for (const problem of found) console.error(problem);
  const count = new Set(all.map((one) => `${one.name} ${one.version}`)).size;
  console.log(`${count} crates, ${found.length} problems`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
