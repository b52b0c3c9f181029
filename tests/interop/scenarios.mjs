// The interop scenarios: what two peers are told to do, and every line that each must then say.
//
//   scenarios.mjs list               prints the names
//   scenarios.mjs NAME OUR_PEER      runs one: ours accepts and iroh connects, then the reverse
//   scenarios.mjs NAME               runs it with iroh on both sides, to check the scenario itself
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';

import { Program } from './program.mjs';

const ALPN = 'iroh-example/echo/0';
const SOMEBODY_ELSE = '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c';

// The reasons that each kind of peer gives for a TLS alert.
const WRONG_ID = {
    iroh: 'invalid peer certificate: UnknownIssuer',
    iq: "the peer's key is not the one that was dialled",
};
const NO_PROTOCOL = {
    iroh: "peer doesn't support any known protocol",
    iq: 'no protocol in common',
};

// How a connection ended: in the words of iroh, and in the fields of struct iq_close_reason.  Some
// depend on the other peer.

const closedByUs = (code, reason) => ({
    iroh: { error: 'closed' },
    iq: { how: 'closed by us', code, reason },
});

const closedByPeer = (code, reason) => ({
    iroh: { error: `closed by peer: ${reason ? `${reason} (code ${code})` : code}` },
    iq: { how: 'closed by peer', code, reason },
});

const refused = {
    iroh: { error: 'aborted by peer: the server refused to accept a new connection' },
    iq: { how: 'aborted by peer', code: 0x02, reason: '' },
};

const tlsError = (alert, reason) => ({
    iroh: { error: `the cryptographic handshake failed: error ${alert}: ${reason.iroh}` },
    iq: { how: 'transport error', code: 0x100 + alert, reason: reason.iq },
});

const tlsErrorOfPeer = (alert, reason) => (other) => ({
    iroh: {
        error: 'aborted by peer: the cryptographic handshake failed: ' +
            `error ${alert}: ${reason[other.kind]}`,
    },
    iq: { how: 'aborted by peer', code: 0x100 + alert, reason: reason[other.kind] },
});

// What iroh says of a first datagram that it cannot accept.
const noProtocolOnAccept = {
    iroh: {
        error: 'TransportError(Error { code: Code::crypto(78), frame: None, ' +
            `reason: "${NO_PROTOCOL.iroh}", crypto: Some(NoApplicationProtocol) })`,
    },
};

// A scenario: arguments for the two commands, `ours` for the one of them that is on our library, and
// the events that follow "bound" on each side.  An event is its name and its details, which may differ
// between the two kinds of peer, and null for one that says nothing.  Some things only
// ours can do: with `iq_accepts` it is only for our accept side, and `connect_kinds` says who dials.

const accepted = (alpn = ALPN) => ['accepted', (other) => ({ remote: other.id, alpn })];
const connected = (alpn = ALPN) => ['connected', (other) => ({ remote: other.id, alpn })];
const closed = (end) => ['closed', end];
const failed = (end) => ['failed', end];

// Our accept side says nothing of handshakes that failed.
const failedToAccept = (end) => ['failed', (other) => ({ ...resolve(end, other), iq: null })];

const resolve = (details, other) => (typeof details === 'function' ? details(other) : details);

function echo({ bytes = 13, streams = 1, connections = 1 }) {
    const times = (events) => Array(connections).fill(events).flat();

    return {
        connect: ['--size', bytes, '--streams', streams, '--connections', connections],
        accept_says: times([accepted(), closed(closedByPeer(0, 'bye!'))]),
        connect_says: times([
            connected(), ['echoed', { streams, bytes, equal: true }], closed(closedByUs(0, 'bye!')),
        ]),
    };
}

function closeFromConnectSide(code, reason) {
    return {
        connect: ['--behaviour', 'close', '--code', code, '--reason', reason],
        accept_says: [accepted(), closed(closedByPeer(code, reason))],
        connect_says: [connected(), closed(closedByUs(code, reason))],
    };
}

