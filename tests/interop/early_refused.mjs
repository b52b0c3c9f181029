// iroh was restarted, and knows none of its sessions: it refuses our early data, all is said again,
// and the early data of the next dial is taken.
//
//   early_refused.mjs OUR_PEER
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { Program } from './program.mjs';

const ALPN = 'iroh-example/echo/0';
// RFC 8032, section 7.1
const KEY = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';

async function startToAccept(...args) {
    const peer = new Program([process.execPath,
        fileURLToPath(new URL('iroh_peer.mjs', import.meta.url)), 'accept', '--alpn', ALPN,
        '--key', KEY, ...args], 'pipe');
    await peer.until(() => peer.lines.length > 0);
    assert.equal(peer.events[0]?.event, 'bound');
    return peer;
}

async function end(peer) {
    peer.process.stdin.end();
    assert.equal(await peer.toEnd(), 'exit status 0');
}

let accept = await startToAccept();
const { id, addr } = accept.events[0];
const connect = new Program([process.argv[2], 'connect', '--id', id, '--addr', addr, '--alpn', ALPN,
    '--connections', 3, '--sessions', 256, '--early', 1, '--hold', 'dial'], 'pipe');

await connect.said('closed');
await end(accept);
accept = await startToAccept('--bind', addr);
connect.process.stdin.write('\n');
await connect.said('closed', 2);
connect.process.stdin.write('\n');
assert.equal(await connect.toEnd(), 'exit status 0');
await accept.said('closed', 2);
await end(accept);

const dial = (resumed, early) => [
    { event: 'connected', remote: id, alpn: ALPN, resumed, early },
    { event: 'echoed', streams: 1, bytes: 13, equal: true },
    { event: 'closed', how: 'closed by us', code: 0, reason: 'bye!' },
];
assert.deepEqual(connect.events.slice(1), [
    ...dial(false, false),
    { event: 'early' }, ...dial(false, false),
    { event: 'early' }, ...dial(true, true),
]);
assert.deepEqual(accept.events.slice(1).map(({ event }) => event),
    ['accepted', 'closed', 'accepted', 'closed']);
