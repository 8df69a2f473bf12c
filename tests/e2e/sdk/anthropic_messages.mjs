// The Anthropic SDK's messages: plain, streamed, with tools, images and thinking, against providers of either dialect.
import assert from 'node:assert/strict';
import {createHash, randomBytes} from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import {SIGNATURE, TEXT, calls, check, checkOfGateway, countedFetch, failsWith, lastSent, main, model, options, sentSoFar} from './checks.mjs';

const client = new Anthropic({baseURL: options.url, apiKey: options.keys.good, authToken: null, fetch: countedFetch, maxRetries: 0});
const hello = {max_tokens: 4096, system: 'Be brief.', messages: [{role: 'user', content: 'Hello'}]};
const same = options.dialect === 'anthropic';

function hasUsage(usage) {
  const {input_tokens, cache_read_input_tokens, output_tokens} = usage;
  assert.deepEqual({input_tokens, cache_read_input_tokens, output_tokens}, {input_tokens: 11, cache_read_input_tokens: 4, output_tokens: 5});
}
const textOf = (message) => message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
const toolsOf = (message) => message.content.filter((block) => block.type === 'tool_use').map((block) => [block.name, block.input]);

check('a plain answer, with its usage', async () => {
  const message = await client.messages.create({model: model('plain'), ...hello});
  assert.deepEqual([message.type, message.role, message.model], ['message', 'assistant', model('plain')]);
  assert.deepEqual(message.content, [{type: 'text', text: TEXT}]);
  assert.equal(message.stop_reason, 'end_turn');
  hasUsage(message.usage);
  if (same) assert.match(message._request_id, /^req_first_\d+$/);
});

checkOfGateway('the provider sees its own key and never the client\'s', async () => {
  const {response} = await client.messages.create({model: model('plain'), ...hello}).withResponse();
  const [call] = await calls();
  assert.ok(!JSON.stringify(call).includes(options.keys.good));
  if (same) assert.equal(call.fields['anthropic-version'], lastSent().get('anthropic-version'));
  assert.match(response.headers.get('x-headrace-request-id'), /^[0-9a-f-]{20,}$/);
});

checkOfGateway('a key as a bearer, which is how the SDK shows it, and one in x-api-key', async () => {
  const other = new Anthropic({baseURL: options.url, apiKey: null, authToken: null, defaultHeaders: {'x-api-key': options.keys.good},
    fetch: countedFetch, maxRetries: 0});
  assert.equal(textOf(await other.messages.create({model: model('plain'), ...hello})), TEXT);
});

check('a stream: each event where it belongs', async () => {
  const kinds = [];
  let text = '', open = null;
  for await (const event of await client.messages.create({model: model('plain'), ...hello, stream: true})) {
    kinds.push(event.type);
    if (event.type === 'content_block_start') {
      assert.equal(open, null);
      open = event.index;
    } else if (event.type === 'content_block_delta') {
      assert.equal(event.index, open);
      text += event.delta.text;
    } else if (event.type === 'content_block_stop') {
      assert.equal(event.index, open);
      open = null;
    }
  }
  assert.equal(text, TEXT);
  assert.deepEqual([kinds[0], ...kinds.slice(-3)], ['message_start', 'content_block_stop', 'message_delta', 'message_stop']);
});

check('the stream helper puts a message together', async () => {
  const stream = client.messages.stream({model: model('plain'), ...hello});
  let heard = '';
  stream.on('text', (delta) => { heard += delta; });
  const message = await stream.finalMessage();
  assert.equal(heard, TEXT);
  assert.equal(textOf(message), TEXT);
  assert.equal(message.stop_reason, 'end_turn');
  hasUsage(message.usage);
});

check('an answer cut off by its limit says so', async () => {
  const message = await client.messages.create({model: model('length'), ...hello, max_tokens: 1});
  assert.equal(message.stop_reason, 'max_tokens');
  assert.equal((await client.messages.stream({model: model('length'), ...hello, max_tokens: 1}).finalMessage()).stop_reason, 'max_tokens');
});

check('the beta resource, whose path has a query', async () => {
  const message = await client.beta.messages.create({model: model('plain'), ...hello, betas: ['interleaved-thinking-2025-05-14']});
  assert.equal(textOf(message), TEXT);
  if (same) assert.match((await calls())[0].fields['anthropic-beta'], /interleaved-thinking/);
});

// -- tools

const tools = [
  {name: 'get_weather', description: 'Weather', input_schema: {type: 'object', properties: {city: {type: 'string'}}, required: ['city']}},
  {name: 'get_time', input_schema: {type: 'object', properties: {zone: {type: 'string'}}, required: ['zone']}},
];
const CALLS = [['get_weather', {city: 'Zürich \u6c34'}], ['get_time', {zone: 'CET'}]];

