// What streams and datagrams do in special cases: one act of two peers each, and what they then say.
//
//   acts.mjs NAME OUR_PEER      ours accepts and iroh connects, then the reverse
//   acts.mjs NAME               iroh on both sides, to check the act itself
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { Program } from './program.mjs';

const LENS = [0, 13, 1162, 100, 100, 100, 100, 100];

// What each side says after "bound".  The acts themselves are in iroh_acts.mjs and acts.c.
const acts = {};

function act(name, says) {
    acts[name] = says;
}

// The accept side stops what the connect side sends.
act('stop_7', { accept: [{ event: 'heard', texts: ['x'] }], connect: [{ event: 'stopped', code: 7 }] });
// The accept side gives up its answer.
act('reset_9', { accept: [{ event: 'heard', texts: ['x'] }], connect: [{ event: 'reset', code: 9 }] });
// Of two streams the second is written first: the peer sees both, in their order.
act('second_first', {
    accept: [{ event: 'heard', texts: ['one', 'two'] }],
    connect: [{ event: 'heard', texts: ['two', 'one'] }],
});
act('uni_both_ways', {
    accept: [{ event: 'heard', texts: ['from the connect side'] }],
    connect: [{ event: 'heard', texts: ['from the accept side'] }],
});
// iroh's stopped() without a code.  The accept side ends its own side when it has read all: what
// has been delivered may still wait to be read, and a close would take it away.
act('delivered', {
    accept: [{ event: 'heard', texts: ['all of it'] }],
    connect: [{ event: 'delivered' }],
});
// The accept side lets go of the stream in the middle: it is told to stop, and its side ends.
act('dropped', {
    accept: [{ event: 'heard', texts: ['x'] }],
    connect: [{ event: 'stopped', code: 0 }, { event: 'heard', texts: ['bye'] }],
});
// The accept side answers each datagram with the same.
act('datagrams', {
    accept: [],
    connect: [{ event: 'datagrams', lens: LENS, equal: true }],
});
act('datagram_too_long', {
    accept: [],
    connect: {
        iroh: [{ event: 'refused', error: 'TooLarge' }],
        iq: [{ event: 'refused', error: 'more data than the caller allows' }],
    },
});

class Peer extends Program {
    constructor(kind, command) {
        super(command, 'pipe');
        this.kind = kind;
    }

    async bound() {
        await this.until(() => this.lines.length > 0);
        assert(this.events[0]?.event === 'bound', `${this.kind}: no "bound" (${this.ended})`);
        return this.events[0];
    }
}

// By name: two things that happen to a stream at once may be told in any order.
const sorted = (events) => [...events].sort((a, b) => a.event.localeCompare(b.event));
const expected = (says, kind) => ({ events: sorted(says[kind] ?? says), ended: 'exit status 0' });
const heard = (peer) => ({ events: sorted(peer.events.slice(1)), ended: peer.ended });

async function run(name, accept, connectKind, start) {
    const server = await accept.bound();
    const connect = start(connectKind, ['connect', name, server.id, server.addr]);

    await connect.toEnd();
    accept.process.stdin.end();
    await accept.toEnd();
    assert.deepEqual({ connect: heard(connect), accept: heard(accept) }, {
        connect: expected(acts[name].connect, connectKind),
        accept: expected(acts[name].accept, accept.kind),
    });
}

async function main(name, ourPeer) {
    const commands = {
        iroh: [process.execPath, fileURLToPath(new URL('iroh_acts.mjs', import.meta.url))],
        iq: [ourPeer],
    };
    const directions = ourPeer ? [['iq', 'iroh'], ['iroh', 'iq']] : [['iroh', 'iroh']];

    for (const [acceptKind, connectKind] of directions) {
        const peers = [];
        const start = (kind, args) => {
            peers.push(new Peer(kind, [...commands[kind], ...args]));
            return peers.at(-1);
        };
        const title = `${name}: ${acceptKind} accepts, ${connectKind} connects`;
        try {
            await run(name, start(acceptKind, ['accept', name]), connectKind, start);
            console.log(`ok      ${title}`);
        } catch (error) {
            console.log(`FAILED  ${title}\n${error.message}`);
            process.exitCode = 1;
            peers.forEach((peer) => peer.process.kill());
        }
    }
}

await main(...process.argv.slice(2));
