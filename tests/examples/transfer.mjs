// The example transfer, with real iroh in the place of either side, and with requests that are none.
//
//   transfer.mjs TRANSFER
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { EndpointTicket, bind, bytes } from '../interop/iroh.mjs';
import { Program } from '../interop/program.mjs';

const ALPN = 'n0/iroh/transfer/example/1';
const SIZE = 1_000_000;
const DONE = [1n, bytes('done')];
const LARGEST = 2n ** 64n - 1n;

// Requests: a length, then postcard.  The enums are Download, Upload and, of a length, Size in bytes
// and Duration in microseconds.
const framed = (body, length = body.length) =>
    [length >>> 24, length >>> 16 & 255, length >>> 8 & 255, length & 255, ...body];
const varint = (n) => n < 128n ? [Number(n)] : [Number(n & 127n) | 128, ...varint(n >> 7n)];
const download = (size) => framed([0, 0, ...varint(BigInt(size))]);
const downloadFor = (seconds) => framed([0, 1, ...varint(BigInt(Math.round(seconds * 1e6)))]);
const upload = framed([1]);

function unframed([kind, unit, ...number]) {
    const amount = number.reduce((sum, byte, i) => sum | BigInt(byte & 127) << BigInt(7 * i), 0n);
    if (kind === 1) return { kind: 'upload' };
    return { kind: 'download', ...(unit === 0 ? { size: Number(amount) } : { ms: Number(amount) / 1e3 }) };
}

// Both sides of iroh's example.  They return how many bytes there were.

async function send({ send, recv }, { size = Infinity, ms = Infinity }) {
    const end = performance.now() + ms;
    let sent = 0;
    while (sent < size && performance.now() < end) {
        const chunk = new Array(Math.min(size - sent, 100_000)).fill(0xab);
        await send.writeAll(chunk);
        sent += chunk.length;
    }
    await send.finish();
    assert.deepEqual(await recv.readToEnd(0), []);
    return sent;
}

async function drain({ send, recv }) {
    for (let count = 0; ;) {
        const chunk = await recv.read(1_000_000);
        if (chunk.length === 0) {
            await send.finish();
            return count;
        }
        count += chunk.length;
    }
}

async function ask(connection, request) {
    const stream = await connection.openBi();
    await stream.send.writeAll(request);
    return stream;
}

async function handle(stream) {
    const header = await stream.recv.readExact(4);
    const request = unframed(await stream.recv.readExact(Buffer.from(header).readUInt32BE()));
    const count = request.kind === 'upload' ? await drain(stream) : await send(stream, request);
    return { ...request, count };
}

// Our provider

async function provider(transfer) {
    const ours = new Program([transfer, 'provide']);
    const ticket = EndpointTicket.fromString(await ours.line('\ttransfer fetch '));
    const endpoint = await bind([]);
    const connect = () => endpoint.connect(ticket.endpointAddr(), bytes(ALPN));
    const end = async () => {
        await endpoint.close();
        ours.process.kill('SIGINT');
        assert.equal(await ours.toEnd(), 'exit status 0');
    };
    return { ours, endpoint, connect, end };
}

// Waits for the end of a connection; the lines in between, without the peer.
async function saidUntilClosed(ours, already, peer) {
    const beginning = `[${peer.toString().slice(0, 10)}] `;
    const lines = () => ours.lines.slice(already).filter((line) => line.startsWith(beginning))
        .map((line) => line.slice(beginning.length));
    await ours.until(() => lines().some((line) => line.startsWith('Connection closed')));
    return lines().map((line) => line.replace(/ in .*/, ''));
}

async function irohFetches({ ours, endpoint, connect }, streams, said) {
    const already = ours.lines.length;
    const connection = await connect();
    const counts = await Promise.all(streams.map(async ([request, length]) => {
        const stream = await ask(connection, request);
        return length === undefined ? drain(stream) : send(stream, length);
    }));
    // iroh's example leaves at once, and then nobody knows whether its last words arrive.
    await ours.until(() => ours.lines.slice(already)
        .filter((line) => line.includes('loaded')).length >= streams.length);
    connection.close(...DONE);
    const lines = await saidUntilClosed(ours, already, endpoint.id());
    assert.deepEqual(lines.sort(), said(...counts).sort());
    return counts;
}

