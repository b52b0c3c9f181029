// A real iroh endpoint as a command: the peer that the interop tests talk to.
//
//   iroh_peer.mjs accept  --alpn A [--alpn B] [--behaviour echo|close|refuse|retry|ignore|
//                                      return|end]
//   iroh_peer.mjs connect --id HEX --addr IP:PORT[,IP:PORT...] --alpn A
//                         [--behaviour echo|close|wait|hear|end]
//                         [--size BYTES] [--streams N] [--connections N]
//                         [--hold echo]
//                         [--ticket T]: instead of --id and --addr
//   both                  [--code N] [--reason TEXT]: what `close` and the end of `echo` say
//                         [--bind IP:PORT] [--key HEX]: 32 bytes
//                         [--sessions N] [--early 1]: for ours; iroh always keeps sessions, and the
//                         binding sends no early data
//
// `return` ends like a handler that returns as soon as it has written the echo of one stream, with
// code 0 and no reason.  `hear` sends a payload, and never closes; of the echo it tells only an end
// that is not the payload's.  `end` closes the endpoint, and once more, and then dials.  With --hold
// the echo waits for a line of standard input.
//
// It prints one JSON object per event and line; ./peer.c is the same on our library, but without
// tickets and --key, and it can also screen.  "accept" ends when its standard input does, "connect"
// after its last connection.
import { once } from 'node:events';
import { parseArgs } from 'node:util';

import {
    EndpointAddr, EndpointId, EndpointTicket, bind, boundAddr, bytes, text,
} from './iroh.mjs';

const { values: options, positionals: [command] } = parseArgs({
    allowPositionals: true,
    options: {
        alpn: { type: 'string', multiple: true },
        id: { type: 'string' },
        addr: { type: 'string' },
        ticket: { type: 'string' },
        behaviour: { type: 'string', default: 'echo' },
        size: { type: 'string', default: '13' },
        streams: { type: 'string', default: '1' },
        connections: { type: 'string', default: '1' },
        code: { type: 'string', default: '0' },
        reason: { type: 'string', default: 'bye!' },
        bind: { type: 'string' },
        key: { type: 'string' },
        hold: { type: 'string' },
        sessions: { type: 'string' },
        early: { type: 'string' },
    },
});

function say(event, details = {}) {
    process.stdout.write(JSON.stringify({ event, ...details }) + '\n');
}

// iroh's own words: the last line of what the binding reports, without the call stack and the place
// in its source.
function words(error) {
    const last = error.message.split('\n\nStack backtrace')[0].split('\n').at(-1).trim();
    return last.replace(/ \(\/\S+\.rs:[0-9:]+\)$/, '');
}

async function begin(alpns) {
    const endpoint = await bind(alpns, { addr: options.bind, key: options.key });
    const ticket = EndpointTicket.fromAddr(endpoint.addr()).toString();
    say('bound', {
        id: endpoint.id().toString(), addr: boundAddr(endpoint), ticket, pid: process.pid,
    });
    return endpoint;
}

function hangUp(connection) {
    connection.close(BigInt(options.code), bytes(options.reason));
}

// How a connection has ended.  Of one whose endpoint is closed iroh says "closed", or that its own
// inside has gone already.
async function theEnd(closed) {
    const error = await closed;
    return { error: error.endsWith('endpoint driver future was dropped') ? 'closed' : error };
}

// Closes twice at once, and dials afterwards.
async function end(endpoint, connection) {
    const peer = new EndpointAddr(connection.remoteId(), null, ['127.0.0.1:9']);
    const gone = endpoint.close();
    await endpoint.close();
    say('closed twice');
    await gone;
    say('gone');
    try {
        await endpoint.connect(peer, connection.alpn());
    } catch (error) {
        say('not dialled', { error: words(error) });
    }
}

// The accept side.

async function echoStream({ recv, send }) {
    for (;;) {
        const chunk = await recv.read(65536);
        if (chunk.length === 0) break;
        await send.writeAll(chunk);
    }
    await send.finish();
}

