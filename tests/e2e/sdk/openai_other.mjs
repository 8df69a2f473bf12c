// The OpenAI SDK beside chat: embeddings, completions, responses, models. They exist in that dialect only.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import {TEXT, calls, check, checkOfGateway, countedFetch, failsWith, main, model, options} from './checks.mjs';

const client = new OpenAI({baseURL: `${options.url}/v1`, apiKey: options.keys.good, fetch: countedFetch, maxRetries: 0});

check('embeddings, as the SDK asks for them and as numbers', async () => {
  const expected = [[0.625, -0.5, 1], [0.25, -0.5, 1]];
  for (const format of [undefined, 'float', 'base64']) {
    const answer = await client.embeddings.create({model: model('embed'), input: ['water', 'up'], ...(format && {encoding_format: format})});
    assert.equal(answer.usage.prompt_tokens, 7);
    const vectors = answer.data.map((each) => typeof each.embedding === 'string' ?
      [...new Float32Array(Uint8Array.from(Buffer.from(each.embedding, 'base64')).buffer)] : [...each.embedding]);
    assert.deepEqual(vectors, expected);
  }
  const [first] = await calls();
  assert.equal(first.path, 'embeddings');
  assert.equal(first.body.encoding_format, 'base64');
});

check('completions, plain and streamed', async () => {
  const request = {model: model('plain'), prompt: 'Hello', max_tokens: 9};
  const answer = await client.completions.create(request);
  assert.equal(answer.choices[0].text, TEXT);
  assert.equal(answer.usage.total_tokens, 20);
  let text = '';
  for await (const chunk of await client.completions.create({...request, stream: true})) {
    assert.equal(chunk.choices.length, 1);
    text += chunk.choices[0].text;
  }
  assert.equal(text, TEXT);
  let usage;
  for await (const chunk of await client.completions.create({...request, stream: true, stream_options: {include_usage: true}})) usage ??= chunk.usage;
  assert.equal(usage.total_tokens, 20);
});

check('responses, plain', async () => {
  const answer = await client.responses.create({model: model('plain'), input: 'Hello'});
  assert.equal(answer.output_text, TEXT);
  assert.equal(answer.status, 'completed');
  assert.equal(answer.usage.input_tokens_details.cached_tokens, 4);
});

check('responses, streamed', async () => {
  const kinds = [];
  let text = '';
  for await (const event of await client.responses.create({model: model('plain'), input: 'Hello', stream: true})) {
    assert.equal(event.sequence_number, kinds.length);
    kinds.push(event.type);
    if (event.type === 'response.output_text.delta') text += event.delta;
  }
  assert.equal(text, TEXT);
  assert.equal(kinds[0], 'response.created');
  assert.equal(kinds.at(-1), 'response.completed');
});

check('the stream helper puts a response together', async () => {
  const answer = await client.responses.stream({model: model('plain'), input: [{role: 'user', content: 'Hello'}]}).finalResponse();
  assert.equal(answer.output_text, TEXT);
  assert.equal(answer.usage.total_tokens, 20);
});

check('a response that fails in mid-stream is told as its own event', async () => {
  let last;
  for await (const event of await client.responses.create({model: model('error-in-stream'), input: 'Hello', stream: true})) last = event;
  assert.equal(last.type, 'response.failed');
  assert.equal(last.response.error.code, 'server_error');
});

checkOfGateway('a response whose connection breaks in mid-stream ends in an error, never as a short answer', async () => {
  let text = '', last;
  try {
    for await (const event of await client.responses.create({model: model('cut-in-stream'), input: 'Hello', stream: true})) {
      last = event;
      if (event.type === 'response.output_text.delta') text += event.delta;
    }
    assert.equal(last.type, 'response.failed');
  } catch (error) {
    assert.ok(error instanceof OpenAI.APIError && !(error instanceof OpenAI.APIConnectionError), error.stack);
  }
  assert.equal(text, 'Water');
});

checkOfGateway('what the provider\'s dialect does not have is refused, and nobody is asked', async () => {
  for (const run of [() => client.embeddings.create({model: 'claude-exact', input: 'Hello'}),
                     () => client.completions.create({model: 'claude-exact', prompt: 'Hello'})]) {
    const error = await failsWith(OpenAI.APIError, run);
    assert.ok(error.status >= 400 && error.status < 500, String(error.status));
  }
  assert.equal((await calls()).length, 0);
});

check('a refused response and a refused embedding keep their class', async () => {
  const error = await failsWith(OpenAI.BadRequestError, () => client.responses.create({model: model('status-400'), input: 'Hello'}));
  assert.equal(error.param, 'temperature');
  await failsWith(OpenAI.RateLimitError, () => client.embeddings.create({model: model('status-429'), input: 'Hello'}));
});

check('models, listed and one by one', async () => {
  const ids = [];
  for await (const each of client.models.list()) ids.push(each.id);
  assert.ok(ids.includes('gpt-exact') && ids.includes('claude-exact'), String(ids));
  if (options.gateway) {
    const one = await client.models.retrieve('gpt-exact');
    assert.deepEqual([one.id, one.object], ['gpt-exact', 'model']);
    await failsWith(OpenAI.NotFoundError, () => client.models.retrieve('nobody'));
  }
});

main();
