// A real iroh endpoint as a command: the peer that the interop tests talk to.
//
//   iroh_peer.mjs accept  --alpn A [--alpn B] [--behaviour echo|close|refuse|retry]
//   iroh_peer.mjs connect --id HEX --addr IP:PORT[,IP:PORT...] --alpn A
//                         [--behaviour echo|close|wait]
//                         [--size BYTES] [--streams N] [--connections N]
//                         [--ticket T]: instead of --id and --addr
//   both                  [--code N] [--reason TEXT]: what `close` and the end of `echo` say
//                         [--sessions N] [--early 1]: for ours; iroh always keeps sessions, and the
//                         binding sends no early data
//
// It prints one JSON object per event and line; ./peer.c is the same on our library, but without
// tickets, and it can also ignore and screen.  "accept" ends when its standard input does, "connect" after its last connection.
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
        sessions: { type: 'string' },
        early: { type: 'string' },
    },
});

function say(event, details = {}) {
    process.stdout.write(JSON.stringify({ event, ...details }) + '\n');
}

// iroh's own words: the last line of what the binding reports, without the call stack.
function words(error) {
    return error.message.split('\n\nStack backtrace')[0].split('\n').at(-1).trim();
}

async function begin(alpns) {
    const endpoint = await bind(alpns);
    const ticket = EndpointTicket.fromAddr(endpoint.addr()).toString();
    say('bound', { id: endpoint.id().toString(), addr: boundAddr(endpoint), ticket });
    return endpoint;
}

function hangUp(connection) {
    connection.close(BigInt(options.code), bytes(options.reason));
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

async function serve(incoming) {
    if (options.behaviour === 'refuse') {
        await incoming.refuse();
        say('refused');
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
    if (options.behaviour === 'close') hangUp(connection);
    else echoStreams(connection).catch(() => {}); // ends with the connection, which closed() tells
    say('closed', { error: await connection.closed() });
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
        serve(incoming);
    }
}

// The connect side.

async function echoOnce(connection, payload) {
    const { send, recv } = await connection.openBi();
    const sendAll = async () => {
        await send.writeAll(payload);
        await send.finish();
    };
    // Together: an echo that nobody reads stops the peer from reading, too.
    const [echo] = await Promise.all([recv.readToEnd(payload.length + 1), sendAll()]);
    return Buffer.from(echo).equals(Buffer.from(payload));
}

async function echo(connection) {
    const streams = Number(options.streams);
    const length = Number(options.size);
    const payload = Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
    const equal = await Promise.all(
        Array.from({ length: streams }, () => echoOnce(connection, payload)));
    say('echoed', { streams, bytes: length, equal: equal.every(Boolean) });
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
    say('connected', { remote: connection.remoteId().toString(), alpn: text(connection.alpn()) });
    if (options.behaviour === 'echo') {
        await echo(connection).catch((error) => say('echo failed', { error: words(error) }));
    }
    if (options.behaviour !== 'wait') hangUp(connection);
    say('closed', { error: await connection.closed() });
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
