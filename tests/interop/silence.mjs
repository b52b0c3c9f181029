// Silence for longer than the time-outs.  For 40 seconds keep-alives hold a connection, and an echo
// still works; a peer that was killed is noticed, by either side; and who is ignored gives up.
//
//   silence.mjs OUR_PEER
//
// All of that at once: it takes as long as one.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Program } from './program.mjs';

const ALPN = 'iroh-example/echo/0';
const SILENCE_MS = 40_000;

process.setMaxListeners(0); // each program that runs has one

const commands = {
    iroh: [process.execPath, fileURLToPath(new URL('iroh_peer.mjs', import.meta.url))],
    iq: [process.argv[2]],
};
const timedOut = {
    iroh: { error: 'timed out' },
    iq: { how: 'timed out', code: 0, reason: '' },
};

async function start(acceptKind, connectKind, { accepts = [], connects = [] }) {
    const accept = new Program([...commands[acceptKind], 'accept', '--alpn', ALPN, ...accepts],
        'pipe');
    await accept.until(() => accept.lines.length > 0);
    const { id, addr } = accept.events[0];
    const connect = new Program([...commands[connectKind], 'connect', '--id', id, '--addr', addr,
        '--alpn', ALPN, ...connects], 'pipe');
    return { accept, connect };
}

async function connected(acceptKind, connectKind, connects) {
    const { accept, connect } = await start(acceptKind, connectKind, { connects });
    await Promise.all([accept, connect].map((peer) => peer.until(() => peer.lines.length > 1)));
    assert.deepEqual([accept.events[1].event, connect.events[1].event], ['accepted', 'connected']);
    return { accept, connect };
}

// iroh sends keep-alives as well: that ours are enough is for the simulator to show.
async function silent(acceptKind, connectKind) {
    const { accept, connect } = await connected(acceptKind, connectKind, ['--hold', 'echo']);
    await sleep(SILENCE_MS);
    assert.deepEqual([accept.lines.length, connect.lines.length], [2, 2], 'silence');
    connect.process.stdin.write('\n');
    assert.equal(await connect.toEnd(), 'exit status 0');
    assert.deepEqual(connect.events[2], { event: 'echoed', streams: 1, bytes: 13, equal: true });
    await accept.said('closed');
    accept.process.stdin.end();
    assert.equal(await accept.toEnd(), 'exit status 0');
    assert.deepEqual(accept.events.slice(2).map(({ event }) => event), ['closed']);
}

async function killed(acceptKind, connectKind, killedSide) {
    const peers = await connected(acceptKind, connectKind, ['--behaviour', 'wait']);
    const victim = peers[killedSide];
    const left = killedSide === 'accept' ? peers.connect : peers.accept;
    process.kill(victim.events[0].pid, 'SIGKILL');
    await victim.toEnd();
    await left.until(() => left.lines.length > 2);
    left.process.stdin.end();
    assert.equal(await left.toEnd(), 'exit status 0');
    const leftKind = killedSide === 'accept' ? connectKind : acceptKind;
    assert.deepEqual(left.events.slice(2), [{ event: 'closed', ...timedOut[leftKind] }]);
}

process.setMaxListeners(0); // each program that runs has one
async function ignored(acceptKind, connectKind) {
    const accepts = ['--behaviour', 'ignore'];
    const { accept, connect } = await start(acceptKind, connectKind, { accepts });
    assert.equal(await connect.toEnd(), 'exit status 0');
    assert.deepEqual(connect.events.slice(1), [{ event: 'failed', ...timedOut[connectKind] }]);
    accept.process.stdin.end();
    assert.equal(await accept.toEnd(), 'exit status 0');
    assert.equal(accept.lines.length, 1);
}

const directions = [['iq', 'iroh'], ['iroh', 'iq']];
const cases = directions.flatMap(([acceptKind, connectKind]) => {
    const who = `${acceptKind} accepts, ${connectKind} connects`;
    return [
        [`silent: ${who}`, silent(acceptKind, connectKind)],
        [`accept side killed: ${who}`, killed(acceptKind, connectKind, 'accept')],
        [`connect side killed: ${who}`, killed(acceptKind, connectKind, 'connect')],
        [`ignored: ${who}`, ignored(acceptKind, connectKind)],
    ];
});
const ends = await Promise.allSettled(cases.map(([, end]) => end));
ends.forEach(({ reason }, i) => {
    console.log(reason ? `FAILED  ${cases[i][0]}\n${reason.message}` : `ok      ${cases[i][0]}`);
});
process.exit(ends.some(({ reason }) => reason) ? 1 : 0);
