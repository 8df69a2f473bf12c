// The OpenAI SDK's chat: plain, streamed, with tools, images and schemas, against providers of either dialect.
import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import OpenAI from 'openai';
import {SIGNATURE, TEXT, calls, check, checkOfGateway, countedFetch, main, model, options, sentSoFar} from './checks.mjs';

const client = new OpenAI({baseURL: `${options.url}/v1`, apiKey: options.keys.good, fetch: countedFetch, maxRetries: 0});
const hello = [{role: 'system', content: 'Be brief.'}, {role: 'user', content: 'Hello'}];
const USAGE = {prompt_tokens: 15, completion_tokens: 5, total_tokens: 20};
const anthropic = options.dialect === 'anthropic';

function hasUsage(usage) {
  const {prompt_tokens, completion_tokens, total_tokens} = usage;
  assert.deepEqual({prompt_tokens, completion_tokens, total_tokens}, USAGE);
  assert.equal(usage.prompt_tokens_details.cached_tokens, 4);
}

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}
const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

check('a plain answer, with its usage', async () => {
  const answer = await client.chat.completions.create({model: model('plain'), messages: hello});
  assert.equal(answer.object, 'chat.completion');
  assert.equal(answer.choices[0].message.content, TEXT);
  assert.equal(answer.choices[0].message.role, 'assistant');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.model, model('plain'));
  hasUsage(answer.usage);
});

checkOfGateway('the names of the request, the target and the provider\'s own request are told', async () => {
  const {data, response} = await client.chat.completions.create({model: model('plain'), messages: hello}).withResponse();
  assert.match(response.headers.get('x-headrace-request-id'), /^[0-9a-f-]{20,}$/);
  assert.equal(response.headers.get('x-headrace-attempts'), '1');
  assert.ok(response.headers.get('x-headrace-target'));
  if (!anthropic) assert.match(data._request_id, /^req_first_\d+$/);
});

checkOfGateway('the provider sees its own key and never the client\'s', async () => {
  await client.chat.completions.create({model: model('plain'), messages: hello});
  const [call] = await calls();
  assert.equal(call.target, 'first');
  assert.ok(!JSON.stringify(call).includes(options.keys.good));
  assert.equal(Object.keys(call.fields).filter((name) => name.startsWith('x-stainless')).length, 0);
});

check('a stream, without the usage that nobody asked for', async () => {
  const chunks = await collect(await client.chat.completions.create({model: model('plain'), messages: hello, stream: true}));
  assert.equal(textOf(chunks), TEXT);
  assert.ok(chunks.length >= 6, `${chunks.length} chunks`);
  assert.equal(chunks[0].object, 'chat.completion.chunk');
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
  for (const chunk of chunks) {
    assert.equal(chunk.choices.length, 1);
    assert.equal(chunk.usage ?? null, null);
  }
});

check('a stream with its usage in the last chunk', async () => {
  const chunks = await collect(await client.chat.completions.create(
      {model: model('plain'), messages: hello, stream: true, stream_options: {include_usage: true}}));
  assert.equal(textOf(chunks), TEXT);
  assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
  assert.deepEqual(chunks.at(-1).choices, []);
  hasUsage(chunks.at(-1).usage);
});

check('the stream helper puts an answer together', async () => {
  const runner = client.chat.completions.stream({model: model('plain'), messages: hello, stream_options: {include_usage: true}});
  let heard = '';
  runner.on('content', (delta) => { heard += delta; });
  const answer = await runner.finalChatCompletion();
  assert.equal(heard, TEXT);
  assert.equal(answer.choices[0].message.content, TEXT);
  hasUsage(answer.usage);
});

check('an answer cut off by its limit says so', async () => {
  for (const stream of [false, true]) {
    const answer = await client.chat.completions.create({model: model('length'), messages: hello, max_tokens: 1, stream});
    const choice = stream ? (await collect(answer)).at(-1).choices[0] : answer.choices[0];
    assert.equal(choice.finish_reason, 'length');
  }
});

check('ten streams at once', async () => {
  const all = await Promise.all(Array.from({length: 10}, async () =>
    textOf(await collect(await client.chat.completions.create({model: model('plain'), messages: hello, stream: true})))));
  assert.deepEqual(all, Array(10).fill(TEXT));
});

// -- tools

const tools = [
  {type: 'function', function: {name: 'get_weather', description: 'Weather', parameters:
    {type: 'object', properties: {city: {type: 'string'}}, required: ['city']}}},
  {type: 'function', function: {name: 'get_time', parameters:
    {type: 'object', properties: {zone: {type: 'string'}}, required: ['zone']}}},
];
const CALLS = [['get_weather', {city: 'Zürich \u6c34'}], ['get_time', {zone: 'CET'}]];
const callsOf = (message) => message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);

