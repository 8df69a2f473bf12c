// The frame of every script here. `node SCRIPT '{"url":...}'` runs its checks one after the other and prints a JSON
// object a line: first how many there are, then what became of each. The options, from tests/e2e/cases/sdk.py:
//   url       where the gateway is, or the provider itself
//   http2     whether HTTP/2 is spoken to it
//   gateway   whether it is the gateway
//   keys      by name, what to show to it
//   provider  where the provider tells what it saw
//   dialect   what the provider speaks
//   model     the model that leads to it; a scenario follows behind a colon
import assert from 'node:assert/strict';
import {setTimeout as sleep} from 'node:timers/promises';
import {h2Fetch} from './h2fetch.mjs';

export const options = JSON.parse(process.argv[2]);
export const TEXT = 'Water runs \u6c34 "down" hill';
export const SIGNATURE = 'c2lnbmVkIGJ5IHRoZSBwcm92aWRlcg==';
const LIMIT_MS = 20_000;
const checks = [];

export function check(sentence, run) {
  checks.push({sentence, run});
}
// A check of what only the gateway does.
export function checkOfGateway(sentence, run) {
  if (options.gateway) check(sentence, run);
}

export const model = (scenario) => `${options.model}:${scenario}`;

// -- requests that were sent by the SDK, and those that reached the provider

let sent = 0;
let fields;
export const countedFetch = (url, request) => {
  ++sent;
  fields = new Headers(request.headers);
  return options.http2 ? h2Fetch(url, request) : fetch(url, request);
};
export const sentSoFar = () => sent;
export const lastSent = () => fields;  // of the request that was sent last

export async function calls() {
  return await (await fetch(`${options.provider}/control/calls`)).json();
}
export async function forgetCalls() {
  await (await fetch(`${options.provider}/control/calls`, {method: 'DELETE'})).text();
}

// The provider sees the connection close soon after `since`.
export async function closesUpstream(since) {
  for (let round = 0; round < 500; ++round) {
    const gone = (await calls()).at(-1)?.gone;
    if (gone) {
      assert.ok(gone - since < 1000, `the provider saw the close after ${gone - since} ms`);
      return;
    }
    await sleep(10);
  }
  assert.fail('the provider never saw the close');
}

// The error that `run` ends in, which is of that class.
export async function failsWith(kind, run) {
  let answer;
  try {
    answer = await run();
  } catch (error) {
    assert.ok(error instanceof kind, `${error?.constructor?.name} instead of ${kind.name}: ${error?.stack}`);
    return error;
  }
  assert.fail(`no ${kind.name} but ${JSON.stringify(answer)?.slice(0, 500)}`);
}

// -- running

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function runOne({sentence, run}) {
  const begun = performance.now();
  const tooLong = sleep(LIMIT_MS, undefined, {ref: false}).then(() => assert.fail(`still running after ${LIMIT_MS} ms`));
  let story = '';
  try {
    await forgetCalls();
    sent = 0;
    await Promise.race([run(), tooLong]);
  } catch (error) {
    story = String(error?.stack ?? error);
    if (error?.cause) story += `\ncause: ${error.cause}`;
  }
  say({check: sentence, seconds: (performance.now() - begun) / 1000, story});
}

export async function main() {
  say({plan: checks.length, node: process.version});
  for (const each of checks) await runOne(each);
  process.exit(0);  // what an aborted request left behind need not be waited for
}