async function answersResults(message) {
  const results = message.content.filter((block) => block.type === 'tool_use').map(({id}, index) => (
    {type: 'tool_result', tool_use_id: id, content: index ? [{type: 'text', text: '12:00'}] : '21 C \u2600'}));
  const answer = await client.messages.create({model: model('tools'), ...hello, tools,
    messages: [...hello.messages, {role: 'assistant', content: message.content}, {role: 'user', content: results}]});
  assert.equal(textOf(answer), 'get_weather=21 C \u2600;get_time=12:00;');
}

check('two tools called at once, and a second turn with their results', async () => {
  const message = await client.messages.create({model: model('tools'), ...hello, tools, tool_choice: {type: 'auto'}});
  assert.equal(message.stop_reason, 'tool_use');
  assert.equal(textOf(message), 'Let me look.');
  assert.deepEqual(toolsOf(message), CALLS);
  await answersResults(message);
});

check('the input of two tools in a stream, and a second turn', async () => {
  const stream = client.messages.stream({model: model('tools'), ...hello, tools});
  let pieces = 0;
  stream.on('inputJson', () => { ++pieces; });
  const message = await stream.finalMessage();
  assert.ok(pieces >= 4, `${pieces} pieces of input`);
  assert.equal(message.stop_reason, 'tool_use');
  assert.deepEqual(toolsOf(message), CALLS);
  await answersResults(message);
});

async function runsBothTurns(more) {
  const asked = [];
  const callable = (tool, answer) => ({...tool, type: 'custom', parse: (input) => input,
    run: (input) => { asked.push([tool.name, input]); return answer; }});
  const runner = client.beta.messages.toolRunner({model: model('tools'), ...hello, ...more,
    tools: [callable(tools[0], 'fine'), callable(tools[1], 'noon')]});
  assert.equal(textOf(await runner), 'get_weather=fine;get_time=noon;');
  assert.deepEqual(asked, CALLS);
}

check('the runner of tools goes through both turns by itself', async () => {
  await runsBothTurns({thread: false});
  assert.equal(sentSoFar(), 2);
});

// The SDK wants the provider to keep the conversation. A refusal that says so makes it send the whole of it instead;
// an answer in spite of it would be followed by a turn without its history.
check('a conversation that nobody keeps is refused in words that the runner of tools understands', async () => {
  await runsBothTurns({});
  assert.equal(sentSoFar(), 3);
});

// -- blocks of other kinds

check('images arrive whole, as data and as addresses', async () => {
  const image = randomBytes(70_000);
  const message = await client.messages.create({model: model('image'), ...hello, messages: [{role: 'user', content: [
    {type: 'image', source: {type: 'base64', media_type: 'image/webp', data: image.toString('base64')}},
    {type: 'image', source: {type: 'url', url: 'https://example.org/a.jpg'}},
    {type: 'text', text: 'What is this?'}]}]});
  const digest = createHash('sha256').update(image).digest('hex').slice(0, 12);
  assert.equal(textOf(message), `image/webp ${digest};url https://example.org/a.jpg;`);
});

check('an answer after a JSON schema', async () => {
  const schema = {type: 'object', properties: {city: {type: 'string'}, size: {type: 'integer'}}, required: ['city', 'size'],
    additionalProperties: false};
  const message = await client.messages.create({model: model('schema'), ...hello, output_config: {format: {type: 'json_schema', schema}}});
  assert.deepEqual(JSON.parse(textOf(message)), {city: 'Zürich', size: 2});
});

async function thinks(message) {
  const [thought] = message.content;
  assert.deepEqual([thought.type, thought.thinking], ['thinking', 'Let me think.']);
  assert.equal(thought.signature, same ? SIGNATURE : '');
  assert.equal(textOf(message), TEXT);
  const next = await client.messages.create({model: model('thinking'), ...hello, thinking: {type: 'enabled', budget_tokens: 1024},
    messages: [...hello.messages, {role: 'assistant', content: message.content}, {role: 'user', content: 'Go on'}]});
  if (same) assert.deepEqual(JSON.parse(textOf(next).replace('thoughts: ', '')), [['Let me think.', SIGNATURE]]);
}

check('a thought with its signature, and its way back', async () => {
  await thinks(await client.messages.create({model: model('thinking'), ...hello, thinking: {type: 'enabled', budget_tokens: 1024}}));
});

check('a streamed thought with its signature, and its way back', async () => {
  await thinks(await client.messages.stream({model: model('thinking'), ...hello, thinking: {type: 'enabled', budget_tokens: 1024}}).finalMessage());
});

check('tokens are counted where the provider can', async () => {
  const {max_tokens, ...request} = hello;
  assert.ok(max_tokens);
  const count = () => client.messages.countTokens({model: model('plain'), ...request});
  if (same) {
    assert.equal((await count()).input_tokens, 12);
  } else if (options.gateway) {
    const error = await failsWith(Anthropic.APIError, count);
    assert.ok(error.status >= 400 && error.status < 500, String(error.status));
    assert.equal(error.error.type, 'error');
  }
});

main();
