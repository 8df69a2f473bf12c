// fetch() over HTTP/2, on one session of Node's http2 for each origin: what an SDK is given in place of the global one.
import http2 from 'node:http2';

const sessions = new Map();

function sessionOf(origin) {
  let session = sessions.get(origin);
  if (!session || session.closed || session.destroyed) {
    session = http2.connect(origin);
    session.on('error', () => {});
    session.unref();
    session.running = 0;
    sessions.set(origin, session);
  }
  return session;
}

// While a stream of it runs a session keeps the process alive, and no longer.
function begin(session) {
  if (session.running++ === 0) session.ref();
}

function finish(session) {
  if (--session.running === 0) session.unref();
}

export async function h2Fetch(input, init = {}) {
  const request = new Request(input, init);
  const url = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer());
  const fields = Object.fromEntries(request.headers);
  if (body.length) fields['content-length'] = String(body.length);
  const session = sessionOf(url.origin);
  begin(session);
  const stream = session.request({...fields, ':method': request.method, ':path': url.pathname + url.search},
                                 {endStream: body.length === 0});
  if (body.length) stream.end(body);
  return await new Promise((resolve, reject) => {
    let controller;
    let over = false;
    const end = (error) => {
      if (over) return;
      over = true;
      finish(session);
      if (controller) error ? controller.error(error) : controller.close();
      reject(error ?? new TypeError('the stream ended without an answer'));
    };
    request.signal.addEventListener('abort', () => {
      stream.close(http2.constants.NGHTTP2_CANCEL);
      end(request.signal.reason);
    });
    stream.on('error', (error) => end(new TypeError('fetch failed', {cause: error})));
    stream.on('response', (answer) => {
      const headers = new Headers();
      for (const [name, value] of Object.entries(answer)) {
        if (!name.startsWith(':')) headers.append(name, String(value));
      }
      const source = {
        start(given) { controller = given; },
        cancel() {
          if (!over) finish(session);
          over = true;
          stream.close(http2.constants.NGHTTP2_CANCEL);
        },
      };
      const empty = [204, 304].includes(answer[':status']);
      resolve(new Response(empty ? null : new ReadableStream(source), {status: answer[':status'], headers}));
    });
    stream.on('data', (piece) => over || controller.enqueue(new Uint8Array(piece)));
    stream.on('end', () => end());
    stream.on('close', () => end(stream.rstCode ? new TypeError(`reset with ${stream.rstCode}`) : undefined));
  });
}
