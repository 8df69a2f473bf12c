// What the OpenAI SDK makes of refusals, broken streams, aborts and time-outs, and how often it asks again.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import {calls, check, checkOfGateway, closesUpstream, countedFetch, failsWith, main, model, options, sentSoFar} from './checks.mjs';

const clientOf = (apiKey, more) => new OpenAI({baseURL: `${options.url}/v1`, apiKey, fetch: countedFetch, ...more});
const client = clientOf(options.keys.good, {maxRetries: 0});
const patient = clientOf(options.keys.good);  // as it comes: two retries
const hello = {messages: [{role: 'user', content: 'Hello'}]};
const ask = (scenario, more, asked = client) => asked.chat.completions.create({model: model(scenario), ...hello, ...more});
const same = options.dialect === 'openai';

// First of all, because the checks behind it leave targets that are known to fail.
checkOfGateway('where the first target fails the second one answers, and the SDK notices nothing', async () => {
  for (const [scenario, stream] of [['first-fails', false], ['first-fails', true], ['status-429-first', false], ['status-500-first', false]]) {
    const answer = await ask(scenario, {stream}, patient);
    if (stream) for await (const chunk of answer) assert.ok(chunk.id);
  }
  assert.equal(sentSoFar(), 4);
  assert.equal((await calls()).at(-1).target, 'second');
});

check('400 is a BadRequestError that names the parameter', async () => {
  for (const stream of [false, true]) {
    const error = await failsWith(OpenAI.BadRequestError, () => ask('status-400', {stream}));
    assert.match(error.message, /Refused with 400/);
    assert.equal(error.type, 'invalid_request_error');
    if (same) assert.deepEqual([error.param, error.code], ['temperature', 'invalid_value']);
  }
});

check('404 of the provider is a NotFoundError', async () => {
  await failsWith(OpenAI.NotFoundError, () => ask('status-404'));
});

check('429 is a RateLimitError that says when to come back', async () => {
  const error = await failsWith(OpenAI.RateLimitError, () => ask('status-429'));
  assert.equal(error.headers.get('retry-after-ms'), '40');
  assert.equal(error.headers.get('retry-after'), '1');
  assert.equal(error.type, 'rate_limit_error');
});

check('500 and 503 are InternalServerErrors', async () => {
  for (const status of [500, 503]) {
    const error = await failsWith(OpenAI.InternalServerError, () => ask(`status-${status}`));
    assert.equal(error.status, status);
  }
});

checkOfGateway('a key that is not good is an AuthenticationError, and nobody is asked', async () => {
  for (const name of ['unknown', 'expired']) {
    const error = await failsWith(OpenAI.AuthenticationError, () => ask('plain', {}, clientOf(options.keys[name])));
    assert.equal(error.code, 'invalid_api_key');
  }
  assert.equal(sentSoFar(), 2);
  assert.equal((await calls()).length, 0);
});

checkOfGateway('a model that the key may not use is a PermissionDeniedError', async () => {
  await failsWith(OpenAI.PermissionDeniedError, () => ask('plain', {}, clientOf(options.keys.narrow)));
  assert.equal((await calls()).length, 0);
});

checkOfGateway('a model that nobody serves is a NotFoundError', async () => {
  const error = await failsWith(OpenAI.NotFoundError, () => client.chat.completions.create({...hello, model: 'nobody'}));
  assert.equal(error.code, 'model_not_found');
});

checkOfGateway('a key\'s own limit is a RateLimitError with the whole account', async () => {
  const limited = clientOf(options.keys.limited, {maxRetries: 0});
  const {response} = await limited.chat.completions.create({model: model('plain'), ...hello}).withResponse();
  assert.equal(response.headers.get('x-ratelimit-limit-requests'), '1');
  assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '0');
  const error = await failsWith(OpenAI.RateLimitError, () => ask('plain', {}, limited));
  assert.ok(Number(error.headers.get('retry-after')) >= 1, 'there is a retry-after');
  assert.equal(error.headers.get('x-ratelimit-limit-requests'), '1');
  assert.equal((await calls()).length, 1);
});