async function allModesOfIroh(transfer) {
    const ours = await provider(transfer);
    const frame = (...lines) => ['Accepted connection', ...lines, 'Connection closed'];
    const downloaded = (what, count) => [`Handling Download of ${what}`, `Uploaded ${count} bytes`];
    const uploaded = (count) => ['Handling Upload', `Downloaded ${count} bytes`];
    const million = `${SIZE} bytes`, while_ = '200000 microseconds';

    await irohFetches(ours, [[download(SIZE)]], (count) => {
        assert.equal(count, SIZE);
        return frame(...downloaded(million, SIZE));
    });
    await irohFetches(ours, [[upload, { size: SIZE }]], () => frame(...uploaded(SIZE)));
    await irohFetches(ours, [[download(SIZE)], [upload, { size: SIZE }]],
        () => frame(...downloaded(million, SIZE), ...uploaded(SIZE)));
    await irohFetches(ours, [[downloadFor(0.2)]], (count) => {
        assert(count > 0);
        return frame(...downloaded(while_, count));
    });
    await irohFetches(ours, [[upload, { ms: 200 }]], (count) => frame(...uploaded(count)));
    await irohFetches(ours, [], () => frame()); // its ping keeps a connection open, and asks nothing
    await ours.end();
}

// Our fetch

async function accept(transfer, args) {
    const endpoint = await bind([ALPN]);
    const ticket = EndpointTicket.fromAddr(endpoint.addr()).toString();
    const ours = new Program([transfer, 'fetch', ticket, ...args]);
    const connection = await (await (await endpoint.acceptNext()).accept()).connect();
    return { endpoint, ours, connection };
}

async function ourFetch(transfer, args, expected, said) {
    const { endpoint, ours, connection } = await accept(transfer, args);
    const handled = [];
    for (let i = 0; i < expected.length; i++) handled.push(handle(await connection.acceptBi()));
    const requests = (await Promise.all(handled)).sort((a, b) => a.kind < b.kind ? -1 : 1);
    assert.equal(await connection.closed(), 'closed by peer: done (code 1)');
    assert.equal(await ours.toEnd(), 'exit status 0');
    assert.deepEqual(requests.map(({ count, ...request }) => request), expected);
    const lines = ours.lines.slice(1, -1).map((line) => line.replace(/( in |: ).*/, ''));
    assert.deepEqual(lines.sort(), said(...requests.map(({ count }) => count)).sort());
    await endpoint.close();
}

async function allModesOfOurs(transfer) {
    const size = ['--size', SIZE], ms = ['--duration', '0.2'];

    await ourFetch(transfer, size, [{ kind: 'download', size: SIZE }],
        () => [`Downloaded ${SIZE} bytes`]);
    await ourFetch(transfer, ['--mode', 'upload', ...size], [{ kind: 'upload' }], (count) => {
        assert.equal(count, SIZE);
        return [`Uploaded ${SIZE} bytes`];
    });
    await ourFetch(transfer, ['--mode', 'bidi', ...size],
        [{ kind: 'download', size: SIZE }, { kind: 'upload' }],
        () => [`Downloaded ${SIZE} bytes`, `Uploaded ${SIZE} bytes`]);
    await ourFetch(transfer, ['--mode', 'download', ...ms], [{ kind: 'download', ms: 200 }],
        (count) => [`Downloaded ${count} bytes`]);
    await ourFetch(transfer, ['--mode', 'upload', ...ms], [{ kind: 'upload' }],
        (count) => [`Uploaded ${count} bytes`]);
    await ourFetch(transfer, ['--mode', 'ping', ...ms], [{ kind: 'download', size: 0 }],
        () => ['Round trip']);
}

// Hostile peers

async function cheated(transfer, args, cheat, said) {
    const { endpoint, ours, connection } = await accept(transfer, args);
    await cheat(await connection.acceptBi());
    assert.equal(await connection.closed(), 'closed by peer: shutdown (code 0)');
    assert.equal(await ours.toEnd(), 'exit status 1');
    await ours.line(`Request failed: ${said}`);
    await endpoint.close();
}

