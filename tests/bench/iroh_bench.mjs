// Real iroh for `compare`: takes the words of ./bench, as far as its binding can do that work.
//
//   ../interop/run iroh_bench.mjs connect|small [--count N] [--at-once N] [--one-core]
//
// Both ends are processes of their own, as ./bench has them.  The binding and its garbage collector
// are in the figures.
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';

import { EndpointAddr, EndpointId, bind, boundAddr, bytes } from '../interop/iroh.mjs';

const ALPN = 'iq-bench/echo';
const HELLO = bytes('Hello, world!');

const { values: options, positionals: [work] } = parseArgs({
    allowPositionals: true,
    options: {
        'count': { type: 'string', default: '500' },
        'at-once': { type: 'string', default: '1' },
        'one-core': { type: 'boolean' },
    },
});

async function echo({ recv, send }) {
    await send.writeAll(await recv.readToEnd(1000));
    await send.finish();
}

async function serve(incoming) {
    const connection = await (await incoming.accept()).connect();
    for (;;) echo(await connection.acceptBi());
}

async function accept() {
    const endpoint = await bind([ALPN]);
    process.send({ id: endpoint.id().toString(), addr: boundAddr(endpoint) });
    process.on('disconnect', () => process.exit(0));
    for (;;) serve(await endpoint.acceptNext()).catch(() => {}); // ends with its connection
}

async function hello(connection) {
    const { send, recv } = await connection.openBi();
    await send.writeAll(HELLO);
    await send.finish();
    const answer = await recv.readToEnd(1000);
    if (!Buffer.from(answer).equals(Buffer.from(HELLO))) throw new Error('not what was sent');
}

const works = {
    async connect(endpoint, addr) {
        const connection = await endpoint.connect(addr, bytes(ALPN));
        await hello(connection);
        connection.close(0n, bytes('bye!'));
    },
    async small(endpoint, addr) {
        works.connection ??= await endpoint.connect(addr, bytes(ALPN));
        await hello(works.connection);
    },
};

async function dial({ id, addr }) {
    const endpoint = await bind([]);
    const to = new EndpointAddr(EndpointId.fromString(id), null, [addr]);
    const samples = [];
    let left = Number(options.count);
    const worker = async () => {
        while (left-- > 0) {
            const start = process.hrtime.bigint();
            await works[work](endpoint, to);
            samples.push(Number(process.hrtime.bigint() - start) / 1e3);
        }
    };

    await works.small(endpoint, to); // the first of everything is slower
    const start = process.hrtime.bigint();
    await Promise.all(Array.from({ length: Number(options['at-once']) }, worker));
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    samples.sort((a, b) => a - b);
    console.log(JSON.stringify({
        work, seconds, per_second: samples.length / seconds,
        p50_us: samples[samples.length >> 1], p99_us: samples[Math.floor(samples.length * 0.99)],
    }));
    process.exit(0);
}

if (process.send) {
    await accept();
} else {
    const child = fork(process.argv[1], process.argv.slice(2), { stdio: 'inherit' });
    child.once('message', dial);
}
