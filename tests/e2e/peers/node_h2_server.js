// A provider on Node's own HTTP/2 server, without TLS (prior knowledge) or with it. The model of a request says what
// becomes of it; what the server saw is asked for with the model `seen`. Arguments: the bound on streams, then, to
// serve over TLS, a certificate and its key.
const fs = require('fs');
const http2 = require('http2');

const words = ['Water', ' runs', ' \u6c34', ' "down"', ' hill'];
const seen = {sessions: 0, streams: 0, cancelled: 0, finished: 0, silent: 0, goaways: 0, refused: 0};

function event(delta, finish = null) {
  return 'data: ' + JSON.stringify({id: 'chatcmpl-node', object: 'chat.completion.chunk', created: 1, model: 'm',
                                    choices: [{index: 0, delta, finish_reason: finish}]}) + '\n\n';
}

function pause(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

async function answer_stream(stream, model) {
  stream.respond({':status': 200, 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'req_node'});
  stream.write(event({role: 'assistant', content: ''}));
  for (const [index, word] of words.entries()) {
    if (model === 'reset' && index === 2) {
      await pause(50);  // what was written leaves first
      return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
    }
    stream.write(event({content: word}));
    await new Promise(setImmediate);
  }
  for (let i = 0; model === 'endless' && !stream.destroyed; ++i) {
    stream.write(event({content: ` ${i}`}));
    await pause(5);
  }
  for (let i = 0; model === 'costly' && i < 60 && !stream.destroyed; ++i) {
    stream.write(event({content: ` ${i}`}));
    await pause(10);
  }
  if (stream.destroyed) return;
  stream.write(event({}, 'stop'));
  if (model === 'costly') {
    seen.finished += 1;
    stream.write('data: {"choices":[],"usage":{"prompt_tokens":70,"completion_tokens":65,"total_tokens":135}}\n\n');
  }
  stream.end('data: [DONE]\n\n');
}

function answer(stream, headers, body) {
  const chat = JSON.parse(body);
  if (chat.model === 'seen') {
    stream.respond({':status': 200, 'content-type': 'application/json'});
    return stream.end(JSON.stringify({...seen, fields: headers, bytes: Buffer.byteLength(body)}));
  }
  if (chat.model === 'teapot') {
    stream.respond({':status': 429, 'content-type': 'application/json', 'retry-after': '9'});
    return stream.end('{"error":{"message":"busy","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}');
  }
  if (chat.model === 'refuse-once' && seen.refused === 0) {
    seen.refused += 1;
    return stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
  }
  if (chat.model === 'goaway' && seen.goaways === 0) {
    seen.goaways += 1;
    return stream.session.goaway(http2.constants.NGHTTP2_NO_ERROR, stream.id - 2);  // all but this one
  }
  if (chat.model === 'silent') {
    seen.silent += 1;
    return;
  }
  if (chat.stream) return answer_stream(stream, chat.model);
  stream.respond({':status': 200, 'content-type': 'application/json'});
  stream.end('{"from":"node","text":"\u6c34"}');
}

const [, , bound, certificate, key] = process.argv;
const settings = {maxConcurrentStreams: Number(bound || 100)};
const server = certificate
  ? http2.createSecureServer({settings, cert: fs.readFileSync(certificate), key: fs.readFileSync(key)})
  : http2.createServer({settings});
server.on('session', (session) => {
  seen.sessions += 1;
  session.on('error', () => {});
});
server.on('stream', (stream, headers) => {
  seen.streams += 1;
  let body = '';
  stream.setEncoding('utf8');
  stream.on('error', () => {});
  stream.on('aborted', () => seen.cancelled += 1);
  stream.on('data', (part) => body += part);
  stream.on('end', () => body && answer(stream, headers, body));
});
server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