function closeFromAcceptSide(code, reason) {
    return {
        accept: ['--behaviour', 'close', '--code', code, '--reason', reason],
        connect: ['--behaviour', 'wait'],
        accept_says: [accepted(), closed(closedByUs(code, reason))],
        connect_says: [connected(), closed(closedByPeer(code, reason))],
    };
}

// The connect side is connected before the other side has seen its key.  Only ours can do this:
// what iroh is given in JavaScript has no on_accepting.
function screened(args, code, reason) {
    return {
        iq_accepts: true,
        accept: ['--behaviour', 'screen', ...args],
        connect: ['--behaviour', 'wait'],
        accept_says: [['screened', (other) => ({ remote: other.id, alpn: ALPN })]],
        connect_says: [connected(), closed(closedByPeer(code, reason))],
    };
}

// Our side, whichever it is, changes the keys when a tenth has arrived.
function echoWithNewKeys() {
    const { connect, accept_says, connect_says } = echo({ bytes: 1_000_000 });
    const keysUpdated = ['keys updated', { iroh: null, iq: {} }];

    return {
        ours: ['--update-keys', 100_000],
        connect,
        accept_says: [...accept_says, keysUpdated],
        connect_says: [...connect_says, keysUpdated],
    };
}

// The accept side closes as soon as it has written its echo, which may therefore never arrive: the
// connect side tells only an end of the stream that is not the end.
function handlerReturns(size) {
    const connections = 10;
    const times = (events) => Array(connections).fill(events).flat();

    return {
        accept: ['--behaviour', 'return'],
        connect: ['--behaviour', 'hear', '--size', size, '--connections', connections],
        accept_says: times([accepted(), closed(closedByUs(0, ''))]),
        connect_says: times([connected(), closed(closedByPeer(0, ''))]),
    };
}

// The endpoint of one side closes, and closes again, and dials.
const ends = [
    closed(closedByUs(0, '')), ['gone', {}],
    ['closed twice', { iroh: {}, iq: { error: 'the object is closed or closing' } }],
    ['not dialled', {
        iroh: { error: 'Endpoint is closed' }, iq: { error: 'the object is closed or closing' },
    }],
];

const scenarios = {};

function scenario(name, what) {
    scenarios[name] = what;
}

scenario('echo_0_bytes', echo({ bytes: 0 }));
scenario('echo_13_bytes', echo({ bytes: 13 }));
scenario('echo_1000000_bytes', echo({ bytes: 1_000_000 }));
scenario('echo_2000000_bytes', echo({ bytes: 2_000_000 })); // more than a stream's window
scenario('echo_on_100_streams', echo({ streams: 100 }));
scenario('echo_on_250_streams', echo({ streams: 250 })); // more than may be open at once
scenario('echo_on_3_connections_in_a_row', echo({ connections: 3 })); // iroh resumes TLS if it may

scenario('echo_with_new_keys', echoWithNewKeys());
// Ours tells whether it has resumed a session, and whether early data was accepted.
function sessions({ sides, early = false }) {
    const told = (event, side, i) => [event, (other) => ({
        iroh: { remote: other.id, alpn: ALPN },
        iq: {
            remote: other.id, alpn: ALPN,
            ...(sides.includes(side) && { resumed: i > 0, early: early && i > 0 }),
        },
    })];
    const args = (side) => (sides.includes(side)
        ? ['--sessions', 256, ...(early ? ['--early', 1] : [])] : []);

    return {
        connect: ['--connections', 3, ...args('connect')],
        accept: args('accept'),
        accept_says: [0, 1, 2].flatMap((i) =>
            [told('accepted', 'accept', i), closed(closedByPeer(0, 'bye!'))]),
        connect_says: [0, 1, 2].flatMap((i) => [
            ...(early && i > 0 ? [['early', {}]] : []),
            told('connected', 'connect', i), ['echoed', { streams: 1, bytes: 13, equal: true }],
            closed(closedByUs(0, 'bye!')),
        ]),
    };
}
scenario('sessions_resumed', sessions({ sides: ['accept', 'connect'] }));
scenario('early_data_to_iroh',
    { ...sessions({ sides: ['connect'], early: true }), connect_kinds: ['iq'] });
