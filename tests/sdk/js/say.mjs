// The line a program prints for each feature it has used: `ok NAME`, or `failed NAME: WHY`.
import assert from "node:assert/strict";

export const same = assert.deepEqual;

export function ok(name) {
  console.log(`ok ${name}`);
}

export async function feature(name, use) {
  try {
    await use();
    ok(name);
  } catch (error) {
    console.error(error);
    const why = String(error?.message ?? JSON.stringify(error)).replace(/\s+/g, " ");
    console.log(`failed ${name}: ${why.slice(0, 500)}`);
  }
}

// The error of a call that must fail.
export async function refusal(call) {
  let error;
  try {
    const answer = await call();
    error = answer?.error;
  } catch (thrown) {
    error = thrown?.error ?? thrown;
  }
  assert.ok(error, "it was not refused");
  return error;
}

export async function until(what, probe, seconds = 10) {
  const deadline = Date.now() + seconds * 1000;
  while (!(await probe())) assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
}