async function allCheats(transfer) {
    const sendOther = (size) => ({ send }) =>
        send.writeAll(new Array(size).fill(0)).then(() => send.finish());
    const size = ['--size', 1000], isUpload = ['--mode', 'upload', '--duration', 50];

    await cheated(transfer, size, sendOther(999), 'it is not as much as was asked for');
    await cheated(transfer, size, sendOther(1001), 'it is not as much as was asked for');
    await cheated(transfer, size, ({ send }) => send.reset(9n), 'it ended early');
    await cheated(transfer, isUpload, ({ recv }) => recv.stop(9n), 'the peer does not want the data');
    await cheated(transfer, ['--mode', 'upload', '--size', 0], sendOther(1),
        'there is data where only the end may be');
}

const nonsense = {
    'length 0': framed([]),
    'length 2^32 - 1': framed([0, 0, 1], 0xffffffff),
    'length 13': framed([0, 0, 1], 13),
    'unknown request': framed([2]),
    'unknown request, long tag': framed([0x80, 0x80]),
    'unknown kind of length': framed([0, 2, 1]),
    'download of nothing said': framed([0]),
    'number of 11 bytes': framed([0, 0, ...new Array(10).fill(0x80)]),
    'number of 65 bits': framed([0, 0, ...new Array(9).fill(0xff), 2]),
    'number without an end': framed([0, 0, 0x80]),
    'bytes behind the number': framed([0, 0, 1, 1]),
    'bytes behind upload': framed([1, 0]),
};
const truncated = {
    'nothing': [],
    'truncated length': [0, 0, 0],
    'truncated request': framed([0, 0], 3),
};

async function refused(connection, [name, data], ends) {
    const stream = await connection.openBi();
    await stream.send.writeAll(data);
    if (ends) await stream.send.finish();
    assert.equal(await stream.recv.receivedReset(), 2, name);
}

// Each of these would go on for ever, but for one side that does not want to.
async function endless(connect) {
    const connection = await connect();
    for (const request of [download(LARGEST), framed([0, 1, ...varint(LARGEST)])]) {
        await ask(connection, request); // and nobody reads
        const stopped = await connection.openBi();
        await Promise.allSettled([stopped.send.writeAll(request), stopped.recv.stop(9n)]);
        assert.equal(await stopped.send.stopped(), 2);
        const stoppedLater = await ask(connection, request);
        await stoppedLater.recv.readExact(SIZE);
        await stoppedLater.recv.stop(9n);
        assert.equal(await stoppedLater.send.stopped(), 2);
        const talks = await ask(connection, [...download(SIZE), 0]); // where only an end may be
        await assert.rejects(drain(talks));
    }
    const uploads = await ask(connection, [...upload, 1, 2, 3]);
    await uploads.send.reset(9n);
    assert.equal(await uploads.recv.receivedReset(), 9);
    const oneWay = await connection.openUni();
    await oneWay.writeAll(download(LARGEST));
    assert.equal(await oneWay.stopped(), 2);
    connection.close(7n, bytes('enough'));
}

// The program under `timeout`.
function peakMemory(ours) {
    const { pid } = ours.process;
    const child = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${child}/status`, 'utf8'))[1]);
}

async function hostile(transfer) {
    const { ours, connect, end } = await provider(transfer);
    const round = async () => {
        const connection = await connect();
        for (const request of Object.entries(nonsense)) await refused(connection, request, false);
        for (const request of Object.entries(truncated)) await refused(connection, request, true);
        assert.equal(await drain(await ask(connection, download(SIZE))), SIZE);
        connection.close(...DONE);
        await endless(connect);
    };
    await round();
    const before = peakMemory(ours);
    for (let i = 0; i < 10; i++) await round();
    const grown = peakMemory(ours) - before;
    assert(grown < 40 * SIZE, `memory has grown by ${grown} bytes`);
    await end();
}

process.setMaxListeners(50); // each of our programs ends with us
setTimeout(() => {
    console.error('transfer.mjs still runs after 60 seconds');
    process.exit(1);
}, 60_000);
const [transfer] = process.argv.slice(2);
await allModesOfIroh(transfer);
console.log('ok      iroh fetches from our provider');
await allModesOfOurs(transfer);
console.log('ok      we fetch from iroh');
await allCheats(transfer);
console.log('ok      we fetch from one that cheats');
await hostile(transfer);
console.log('ok      requests that are none, and peers that do not read');
process.exit(0);
