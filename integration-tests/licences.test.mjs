// The licence check must be able to fail.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isAllowed, problems, readRules, readTree } from "./licences.mjs";

const allow = new Set(["MIT", "Apache-2.0", "ISC"]);

test("expressions are met by allowed licences alone", () => {
  for (const good of ["MIT", "MIT OR GPL-3.0", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "GPL-2.0/MIT", "(MIT OR GPL-3.0) AND ISC",
    "Apache-2.0 WITH LLVM-exception OR GPL-3.0", "MIT AND (ISC OR Apache-2.0)"]) assert.ok(isAllowed(good, allow), good);
  for (const bad of ["GPL-3.0", "MIT AND GPL-3.0", "", "OR", "MIT OR", "(MIT", "MIT)", "MIT ISC", "GPL-3.0 OR (MIT AND AGPL-3.0)",
    "GPL-3.0 WITH Classpath-exception-2.0", "mit", "MIT OR OR ISC", "((MIT)"]) assert.ok(!isAllowed(bad, allow), bad);
});

test("bans name a crate or one of its versions", () => {
  const crate = (name, version, licence = "MIT") => ({ name, version, licence });
  const rules = { allow, exceptions: [{ name: "c", licence: "ODD-1.0" }], deny: [{ name: "ring", version: null }, { name: "reqwest", version: "0.12" }] };
  assert.deepEqual(problems(rules, [], [crate("reqwest", "0.13.5"), crate("reqwest", "0.1.2"), crate("ring-x", "1.0.0")]), []);
  assert.equal(problems(rules, [], [crate("ring", "0.17.14"), crate("reqwest", "0.12.9")]).length, 2);
  assert.equal(problems(rules, [crate("a", "1.0.0", "GPL-3.0"), crate("b", "1.0.0", "")], []).length, 2);
  assert.equal(problems(rules, [crate("c", "1.0.0", "ODD-1.0"), crate("d", "1.0.0", "ODD-1.0")], []).length, 1);
});

test("the tree is read line by line", () => {
  const text = "dinhdanh v0.1.0 (/x/y)|MIT OR Apache-2.0\nserde_derive v1.0.1 (proc-macro)|MIT\ntoml v1.2.1+spec-1.1.0|MIT\nx v1.0.0|\n";
  assert.deepEqual(readTree(text).map((one) => `${one.name} ${one.version} ${one.licence}`),
    ["dinhdanh 0.1.0 MIT OR Apache-2.0", "serde_derive 1.0.1 MIT", "toml 1.2.1+spec-1.1.0 MIT", "x 1.0.0 "]);
});

test("deny.toml is understood", () => {
  const rules = readRules(readFileSync(new URL("../deny.toml", import.meta.url), "utf8"));
  assert.ok(rules.allow.has("MIT") && rules.allow.has("MPL-2.0") && !rules.allow.has("GPL-3.0"));
  assert.deepEqual(rules.deny.filter((ban) => ["ring", "openssl-sys", "native-tls"].includes(ban.name)).length, 3);
  assert.ok(rules.deny.some((ban) => ban.name === "reqwest" && ban.version === "0.12"));
  assert.throws(() => readRules('allow = ["MIT"]\n'));
});