checkOfGateway('the provider\'s refusal of our key is no fault of the client\'s key', async () => {
  const error = await failsWith(OpenAI.InternalServerError, () => ask('status-401'));
  assert.equal(error.status, 502);
  assert.doesNotMatch(error.message, /401/);
});

checkOfGateway('the SDK does not ask again what the gateway has tried everywhere', async () => {
  for (const status of [500, 503]) {
    const before = sentSoFar();
    await failsWith(OpenAI.InternalServerError, () => ask(`status-${status}`, {}, patient));
    assert.equal(sentSoFar() - before, 1);
  }
});

checkOfGateway('a parameter that cannot be translated is refused by its name', async () => {
  if (same) return;
  const error = await failsWith(OpenAI.BadRequestError, () => ask('plain', {n: 2}));
  assert.equal(error.param, 'n');
  assert.equal((await calls()).length, 0);
});

checkOfGateway('a body that is no chat is a BadRequestError', async () => {
  const error = await failsWith(OpenAI.BadRequestError, () => client.post('/chat/completions', {body: {messages: []}}));
  assert.equal(error.param, 'model');
});

check('x-should-retry: false of the provider: the SDK asks once, and the gateway nobody twice', async () => {
  const error = await failsWith(OpenAI.InternalServerError, () => ask('no-retry', {}, patient));
  assert.equal(error.headers.get('x-should-retry'), 'false');
  assert.equal(sentSoFar(), 1);
  const asked = (await calls()).map((call) => call.target);
  assert.deepEqual(asked, [...new Set(asked)]);
});

if (!options.gateway) {
  check('without a gateway the SDK asks three times', async () => {
    await failsWith(OpenAI.InternalServerError, () => ask('status-500', {}, patient));
    assert.equal(sentSoFar(), 3);
  });
}

// -- streams that break

async function breaks(scenario, kind, more) {
  let text = '';
  const error = await failsWith(kind, async () => {
    for await (const chunk of await ask(scenario, {stream: true, ...more}, patient)) text += chunk.choices[0]?.delta.content ?? '';
    return text;
  });
  assert.equal(text, 'Water');
  assert.equal(sentSoFar(), 1);
  return error;
}

check('the provider\'s error in mid-stream is an APIError behind what came before', async () => {
  const error = await breaks('error-in-stream', OpenAI.APIError);
  assert.match(error.message, /Broken in mid-stream/);
});

checkOfGateway('a connection that breaks in mid-stream is an APIError, never a short answer', async () => {
  const error = await breaks('cut-in-stream', OpenAI.APIError);
  assert.equal(error.code, 'upstream_disconnected');
});

// -- leaving

check('an abort in mid-stream reaches the provider', async () => {
  const controller = new AbortController();
  let count = 0, since = 0;
  const stream = await ask('endless', {stream: true});
  controller.signal.addEventListener('abort', () => stream.controller.abort());
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    if (++count === 5) {
      since = Date.now();
      controller.abort();
    }
  }
  assert.ok(count < 1000);
  await closesUpstream(since);
});

check('leaving the loop of a stream reaches the provider', async () => {
  for await (const chunk of await ask('endless', {stream: true})) {
    if (chunk.choices[0].delta.content) break;
  }
  await closesUpstream(Date.now());
});

check('an abort before the first token reaches the provider', async () => {
  const controller = new AbortController();
  const since = Date.now() + 200;
  setTimeout(() => controller.abort(), 200);
  await failsWith(OpenAI.APIUserAbortError, () => client.chat.completions.create(
      {model: model('silent'), ...hello, stream: true}, {signal: controller.signal}));
  await closesUpstream(since);
});

check('a time-out of the SDK reaches the provider', async () => {
  await failsWith(OpenAI.APIConnectionTimeoutError, () => client.chat.completions.create(
      {model: model('silent'), ...hello}, {timeout: 300}));
  await closesUpstream(Date.now());
});

main();
