// Our accept side is bound to all addresses, and iroh, which knows several of them, sends its first
// packets to each: that is one connection, and every answer leaves from where it was asked.
//
//   two_addresses.mjs OUR_PEER
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { Program } from './program.mjs';

const ALPN = 'iroh-example/echo/0';
const BYTES = 1_000_000;

const accept = new Program([process.argv[2], 'accept', '--alpn', ALPN, '--bind', '0.0.0.0:0'], 'pipe');
await accept.until(() => accept.lines.length > 0);
const { id, addr } = accept.events[0];
const port = addr.split(':').at(-1);

async function echo(hosts) {
    const connect = new Program([process.execPath,
        fileURLToPath(new URL('iroh_peer.mjs', import.meta.url)), 'connect', '--id', id,
        '--addr', hosts.map((host) => `${host}:${port}`).join(), '--alpn', ALPN,
        '--size', String(BYTES)]);
    await connect.toEnd();
    assert.deepEqual(connect.events.slice(2), [
        { event: 'echoed', streams: 1, bytes: BYTES, equal: true },
        { event: 'closed', error: 'closed' },
    ], String(hosts));
}

const dials = [['127.0.0.2'], ['127.0.0.2', '127.0.0.3'], ['127.0.0.3', '127.0.0.1', '127.0.0.2']];
for (const hosts of dials) await echo(hosts);
accept.process.stdin.end();
await accept.toEnd();
const said = accept.events.slice(1).map(({ event }) => event);
assert.deepEqual(said.sort(), [...dials.map(() => 'accepted'), ...dials.map(() => 'closed')]);
