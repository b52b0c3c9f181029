// The examples listen and connect, each with real iroh in the place of the other.
//
//   greeting.mjs LISTEN CONNECT
import assert from 'node:assert/strict';

import { EndpointAddr, EndpointId, bind, boundAddr, bytes, text } from '../interop/iroh.mjs';
import { Program } from '../interop/program.mjs';

const ALPN = 'n0/iroh/examples/0';
const LONGEST = 100; // what either reads at most, in iroh's examples as in ours

const hello = (id) => `${id} is saying 'hello!'`;
const answer = (id) => `hi! you connected to ${id}. bye bye`;

// iroh closes when it has its answer, or stays.
async function irohConnects(listen, stays) {
    const ours = new Program([listen]);
    const id = await ours.line('endpoint id: ');
    const [, addrs] = (await ours.line('\t' + listen.replace(/listen$/, 'connect'))).split(' --addrs ');
    const endpoint = await bind([]);
    const me = endpoint.id().toString();

    const addr = new EndpointAddr(EndpointId.fromString(id), null, addrs.slice(1, -1).split(' '));
    const connection = await endpoint.connect(addr, bytes(ALPN));
    const { send, recv } = await connection.openBi();
    await send.writeAll(bytes(hello(me)));
    await send.finish();
    assert.equal(text(await recv.readToEnd(LONGEST)), answer(id));
    if (stays) {
        assert.equal(await ours.line(`endpoint ${me} `), 'did not disconnect within 3 seconds');
        assert.equal(await connection.closed(), 'closed by peer: 0');
    }
    await endpoint.close();

    assert.equal(await ours.line('received: '), hello(me));
    const lineCount = ours.lines.length;
    ours.process.kill('SIGINT');
    assert.equal(await ours.toEnd(), 'exit status 0');
    assert.equal(ours.lines.length, lineCount, 'it has nothing more to say');
}

async function irohListens(connect) {
    const endpoint = await bind([ALPN]);
    const me = endpoint.id().toString();
    const ours = new Program([connect, '--endpoint-id', me, '--addrs', boundAddr(endpoint)]);

    const connection = await (await (await endpoint.acceptNext()).accept()).connect();
    const { send, recv } = await connection.acceptBi();
    const message = text(await recv.readToEnd(LONGEST));
    await send.writeAll(bytes(answer(me)));
    await send.finish();
    assert.equal(await connection.closed(), 'closed by peer: 0');
    assert.equal(await ours.toEnd(), 'exit status 0');
    assert.equal(message, hello(await ours.line('endpoint id: ')));
    assert.equal(await ours.line('received: '), answer(me));
    await endpoint.close();
}

setTimeout(() => {
    console.error('greeting.mjs still runs after 60 seconds');
    process.exit(1);
}, 60_000);
const [listen, connect] = process.argv.slice(2);
await irohConnects(listen, false);
console.log('ok      iroh connects to our listen');
await irohConnects(listen, true);
console.log('ok      iroh connects to our listen, and stays');
await irohListens(connect);
console.log('ok      our connect connects to iroh');
process.exit(0);
