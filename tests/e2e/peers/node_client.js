// A client on Node's own HTTP: `node node_client.js PORT`. Prints one JSON object of what it saw.
// With `https` behind it, over TLS.
const http = require(process.argv[3] === 'https' ? 'https' : 'http');

const port = Number(process.argv[2]);
const agent = new http.Agent({keepAlive: true, maxSockets: 1});

function ask(chat, onResponse) {
  return new Promise((done, fail) => {
    const body = JSON.stringify({messages: [{role: 'user', content: 'Hello'}], ...chat});
    const request = http.request({port, host: '127.0.0.1', servername: 'localhost', agent, method: 'POST', path: '/v1/chat/completions',
                                  headers: {'content-type': 'application/json', 'content-length': Buffer.byteLength(body)}},
                                 (response) => onResponse(response, request, done, fail));
    request.on('error', (error) => request.destroyed ? done({aborted: true}) : fail(error));
    request.end(body);
  });
}

function whole(response, request, done, fail) {
  let text = '';
  let parts = 0;
  response.setEncoding('utf8');
  response.on('data', (part) => { text += part; ++parts; });
  response.on('error', fail);
  response.on('end', () => done({status: response.statusCode, complete: response.complete, reused: request.reusedSocket,
                                 type: response.headers['content-type'], parts, text}));
}

function abortAtFirst(response, request, done) {
  response.on('error', () => {});
  response.once('data', () => { request.destroy(); done({aborted: true}); });
}

async function main() {
  const seen = {};
  seen.plain = await ask({model: 'm'}, whole);
  seen.stream = await ask({model: 'm', stream: true}, whole);
  seen.aborted = await ask({model: 'endless', stream: true}, abortAtFirst);
  seen.after = await ask({model: 'm', stream: true}, whole);
  console.log(JSON.stringify(seen));
  agent.destroy();
}

main().catch((error) => { console.error(error); process.exit(1); });
