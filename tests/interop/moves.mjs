// Our connect side's address goes in the middle of an echo, and iroh follows it to the next one.
//
//   moves.mjs OUR_PEER
//
// It changes addresses of lo: to be started by ./run, in a network namespace.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { Program } from './program.mjs';

const ALPN = 'iroh-example/echo/0';
const BYTES = 20_000_000;

const ip = (line) => execFileSync('ip', line.split(' '));

// The source that the system chooses for what goes to 127.0.0.1.
const sendFrom = (address) => ip(`route replace local 127.0.0.1 dev lo table local src ${address}`);

ip('addr add 198.51.100.1/32 dev lo');
ip('addr add 198.51.100.2/32 dev lo');
sendFrom('198.51.100.1');

const accept = new Program([process.execPath,
    fileURLToPath(new URL('iroh_peer.mjs', import.meta.url)), 'accept', '--alpn', ALPN], 'pipe');
await accept.until(() => accept.lines.length > 0);
const { id, addr } = accept.events[0];
const connect = new Program([process.argv[2], 'connect', '--id', id, '--addr', addr,
    '--alpn', ALPN, '--size', String(BYTES), '--bind', '0.0.0.0:0',
    '--update-keys', String(BYTES / 20)], 'pipe');
await connect.said('keys updated'); // the handshake is confirmed: before, nobody may move
sendFrom('198.51.100.2');
ip('addr del 198.51.100.1/32 dev lo');
assert(!connect.events.some(({ event }) => event === 'echoed'), 'the echo was too fast');
await connect.toEnd();
await accept.said('closed');
accept.process.stdin.end();
await accept.toEnd();

assert.deepEqual(connect.events.slice(3), [
    { event: 'echoed', streams: 1, bytes: BYTES, equal: true },
    { event: 'closed', how: 'closed by us', code: 0, reason: 'bye!' },
]);
assert.equal(accept.events.at(-1).error, 'closed by peer: bye! (code 0)');
