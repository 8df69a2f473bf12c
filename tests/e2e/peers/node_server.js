// A provider on Node's own HTTP server: answers chat requests plain or as a stream; breaks off where the model says so.
// Arguments: keep-alive in milliseconds, then, to serve over TLS, a certificate and its key.
const fs = require('fs');
const http = require('http');
const https = require('https');

const words = ['Water', ' runs', ' \u6c34', ' "down"', ' hill'];

function event(delta, finish = null) {
  return 'data: ' + JSON.stringify({id: 'chatcmpl-node', object: 'chat.completion.chunk', created: 1, model: 'm',
                                    choices: [{index: 0, delta, finish_reason: finish}]}) + '\n\n';
}

async function stream(response, model) {
  response.writeHead(200, {'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'req_node'});
  response.write(event({role: 'assistant', content: ''}));
  for (const [index, word] of words.entries()) {
    if (model === 'destroy' && index === 2) {
      // What was written leaves first.
      await new Promise((done) => setTimeout(done, 50));
      return response.destroy();
    }
    response.write(event({content: word}));
    await new Promise(setImmediate);
  }
  response.write(event({}, 'stop'));
  response.end('data: [DONE]\n\n');
}

function serve(answer) {
  const [certificate, key] = process.argv.slice(3);
  if (!certificate) return http.createServer(answer);
  return https.createServer({cert: fs.readFileSync(certificate), key: fs.readFileSync(key)}, answer);
}

const server = serve((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (part) => body += part);
  request.on('end', () => {
    const chat = JSON.parse(body);
    if (chat.model === 'seen') {
      response.setHeader('content-type', 'application/json');
      return response.end(JSON.stringify({line: `${request.method} ${request.url} ${request.httpVersion}`,
                                          fields: request.headers, bytes: Buffer.byteLength(body)}));
    }
    if (chat.model === 'teapot') {
      response.writeHead(429, {'content-type': 'application/json', 'retry-after': '9'});
      return response.end('{"error":{"message":"busy","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}');
    }
    if (chat.stream) return stream(response, chat.model);
    response.setHeader('content-type', 'application/json');
    // Without a length Node answers in chunks.
    response.write('{"from":"node",');
    response.end('"text":"\u6c34"}');
  });
});
server.keepAliveTimeout = chatKeepAlive();
server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));

function chatKeepAlive() {
  return Number(process.argv[2] || 60000);
}
