// A client on Node's own HTTP/2: `node node_h2_client.js URL [CA_FILE]`. Prints one JSON object of what it saw.
const http2 = require('http2');
const fs = require('fs');

const session = http2.connect(process.argv[2], process.argv[3] ? {ca: fs.readFileSync(process.argv[3])} : {});
const events = [];
session.on('error', (error) => events.push(error.code));
session.on('goaway', (code) => events.push(`goaway ${code}`));

function ask(chat, {abortAfter = 0, path = '/v1/chat/completions', pieces = 1} = {}) {
  return new Promise((done) => {
    const body = Buffer.from(JSON.stringify({messages: [{role: 'user', content: 'Hello'}], ...chat}));
    const stream = session.request({':method': 'POST', ':path': path, 'content-type': 'application/json'});
    const seen = {text: '', parts: 0};
    stream.on('response', (fields) => { seen.status = fields[':status']; seen.type = fields['content-type']; seen.names = Object.keys(fields); });
    stream.setEncoding('utf8');
    stream.on('data', (part) => {
      seen.text += part;
      if (++seen.parts === abortAfter) stream.close(http2.constants.NGHTTP2_CANCEL);
    });
    stream.on('error', (error) => { seen.error = error.code; });
    stream.on('close', () => done({...seen, code: stream.rstCode}));
    for (let i = 0; i < pieces; ++i) stream.write(body.subarray(i * body.length / pieces, (i + 1) * body.length / pieces));
    stream.end();
  });
}

async function main() {
  const seen = {};
  seen.plain = await ask({model: 'm'});
  seen.streams = await Promise.all(Array.from({length: 50}, () => ask({model: 'm', stream: true})));
  seen.large = await ask({model: 'm', user: 'x'.repeat(700_000)}, {pieces: 5});
  const staying = ask({model: 'm', stream: true});
  seen.aborted = await ask({model: 'endless', stream: true}, {abortAfter: 1});
  seen.staying = await staying;
  seen.nowhere = await ask({}, {path: '/nowhere'});
  seen.after = await ask({model: 'm'});
  seen.events = events;
  session.close(() => console.log(JSON.stringify(seen)));
}

main().catch((error) => { console.error(error); process.exit(1); });
