// An application whose page opens WebSockets, and which sends every message back (RFC 6455).
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';

const CLOSE = 8;
const PING = 9;

/** The frames of a client, whole ones, each with its kind and its payload unmasked. */
function* frames(buffer) {
  let at = 0;
  for (;;) {
    if (buffer.length < at + 2) break;
    const [kind, short] = [buffer[at] & 15, buffer[at + 1] & 127];
    const more = { 126: 2, 127: 8 }[short] ?? 0;
    const mask = at + 2 + more;
    if (buffer.length < mask + 4) break;
    const length = more === 2 ? buffer.readUInt16BE(at + 2) : more === 8 ? Number(buffer.readBigUInt64BE(at + 2)) : short;
    const payload = Buffer.from(buffer.subarray(mask + 4, mask + 4 + length));
    if (payload.length < length) break;
    for (let index = 0; index < length; index += 1) payload[index] ^= buffer[mask + (index & 3)];
    const isLast = buffer[at] >= 128;
    at = mask + 4 + length;
    yield { kind, isLast, payload, rest: buffer.subarray(at) };
  }
}

function frame(first, payload) {
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = first;
  if (head.length === 2) head[1] = payload.length;
  else if (head.length === 4) { head[1] = 126; head.writeUInt16BE(payload.length, 2); } else { head[1] = 127; head.writeBigUInt64BE(BigInt(payload.length), 2); }
  return Buffer.concat([head, payload]);
}

/** `handshakes` are the heads of the requests for WebSockets, `closes` the codes and reasons that clients closed with. */
export async function startEcho() {
  const handshakes = [];
  const closes = [];
  const open = new Set();
  const ending = new WeakSet();
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8').end('<!doctype html><title>Echo</title>');
  });
  server.on('upgrade', (request, socket) => {
    handshakes.push({ url: request.url, version: request.httpVersion, method: request.method, headers: request.headers });
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    open.add(socket);
    socket.on('error', () => {}).on('end', () => socket.end()).on('close', () => open.delete(socket));
    let buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (const { kind, isLast, payload, rest } of frames(buffer)) {
        buffer = rest;
        if (kind === CLOSE) {
          closes.push({ code: payload.length > 1 ? payload.readUInt16BE() : undefined, reason: payload.subarray(2).toString() });
          // Said once by each side.
          if (ending.has(socket)) socket.end();
          else socket.end(frame(0x88, payload));
        } else if (kind === PING) socket.write(frame(0x8a, payload));
        // Piece by piece, as it came.
        else if (kind < CLOSE) socket.write(frame((isLast ? 0x80 : 0) | kind, payload));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    handshakes,
    closes,
    open: () => open.size,
    /** Closes every WebSocket as this side would. */
    end(code, reason) {
      const payload = Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
      for (const socket of open) {
        ending.add(socket);
        socket.write(frame(0x88, payload));
      }
    },
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