async function answersResults(first) {
  const results = first.tool_calls.map((call, index) => ({role: 'tool', tool_call_id: call.id, content: ['21 C \u2600', '12:00'][index]}));
  const answer = await client.chat.completions.create({model: model('tools'), messages: [...hello, first, ...results], tools});
  assert.equal(answer.choices[0].message.content, 'get_weather=21 C \u2600;get_time=12:00;');
}

check('two tools called at once, and a second turn with their results', async () => {
  const answer = await client.chat.completions.create({model: model('tools'), messages: hello, tools, tool_choice: 'auto'});
  const {message, finish_reason} = answer.choices[0];
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.content, 'Let me look.');
  assert.deepEqual(callsOf(message), CALLS);
  await answersResults(message);
});

check('the arguments of two tools in a stream, and a second turn', async () => {
  const chunks = await collect(await client.chat.completions.create({model: model('tools'), messages: hello, tools, stream: true}));
  const deltas = chunks.flatMap((chunk) => chunk.choices[0].delta.tool_calls ?? []);
  assert.ok(deltas.filter((delta) => delta.index === 0).length >= 3, 'the arguments come in pieces');
  assert.equal(deltas.filter((delta) => delta.id).length, 2);
  const message = {role: 'assistant', content: textOf(chunks), tool_calls: []};
  for (const {index, id, function: part} of deltas) {
    message.tool_calls[index] ??= {id, type: 'function', function: {name: part.name, arguments: ''}};
    message.tool_calls[index].function.arguments += part.arguments ?? '';
  }
  assert.deepEqual(callsOf(message), CALLS);
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls');
  await answersResults(message);
});

check('the runner of tools goes through both turns by itself', async () => {
  const asked = [];
  const callable = (name, answer) => ({type: 'function', function: {name, parse: JSON.parse, parameters: {type: 'object', properties: {}},
    description: name, function: (words) => { asked.push([name, words]); return answer; }}});
  const runner = client.chat.completions.runTools({model: model('tools'), messages: hello, stream: true,
    tools: [callable('get_weather', 'fine'), callable('get_time', 'noon')]});
  assert.equal(await runner.finalContent(), 'get_weather=fine;get_time=noon;');
  assert.deepEqual(asked, CALLS);
  assert.equal(sentSoFar(), 2);
});

// -- parts of other kinds

check('images arrive whole, as data and as addresses', async () => {
  const image = randomBytes(70_000);
  const answer = await client.chat.completions.create({model: model('image'), messages: [{role: 'user', content: [
    {type: 'text', text: 'What is this?'},
    {type: 'image_url', image_url: {url: `data:image/png;base64,${image.toString('base64')}`}},
    {type: 'image_url', image_url: {url: 'https://example.org/a.jpg'}}]}]});
  const digest = createHash('sha256').update(image).digest('hex').slice(0, 12);
  assert.equal(answer.choices[0].message.content, `image/png ${digest};url https://example.org/a.jpg;`);
});

check('an answer after a JSON schema, plain and streamed', async () => {
  const schema = {type: 'object', properties: {city: {type: 'string'}, size: {type: 'integer'}}, required: ['city', 'size'],
    additionalProperties: false};
  const request = {model: model('schema'), messages: hello, response_format: {type: 'json_schema', json_schema: {name: 'place', strict: true, schema}}};
  const answer = await client.chat.completions.create(request);
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), {city: 'Zürich', size: 2});
  const chunks = await collect(await client.chat.completions.create({...request, stream: true}));
  assert.deepEqual(JSON.parse(textOf(chunks)), {city: 'Zürich', size: 2});
});

check('reasoning, plain and streamed, goes back into the next turn', async () => {
  const request = {model: model('thinking'), messages: hello, reasoning_effort: 'low'};
  const {message} = (await client.chat.completions.create(request)).choices[0];
  assert.equal(message.reasoning_content, 'Let me think.');
  assert.equal(message.content, TEXT);
  const chunks = await collect(await client.chat.completions.create({...request, stream: true}));
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.reasoning_content ?? '').join(''), 'Let me think.');
  assert.equal(textOf(chunks), TEXT);
  const next = await client.chat.completions.create({...request, messages: [...hello, message, {role: 'user', content: 'Go on'}]});
  const kept = JSON.stringify([['Let me think.', anthropic ? SIGNATURE : '']]);
  assert.deepEqual(JSON.parse(next.choices[0].message.content.replace('thoughts: ', '')), JSON.parse(kept));
});

main();
