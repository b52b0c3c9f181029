// The round trip of ./echo on real iroh: two endpoints in one process, 13 bytes there and back.
//
//   ../interop/run iroh_demo.mjs MEASURE     MEASURE is ./measure.c, which runs it without arguments
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { EndpointAddr, bind, boundAddr, bytes, text } from '../interop/iroh.mjs';

const ALPN = 'iroh-example/echo/0';
const HELLO = 'Hello, world!';

async function echo(endpoint) {
    const connection = await (await (await endpoint.acceptNext()).accept()).connect();
    const { send, recv } = await connection.acceptBi();
    const copied = await recv.readToEnd(1000);
    await send.writeAll(copied);
    await send.finish();
    console.log(`Copied over ${copied.length} byte(s)`);
    await connection.closed();
}

async function greet(to) {
    const endpoint = await bind([]);
    const connection = await endpoint.connect(to, bytes(ALPN));
    const { send, recv } = await connection.openBi();
    await send.writeAll(bytes(HELLO));
    await send.finish();
    assert.equal(text(await recv.readToEnd(1000)), HELLO);
    connection.close(0n, bytes('bye!'));
    await endpoint.close();
}

async function demo() {
    const endpoint = await bind([ALPN]);
    const echoes = echo(endpoint);
    await greet(new EndpointAddr(endpoint.id(), null, [boundAddr(endpoint)]));
    await echoes;
    await endpoint.close();
}

const [measure] = process.argv.slice(2);
if (measure) {
    const command = [process.execPath, process.argv[1]];
    process.exitCode = spawnSync(measure, command, { stdio: 'inherit' }).status ?? 1;
} else {
    await demo();
}
