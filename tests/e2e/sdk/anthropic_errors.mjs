// What the Anthropic SDK makes of refusals, broken streams, aborts and time-outs, and how often it asks again.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import {calls, check, checkOfGateway, closesUpstream, countedFetch, failsWith, main, model, options, sentSoFar} from './checks.mjs';

const clientOf = (apiKey, more) => new Anthropic({baseURL: options.url, apiKey, authToken: null, fetch: countedFetch, ...more});
const client = clientOf(options.keys.good, {maxRetries: 0});
const patient = clientOf(options.keys.good);  // as it comes: two retries
const hello = {max_tokens: 64, messages: [{role: 'user', content: 'Hello'}]};
const ask = (scenario, more, asked = client) => asked.messages.create({model: model(scenario), ...hello, ...more});

async function refused(kind, type, run) {
  const error = await failsWith(kind, run);
  assert.equal(error.error?.type, 'error', `the body is ${JSON.stringify(error.error)}`);
  assert.equal(error.error.error.type, type);
  assert.equal(typeof error.error.error.message, 'string');
  return error;
}

// First of all, because the checks behind it leave targets that are known to fail.
checkOfGateway('where the first target fails the second one answers, and the SDK notices nothing', async () => {
  for (const scenario of ['first-fails', 'status-429-first', 'status-529-first']) await ask(scenario, {}, patient);
  assert.equal((await patient.messages.stream({model: model('first-fails'), ...hello}).finalMessage()).stop_reason, 'end_turn');
  assert.equal(sentSoFar(), 4);
  assert.equal((await calls()).at(-1).target, 'second');
});

check('400 is a BadRequestError', async () => {
  for (const stream of [false, true]) {
    const error = await refused(Anthropic.BadRequestError, 'invalid_request_error', () => ask('status-400', {stream}));
    assert.match(error.message, /Refused with 400/);
  }
});

check('404 of the provider is a NotFoundError', async () => {
  await refused(Anthropic.NotFoundError, 'not_found_error', () => ask('status-404'));
});

check('429 is a RateLimitError that says when to come back', async () => {
  const error = await refused(Anthropic.RateLimitError, 'rate_limit_error', () => ask('status-429'));
  assert.equal(error.headers.get('retry-after-ms'), '40');
});

check('500 is an InternalServerError', async () => {
  const error = await refused(Anthropic.InternalServerError, 'api_error', () => ask('status-500'));
  assert.equal(error.status, 500);
});

check('an overloaded provider is an OverloadedError', async () => {
  const error = await refused(Anthropic.OverloadedError, 'overloaded_error', () => ask(options.dialect === 'anthropic' ? 'status-529' : 'status-503'));
  assert.equal(error.status, 529);
});

checkOfGateway('a key that is not good is an AuthenticationError, and nobody is asked', async () => {
  for (const name of ['unknown', 'expired']) {
    await refused(Anthropic.AuthenticationError, 'authentication_error', () => ask('plain', {}, clientOf(options.keys[name])));
  }
  assert.equal(sentSoFar(), 2);
  assert.equal((await calls()).length, 0);
});

checkOfGateway('a model that the key may not use is a PermissionDeniedError', async () => {
  await refused(Anthropic.PermissionDeniedError, 'permission_error', () => ask('plain', {}, clientOf(options.keys.narrow)));
  assert.equal((await calls()).length, 0);
});

checkOfGateway('a model that nobody serves is a NotFoundError', async () => {
  await refused(Anthropic.NotFoundError, 'not_found_error', () => client.messages.create({...hello, model: 'nobody'}));
});

checkOfGateway('a key\'s own limit is a RateLimitError that says when to come back', async () => {
  const limited = clientOf(options.keys.limited, {maxRetries: 0});
  await ask('plain', {}, limited);
  const error = await refused(Anthropic.RateLimitError, 'rate_limit_error', () => ask('plain', {}, limited));
  assert.ok(Number(error.headers.get('retry-after')) >= 1, 'there is a retry-after');
  assert.equal((await calls()).length, 1);
});

checkOfGateway('the provider\'s refusal of our key is no fault of the client\'s key', async () => {
  const error = await refused(Anthropic.InternalServerError, 'api_error', () => ask('status-401'));
  assert.doesNotMatch(error.message, /401/);
});

checkOfGateway('the SDK does not ask again what the gateway has tried everywhere', async () => {
  await failsWith(Anthropic.InternalServerError, () => ask('status-500', {}, patient));
  assert.equal(sentSoFar(), 1);
});

checkOfGateway('a body that is no message is a BadRequestError', async () => {
  await refused(Anthropic.BadRequestError, 'invalid_request_error', () => client.post('/v1/messages', {body: {messages: []}}));
});

check('x-should-retry: false of the provider: the SDK asks once, and the gateway nobody twice', async () => {
  const error = await failsWith(Anthropic.InternalServerError, () => ask('no-retry', {}, patient));
  assert.equal(error.headers.get('x-should-retry'), 'false');
  assert.equal(sentSoFar(), 1);
  const asked = (await calls()).map((call) => call.target);
  assert.deepEqual(asked, [...new Set(asked)]);
});

if (!options.gateway) {
  check('without a gateway the SDK asks three times', async () => {
    await failsWith(Anthropic.InternalServerError, () => ask('status-500', {}, patient));
    assert.equal(sentSoFar(), 3);
  });
}

// -- streams that break

async function breaks(scenario) {
  let text = '';
  const error = await failsWith(Anthropic.APIError, async () => {
    for await (const event of await ask(scenario, {stream: true}, patient)) {
      if (event.type === 'content_block_delta') text += event.delta.text;
    }
    return text;
  });
  assert.equal(text, 'Water');
  assert.equal(sentSoFar(), 1);
  return error;
}

check('the provider\'s error in mid-stream is an APIError behind what came before', async () => {
  const error = await breaks('error-in-stream');
  assert.match(error.message, /Broken in mid-stream/);
  assert.equal(error.error.error.type, options.dialect === 'anthropic' ? 'overloaded_error' : 'api_error');
});

checkOfGateway('a connection that breaks in mid-stream is an APIError, never a short answer', async () => {
  const error = await breaks('cut-in-stream');
  assert.equal(error.error.error.type, 'api_error');
});

checkOfGateway('the stream helper rejects a message that broke', async () => {
  await failsWith(Anthropic.APIError, () => client.messages.stream({model: model('cut-in-stream'), ...hello}).finalMessage());
});

// -- leaving

check('an abort in mid-stream reaches the provider', async () => {
  const stream = client.messages.stream({model: model('endless'), ...hello});
  let since = 0;
  stream.once('text', () => {
    since = Date.now();
    stream.abort();
  });
  await failsWith(Anthropic.APIUserAbortError, () => stream.done());
  await closesUpstream(since);
});

check('leaving the loop of a stream reaches the provider', async () => {
  for await (const event of await ask('endless', {stream: true})) {
    if (event.type === 'content_block_delta') break;
  }
  await closesUpstream(Date.now());
});

check('an abort before the first token reaches the provider', async () => {
  const controller = new AbortController();
  const since = Date.now() + 200;
  setTimeout(() => controller.abort(), 200);
  await failsWith(Anthropic.APIUserAbortError, () => client.messages.create(
      {model: model('silent'), ...hello, stream: true}, {signal: controller.signal}));
  await closesUpstream(since);
});

check('a time-out of the SDK reaches the provider', async () => {
  await failsWith(Anthropic.APIConnectionTimeoutError, () => client.messages.create({model: model('silent'), ...hello}, {timeout: 300}));
  await closesUpstream(Date.now());
});

main();