scenario('several_alpns', { // ours offers both, and the accept side's order decides
    accept: ['--alpn', 'iroh-example/second/0'],
    connect: ['--alpn', 'iroh-example/second/0', '--alpn', ALPN, '--behaviour', 'close'],
    connect_alpn: 'iroh-example/unknown/0',
    connect_kinds: ['iq'],
    accept_says: [accepted(), closed(closedByPeer(0, 'bye!'))],
    connect_says: [connected(), closed(closedByUs(0, 'bye!'))],
});

scenario('close_0_from_connect_side', closeFromConnectSide(0, 'bye!'));
scenario('close_0_from_accept_side', closeFromAcceptSide(0, 'bye!'));
scenario('close_42_from_connect_side', closeFromConnectSide(42, 'shutdown'));
scenario('close_42_from_accept_side', closeFromAcceptSide(42, 'shutdown'));
scenario('close_without_reason_from_connect_side', closeFromConnectSide(7, ''));
scenario('close_without_reason_from_accept_side', closeFromAcceptSide(7, ''));

scenario('handler_returns_after_13_bytes', handlerReturns(13));
scenario('handler_returns_after_100000_bytes', handlerReturns(100_000));
scenario('endpoint_closed_from_connect_side', {
    connect: ['--behaviour', 'end'],
    accept_says: [accepted(), closed(closedByPeer(0, ''))],
    connect_says: [connected(), ...ends],
});
scenario('endpoint_closed_from_accept_side', {
    accept: ['--behaviour', 'end'],
    connect: ['--behaviour', 'wait'],
    accept_says: [accepted(), ...ends],
    connect_says: [connected(), closed(closedByPeer(0, ''))],
});

scenario('second_alpn', {
    accept: ['--alpn', 'iroh-example/second/0'],
    connect_alpn: 'iroh-example/second/0',
    connect: ['--behaviour', 'close'],
    accept_says: [accepted('iroh-example/second/0'), closed(closedByPeer(0, 'bye!'))],
    connect_says: [connected('iroh-example/second/0'), closed(closedByUs(0, 'bye!'))],
});
scenario('unknown_alpn', {
    connect_alpn: 'iroh-example/unknown/0',
    accept_says: [failedToAccept(noProtocolOnAccept)],
    connect_says: [failed(tlsErrorOfPeer(120, NO_PROTOCOL))],
});
scenario('wrong_id', {
    connect_id: SOMEBODY_ELSE,
    accept_says: [failedToAccept(tlsErrorOfPeer(48, WRONG_ID))],
    connect_says: [failed(tlsError(48, WRONG_ID))],
});
scenario('refused', {
    accept: ['--behaviour', 'refuse'],
    accept_says: [['refused', {}]],
    connect_says: [failed(refused)],
});
scenario('retried', {
    accept: ['--behaviour', 'retry'],
    accept_says: [['retried', {}], accepted(), closed(closedByPeer(0, 'bye!'))],
    connect_says: [
        connected(), ['echoed', { streams: 1, bytes: 13, equal: true }],
        closed(closedByUs(0, 'bye!')),
    ],
});

scenario('screened', screened([], 0, ''));
scenario('screened_with_a_code', screened(['--code', 403, '--reason', 'not allowed'], 403,
    'not allowed'));

// A peer: a program, and the events that it has said.

class Peer extends Program {
    constructor(kind, command, args) {
        super([...command, ...args], 'pipe');
        this.kind = kind;
    }

    async bound() {
        await this.until(() => this.lines.length > 0);
        assert(this.events[0]?.event === 'bound', `${this.kind}: no "bound" (${this.ended})`);
        return { ...this.events[0], kind: this.kind };
    }
}