async function echoStreams(connection) {
    for (;;) {
        const stream = await connection.acceptBi();
        echoStream(stream).catch((error) => say('stream failed', { error: words(error) }));
    }
}

async function echoAndReturn(connection) {
    await echoStream(await connection.acceptBi());
    connection.close(0n, []);
}

async function serve(incoming, endpoint) {
    if (options.behaviour === 'refuse') {
        await incoming.refuse();
        say('refused');
        return;
    }
    if (options.behaviour === 'ignore') { // it comes again and again, so nothing is said of it
        await incoming.ignore();
        return;
    }
    if (options.behaviour === 'retry' && !(await incoming.remoteAddrValidated())) {
        await incoming.retry();
        say('retried');
        return;
    }
    let connection;
    try {
        connection = await (await incoming.accept()).connect();
    } catch (error) {
        say('failed', { error: words(error) });
        return;
    }
    say('accepted', { remote: connection.remoteId().toString(), alpn: text(connection.alpn()) });
    const closed = connection.closed();
    if (options.behaviour === 'close') hangUp(connection);
    else if (options.behaviour === 'return') await echoAndReturn(connection);
    else if (options.behaviour === 'end') end(endpoint, connection);
    else echoStreams(connection).catch(() => {}); // ends with the connection, which closed() tells
    say('closed', await theEnd(closed));
}

async function accept() {
    const endpoint = await begin(options.alpn);
    process.stdin.resume().on('end', async () => {
        await endpoint.close();
        process.exit(0);
    });
    for (;;) {
        const incoming = await endpoint.acceptNext();
        if (!incoming) break;
        serve(incoming, endpoint);
    }
}

// The connect side.

const length = Number(options.size);
const payload = Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
const isPayload = (array) => Buffer.from(array).equals(Buffer.from(payload));

async function sendPayload(send) {
    await send.writeAll(payload);
    await send.finish();
}

async function echoOnce(connection) {
    const { send, recv } = await connection.openBi();
    // Together: an echo that nobody reads stops the peer from reading, too.
    const [echo] = await Promise.all([recv.readToEnd(length + 1), sendPayload(send)]);
    return isPayload(echo);
}

async function echo(connection) {
    const streams = Number(options.streams);
    const equal = await Promise.all(
        Array.from({ length: streams }, () => echoOnce(connection)));
    say('echoed', { streams, bytes: length, equal: equal.every(Boolean) });
}

// An end of the stream that comes before that of the connection is the end of the payload.
async function hear(connection) {
    const { send, recv } = await connection.openBi();
    sendPayload(send).catch(() => {});
    const echo = await recv.readToEnd(length + 1).catch(() => null);
    if (echo && !isPayload(echo)) say('false end');
}

function dialled() {
    if (options.ticket) return EndpointTicket.fromString(options.ticket).endpointAddr();
    return new EndpointAddr(EndpointId.fromString(options.id), null, options.addr.split(','));
}

async function dial(endpoint) {
    let connection;
    try {
        connection = await endpoint.connect(dialled(), bytes(options.alpn[0]));
    } catch (error) {
        say('failed', { error: words(error) });
        return;
    }
    const closed = connection.closed();
    say('connected', { remote: connection.remoteId().toString(), alpn: text(connection.alpn()) });
    if (options.hold === 'echo') await once(process.stdin, 'data');
    if (options.behaviour === 'echo') {
        await echo(connection).catch((error) => say('echo failed', { error: words(error) }));
    }
    if (options.behaviour === 'hear') await hear(connection);
    else if (options.behaviour === 'end') await end(endpoint, connection);
    else if (options.behaviour !== 'wait') hangUp(connection);
    say('closed', await theEnd(closed));
}

async function connect() {
    const endpoint = await begin([]);
    for (let i = 0; i < Number(options.connections); i++) await dial(endpoint);
    await endpoint.close();
    process.exit(0);
}

setTimeout(() => {
    console.error(`iroh_peer: "${command}" still runs after 60 seconds`);
    process.exit(1);
}, 60_000);
await { accept, connect }[command]();