// The events that a peer of this kind says, after "bound", to the peer that is bound as `other`.
function expectedEvents(says, kind, other) {
    return says.flatMap(([event, details]) => {
        const any = resolve(details, other);
        const ours = kind in any ? any[kind] : any;
        return ours ? { event, ...ours } : [];
    });
}

// By name: a connection may be accepted before the end of the one before it is told.
const sorted = (events) => [...events].sort((a, b) => a.event.localeCompare(b.event));

// Starts both peers, lets them come to their ends, and compares what they said.
async function run(scenario, acceptKind, connectKind, start) {
    const ours = (kind) => (kind === 'iq' && scenario.ours) || [];
    const accept = start(acceptKind,
        ['accept', '--alpn', ALPN, ...(scenario.accept ?? []), ...ours(acceptKind)]);
    const server = await accept.bound();
    const connect = start(connectKind, ['connect', '--addr', server.addr,
        '--id', scenario.connect_id ?? server.id, '--alpn', scenario.connect_alpn ?? ALPN,
        ...(scenario.connect ?? []), ...ours(connectKind)]);
    const client = await connect.bound();
    await connect.toEnd();

    const acceptSays = expectedEvents(scenario.accept_says, acceptKind, client);
    await accept.until(() => accept.lines.length > acceptSays.length);
    accept.process.stdin.end();
    await accept.toEnd();

    const heard = (peer) => ({ events: sorted(peer.events.slice(1)), ended: peer.ended });
    const expected = (events) => ({ events: sorted(events), ended: 'exit status 0' });
    const connectSays = expectedEvents(scenario.connect_says, connectKind, server);
    assert.deepEqual({ connect: heard(connect), accept: heard(accept) },
        { connect: expected(connectSays), accept: expected(acceptSays) });
}

// A process that stands still for three PTO, some 80 ms here, just when it has been hung up on, asks
// once more, and hears that the other side has forgotten it: RFC 9000, sections 10.2 and 10.3.
const ATTEMPTS = 3;
const stoodStill = (peers) => peers.some((peer) =>
    peer.events.some(({ error }) => error === 'reset by peer'));

// Returns what was wrong, if anything was.
async function play(scenario, acceptKind, connectKind, commands) {
    for (let attempt = 1; ; attempt++) {
        const peers = [];
        const start = (kind, args) => {
            peers.push(new Peer(kind, commands[kind], args));
            return peers.at(-1);
        };
        try {
            return await run(scenario, acceptKind, connectKind, start);
        } catch (error) {
            peers.forEach((peer) => peer.process.kill());
            if (attempt === ATTEMPTS || !stoodStill(peers)) return error;
        }
    }
}

async function main(name, ourPeer) {
    if (name === 'list') {
        console.log(Object.keys(scenarios).join('\n'));
        return;
    }
    if (!(name in scenarios)) {
        console.error(`no scenario "${name ?? ''}"; "list" prints their names`);
        process.exitCode = 2;
        return;
    }
    const commands = {
        iroh: [process.execPath, fileURLToPath(new URL('iroh_peer.mjs', import.meta.url))],
        iq: [ourPeer],
    };
    const directions = ourPeer ? [['iq', 'iroh'], ['iroh', 'iq']] : [['iroh', 'iroh']];
    const kinds = scenarios[name].connect_kinds ?? ['iq', 'iroh'];
    for (const [acceptKind, connectKind] of directions.filter(([, kind]) => kinds.includes(kind))) {
        if (scenarios[name].iq_accepts && acceptKind !== 'iq') continue;
        const title = `${name}: ${acceptKind} accepts, ${connectKind} connects`;
        const error = await play(scenarios[name], acceptKind, connectKind, commands);
        console.log(error ? `FAILED  ${title}\n${error.message}` : `ok      ${title}`);
        if (error) process.exitCode = 1;
    }
}

await main(...process.argv.slice(2));
